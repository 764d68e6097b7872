import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import { parseManifest } from './manifest.ts';
import { PrefetchPace } from './prefetch-pace.ts';
import { parsePrefetch } from './prefetch-request.ts';
import { openSinceMs, opensAtMs, parseSchedule, type Schedule } from './schedule.ts';

describe('parseManifest()', () => {
  const [a, b] = ['http://h.example/a', 'https://h.example/b?x=1'];
  test.each([
    ['lines', `${a}\n# no\n\n${b} 12 # twelve\r\n`],
    ['NDJSON', `{"url":"${a}"}\n{"url":"${b}","size":12}\n`],
    ['a JSON list', JSON.stringify([a, { url: b, sizeBytes: 12 }])],
    ['a JSON document', JSON.stringify({ files: [{ url: a }, { url: b, sizeBytes: 12 }] })],
    ['one with a byte order mark, and twice the same', `\uFEFF${a}\n${a}\n${b} 12`],
  ])('%s', (_form, text) => {
    expect(parseManifest(text)).toEqual({
      problems: [],
      entries: [
        { url: a, sizeBytes: null },
        { url: b, sizeBytes: 12 },
      ],
    });
  });

  test.each(['ftp://x/y', 'http://h/a -1', 'http://h/a 1 2', '{"url":5}', '[1]', '{"size":1}'])(
    '%s is named',
    (text) => {
      const { entries, problems } = parseManifest(text);
      expect([entries.length, problems.length]).toEqual([0, 1]);
    },
  );

  test('too many', () => {
    expect(parseManifest('http://h/a\n'.repeat(100_001)).problems[0]?.message).toContain('wanted at most 100000');
  });
});

describe('schedule', () => {
  const of = (window: string, days?: string, timeZone?: string) => parseSchedule(window, days, timeZone) as Schedule;
  /** 2026-03-04 is a Wednesday. */
  const at = (text: string) => Date.parse(`2026-03-${text}:00Z`);

  test.each([
    ['01:00-05:00', undefined, undefined, '04T01:00', '04T01:00'],
    ['01:00-05:00', undefined, undefined, '04T04:59', '04T01:00'],
    ['01:00-05:00', undefined, undefined, '04T05:00', null],
    ['22:00-05:00', undefined, undefined, '04T23:30', '04T22:00'],
    ['22:00-05:00', undefined, undefined, '04T04:30', '03T22:00'],
    ['22:00-05:00', 'tue', undefined, '04T04:30', '03T22:00'],
    ['22:00-05:00', 'wed', undefined, '04T04:30', null],
    ['22:00-05:00', 'wed', undefined, '04T22:00', '04T22:00'],
    ['01:00-05:00', 'sat,sun', undefined, '04T02:00', null],
    // Berlin is an hour ahead in winter.
    ['01:00-05:00', 'wed', 'Europe/Berlin', '04T00:30', '04T00:00'],
    ['01:00-05:00', 'wed', 'Europe/Berlin', '04T04:30', null],
    ['00:00-02:00', 'thu', 'Asia/Tokyo', '04T15:30', '04T15:00'],
  ])('%s on %s in %s at %s: open since %s', (window, days, zone, now, since) => {
    expect(openSinceMs(of(window, days, zone), at(now))).toBe(since === null ? null : at(since));
  });

  test.each([
    ['01:00-05:00', undefined, '04T06:00', '05T01:00'],
    ['01:00-05:00', 'mon', '04T06:00', '09T01:00'],
    ['01:00-05:00', 'wed', '04T06:00', '11T01:00'],
    ['22:00-05:00', 'wed', '04T06:00', '04T22:00'],
  ])('%s on %s after %s opens at %s', (window, days, now, opens) => {
    expect(opensAtMs(of(window, days), at(now))).toBe(at(opens));
  });

  test.each([
    ['1-2', undefined, undefined],
    ['24:00-01:00', undefined, undefined],
    ['01:00-01:00', undefined, undefined],
    ['01:00-02:00', 'someday', undefined],
    ['01:00-02:00', '', undefined],
    ['01:00-02:00', undefined, 'Mars/Olympus'],
  ])('%j %j %j cannot be read', (window, days, zone) =>
    expect(typeof parseSchedule(window, days, zone)).toBe('string'),
  );
});

describe('parsePrefetch()', () => {
  test('a list in one text, as a twin holds it', () => {
    const { request, problems } = parsePrefetch({
      urls: 'http://a/1, http://a/2',
      window: '1:00-2:00',
      days: 'Mon,tue',
    });
    expect(problems).toEqual([]);
    expect(request.entries.map(({ url }) => url)).toEqual(['http://a/1', 'http://a/2']);
    expect(request.schedule?.days).toEqual(['mon', 'tue']);
  });

  test.each([
    [{}, 'urls'],
    [{ urls: [], manifest: 'http://a/1' }, 'urls'],
    [{ urls: [] }, 'urls'],
    [{ manifestUrl: 'x' }, 'manifestUrl'],
    [{ urls: ['http://a/1'], days: 'mon' }, 'window'],
    [{ urls: ['http://a/1'], maxMbps: 0 }, 'maxMbps'],
    [{ urls: ['http://a/1'], parallel: 1.5 }, 'parallel'],
    [{ urls: ['http://a/1'], rate: 5 }, 'rate'],
  ])('%j names %s', (value, path) =>
    expect(parsePrefetch(value).problems.map((problem) => problem.path)).toEqual([path]),
  );
});

test('PrefetchPace: what was fetched is paid for before more is; unused time is saved for a second at most', async () => {
  const clock = new FakeClock();
  const pace = new PrefetchPace(8, clock);
  const { signal } = new AbortController();
  await pace.turn(signal);
  pace.charge(3_000_000);
  let isOn = false;
  const turn = pace.turn(signal).then(() => (isOn = true));
  await clock.advance(2900);
  expect(isOn).toBe(false);
  await clock.advance(200);
  await turn;
  await clock.advance(60_000);
  pace.charge(2_000_000);
  const again = pace.turn(signal);
  await clock.advance(1000);
  await again;
  expect(pace.stretchBytes).toBe(1024 * 1024);
});
