import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { readLogQuery } from './log-query.ts';
import { framing, unframing } from './log-stream.ts';

const NOW = Date.UTC(2026, 0, 2, 0, 0, 0);

describe('readLogQuery()', () => {
  test('is all of the log by default', () => {
    expect(readLogQuery({}, NOW)).toEqual({
      follow: false,
      tail: undefined,
      since: undefined,
      until: undefined,
      timestamps: false,
    });
  });
  test('reads times as RFC 3339, UNIX seconds and durations', () => {
    expect(
      readLogQuery(
        { follow: 'true', tail: '5', since: '1 day', until: '2026-01-01T12:00:00Z', timestamps: 'true' },
        NOW,
      ),
    ).toEqual({
      follow: true,
      tail: 5,
      since: NOW / 1000 - 86_400,
      until: NOW / 1000 - 43_200,
      timestamps: true,
    });
    expect(readLogQuery({ since: '1700000000', tail: 'all' }, NOW)).toMatchObject({
      since: 1_700_000_000,
      tail: undefined,
    });
  });
  test.each([{ tail: '-1' }, { tail: 'x' }, { since: 'yesterday' }])('refuses %j', (query) => {
    expect(() => readLogQuery(query, NOW)).toThrow(/Cannot read/);
  });
});

test('framing() and unframing() are inverse, however the bytes are cut', async () => {
  const framed = Buffer.concat(
    await Readable.from([Buffer.from('one\n'), Buffer.from('two\n')])
      .pipe(framing())
      .toArray(),
  );
  expect([...framed.subarray(0, 8)]).toEqual([1, 0, 0, 0, 0, 0, 0, 4]);
  for (const size of [1, 3, 8, 11, framed.length]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < framed.length; at += size) pieces.push(framed.subarray(at, at + size));
    const text = Buffer.concat(await Readable.from(pieces).pipe(unframing()).toArray()).toString();
    expect(text).toBe('one\ntwo\n');
  }
});
