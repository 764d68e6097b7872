import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { PaceKeeper } from '../listen/pace-keeper.ts';
import { AccessLog, maskedTarget } from '../request/access-log.ts';
import { MemoryBudget, nextLevel } from './memory-budget.ts';
import { RotatingFile } from './rotating-file.ts';

describe('memory', () => {
  test.each([
    [0, 79, 0],
    [0, 84, 0],
    [0, 85, 1],
    [0, 96, 2],
    [1, 84, 1],
    [1, 79, 0],
    [1, 95, 2],
    [2, 90, 2],
    [2, 79, 0],
  ] as const)('from level %d at %d %% to %d', (level, percent, next) =>
    expect(nextLevel(level, percent, 100)).toBe(next),
  );

  test('misses are refused first, then bodies go', () => {
    const dropBodies = jest.fn();
    let rss = 50;
    const budget = new MemoryBudget({ limitBytes: 100, dropBodies, logger: silentLogger, rssBytes: () => rss });
    const look = (bytes: number) => {
      rss = bytes;
      budget.check();
      return [budget.takesMisses, dropBodies.mock.calls.length];
    };
    expect([look(50), look(90), look(97), look(90), look(70)]).toEqual([
      [true, 0],
      [false, 0],
      [false, 1],
      [false, 2],
      [true, 2],
    ]);
  });
});

describe('PaceKeeper', () => {
  const socketOf = (writableLength: number) =>
    ({ writableLength, destroy: jest.fn(), remoteAddress: '192.0.2.1' }) as unknown as Parameters<
      PaceKeeper['watch']
    >[0];

  test('only a client that itself holds things up for long is cut', () => {
    const figures = { slow: 0 };
    const pace = new PaceKeeper(500, figures);
    const [stuck, waiting, moving] = [socketOf(1000), socketOf(0), socketOf(1000)];
    const bodies = [stuck, waiting, moving].map((socket) => pace.watch(socket));
    for (let i = 0; i < 60; i += 1) {
      (bodies[2] as { bytes: number }).bytes += 2500;
      pace.sweep(5000);
    }
    expect([stuck, waiting, moving].map((socket) => (socket.destroy as jest.Mock).mock.calls.length)).toEqual([
      1, 0, 0,
    ]);
    expect(figures.slow).toBe(1);
    for (const body of bodies) pace.leave(body);
  });
});

describe('access log', () => {
  test.each([
    ['/a?P1=1&P4=sig%3d&cacheHostOrigin=h', '/a', 'P1=*&P4=*'],
    ['/a', '/a', undefined],
    ['/a?secret', '/a', '*'],
    ['/hdnts=exp=1~hmac=abc/file.cab', '/hdnts=*/file.cab', undefined],
  ])('%s is written as %s and %s', (url, path, query) => expect(maskedTarget(url)).toEqual({ path, query }));

  test('a share of the requests, but every 5xx and every slow one', () => {
    const lines: string[] = [];
    const log = new AccessLog(
      { isOn: true, share: 0.1, slowMs: 1000 },
      (line) => lines.push(line),
      () => 0.5,
    );
    const request = {
      method: 'GET',
      url: '/x?sig=geheim',
      headers: {},
      rawHeaders: [],
      socket: { remoteAddress: '192.0.2.7' },
    };
    const end = (statusCode: number, tookMs: number) => {
      const entry = log.begin(request as never);
      entry.atMs -= tookMs;
      log.end(entry, { statusCode } as never);
    };
    end(200, 0);
    end(503, 0);
    end(206, 5000);
    expect(lines.map((line) => JSON.parse(line).status)).toEqual([503, 206]);
    expect(lines.join()).not.toContain('geheim');
    log.configure({ isOn: true, share: 1, slowMs: 1000 });
    end(200, 0);
    expect(lines).toHaveLength(3);
  });
});

test('RotatingFile: full files are renamed away, the oldest goes; what cannot be written is counted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wayside-log-'));
  const errors: unknown[] = [];
  const file = new RotatingFile(join(folder, 'access.log'), 100, 2, (error) => errors.push(error));
  for (let i = 0; i < 5; i += 1) {
    file.write(`${i}`.repeat(60));
    await file.flush();
  }
  expect((await readdir(folder)).sort()).toEqual(['access.log', 'access.log.1', 'access.log.2']);
  expect((await readFile(join(folder, 'access.log.2'), 'utf8'))[0]).toBe('2');
  expect([file.written, file.dropped, errors.length]).toEqual([5, 0, 0]);
  await rm(folder, { recursive: true });
  file.write('lost');
  await file.flush();
  expect([file.dropped, errors.length]).toEqual([1, 1]);
});
