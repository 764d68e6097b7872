import { afterEach, expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { quietLogger } from '../../test/quiet-logger.ts';
import { CloudConnection } from './cloud-connection.ts';
import type { CloudClient, CloudHandlers } from './module-client.ts';

class Hub {
  desired: JsonObject = { $version: 1 };
  isDown = false;
  /** open() neither succeeds nor fails. */
  isSilent = false;
  gets = 0;
  readonly dials: number[] = [];
  readonly handlers: CloudHandlers[] = [];
  closed = 0;
  readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  async connect(handlers: CloudHandlers): Promise<CloudClient> {
    this.dials.push(this.clock.monotonicMs());
    this.handlers.push(handlers);
    return {
      open: async () => {
        if (this.isSilent) await new Promise(() => undefined);
        if (this.isDown) throw new Error('Not authorized');
      },
      getTwin: async () => {
        this.gets += 1;
        return { desired: this.desired, reported: { r: this.gets } };
      },
      report: async () => undefined,
      send: async () => undefined,
      close: async () => {
        this.closed += 1;
      },
    };
  }

  get live(): CloudHandlers {
    return this.handlers.at(-1) as CloudHandlers;
  }
}

let clock: FakeClock;
let hub: Hub;
let desired: JsonObject[];
let events: string[];
let stop: AbortController;
let running: Promise<void>;

/** The connection begins to dial with the hub in this state. */
function begin(state: Partial<Pick<Hub, 'isDown' | 'isSilent'>> = {}): void {
  clock = new FakeClock();
  hub = Object.assign(new Hub(clock), state);
  desired = [];
  events = [];
  stop = new AbortController();
  const connection = new CloudConnection({
    connect: (handlers) => hub.connect(handlers),
    clock,
    logger: quietLogger(),
    refreshMs: 3_600_000,
    onDesired: (document) => desired.push(document),
    onMethod: async () => ({ status: 200, payload: null }),
    onConnected: (_client, reported) => events.push(`connected ${JSON.stringify(reported)}`),
    onDisconnected: () => events.push('disconnected'),
  });
  running = connection.run(stop.signal);
}
afterEach(async () => {
  stop.abort();
  await running;
});

test('reads the twin, then follows patches by their version', async () => {
  begin();
  await clock.advance(0);
  expect(desired).toEqual([{ $version: 1 }]);
  hub.live.onDesiredPatch({ a: 1, $version: 2 });
  hub.live.onDesiredPatch({ a: 0, $version: 1 });
  expect(desired.at(-1)).toEqual({ a: 1, $version: 2 });
  expect(hub.gets).toBe(1);
});

test('a gap is closed by one full get, however many patches show it', async () => {
  begin();
  await clock.advance(0);
  hub.desired = { b: 1, $version: 9 };
  for (const version of [7, 8, 9]) hub.live.onDesiredPatch({ b: 1, $version: version });
  await clock.advance(0);
  expect(desired.at(-1)).toEqual({ b: 1, $version: 9 });
  expect(hub.gets).toBeLessThanOrEqual(3);
});

test('a lost connection is replaced by a new client and the twin read again', async () => {
  begin();
  await clock.advance(0);
  hub.desired = { c: 1, $version: 5 };
  hub.live.onDisconnect('network down');
  await clock.advance(2_000);
  expect(events).toEqual(['connected {"r":1}', 'disconnected', 'connected {"r":2}']);
  expect(desired.at(-1)).toEqual({ c: 1, $version: 5 });
  expect(hub.closed).toBe(1);
});

test('refusals are waited out with growing pauses up to 30 s; a connection resets them', async () => {
  begin({ isDown: true });
  await clock.advance(200_000);
  const pauses = hub.dials.slice(1).map((at, index) => at - (hub.dials[index] as number));
  expect(pauses[0]).toBeLessThanOrEqual(1_000);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(21_000);
  expect(hub.closed).toBe(hub.dials.length);
  hub.isDown = false;
  await clock.advance(31_000);
  hub.live.onDisconnect('x');
  const before = hub.dials.length;
  await clock.advance(2_000);
  expect(hub.dials.length).toBe(before + 1);
});

test('a renewal and the hourly refresh read the twin again', async () => {
  begin();
  await clock.advance(0);
  hub.live.onRenewed();
  await clock.advance(5_000);
  expect(hub.gets).toBe(2);
  await clock.advance(3_600_000);
  expect(hub.gets).toBe(3);
});

test('a connection that hangs while it opens does not hold up the end', async () => {
  begin({ isSilent: true });
  await clock.advance(0);
  stop.abort();
  await running;
  expect(hub.closed).toBe(1);
});

test('a connection lost while it opens is given up', async () => {
  begin({ isSilent: true });
  await clock.advance(0);
  hub.isSilent = false;
  hub.live.onDisconnect('reset');
  await clock.advance(2_000);
  expect(events).toEqual(['connected {"r":1}']);
});
