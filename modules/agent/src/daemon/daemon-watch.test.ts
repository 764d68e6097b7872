import { beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import type { SystemInfo } from '@wayside/protocol';
import { quietLogger } from '../../test/quiet-logger.ts';
import { DaemonWatch, SOCKET_LOOK_PERIOD_MS } from './daemon-watch.ts';

let clock: FakeClock;
let watch: DaemonWatch;
let mark: string;
let version: string | undefined;
let looks: number;
let infos: string[];
const startedAgo = (secs: number) => new Date(clock.nowMs() - secs * 1000).toISOString();

beforeEach(() => {
  clock = new FakeClock();
  mark = '';
  version = '1.0';
  looks = 0;
  infos = [];
  watch = new DaemonWatch({
    socketMark: async () => mark,
    systemInfo: async () => {
      if (version === undefined) throw new Error('offline');
      return { version } as SystemInfo;
    },
    onNewSocket: () => {
      looks += 1;
    },
    onSystemInfo: (info) => infos.push(info.version),
    clock,
    logger: quietLogger(),
  });
});

test('start time from the uptime; whole seconds and slow answers do not move it', async () => {
  expect(watch.facts).toBeNull();
  await watch.onUptime(100);
  const first = { version: '1.0', startTimeUtc: startedAgo(100) };
  expect(watch.facts).toEqual(first);
  await clock.advance(60_900);
  await watch.onUptime(160);
  await clock.advance(62_000);
  await watch.onUptime(220);
  expect(watch.facts).toEqual(first);
  expect(infos).toEqual(['1.0']);
});

test('an uptime that shrank is a restart, with the version asked anew', async () => {
  await watch.onUptime(100);
  await clock.advance(60_000);
  version = '1.1';
  await watch.onUptime(5);
  expect(watch.facts).toEqual({ version: '1.1', startTimeUtc: startedAgo(5) });
});

test('an uptime that grew, but not as far as time went, is one too', async () => {
  await watch.onUptime(2);
  await clock.advance(60_000);
  await watch.onUptime(50);
  expect(watch.facts?.startTimeUtc).toBe(startedAgo(50));
});

test('a start is told of when its version is known', async () => {
  version = undefined;
  await watch.onUptime(10);
  expect(watch.facts).toBeNull();
  await clock.advance(60_000);
  version = '1.0';
  await watch.onUptime(70);
  expect(watch.facts).toEqual({ version: '1.0', startTimeUtc: startedAgo(70) });
  await watch.onUptime(Number.NaN);
  expect(infos).toEqual(['1.0']);
});

test('a new socket asks for a look at once; one that is away or the same does not', async () => {
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  const seen: number[] = [];
  for (mark of ['1', '1', '', '2', '2', '3']) {
    await clock.advance(SOCKET_LOOK_PERIOD_MS);
    seen.push(looks);
  }
  stop.abort();
  await running;
  expect(seen).toEqual([0, 0, 0, 1, 1, 2]);
});
