import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { silentLogger, systemClock } from '@wayside/kit';
import type { TwinProperties } from '@wayside/protocol';
import { until } from '../../test/until.ts';
import type { CloudConnection, CloudEvents } from './cloud-connection.ts';
import { DEFAULT_TIMING, UpstreamLink } from './upstream-link.ts';

const TWIN: TwinProperties = { desired: { $version: 1 }, reported: { $version: 1 } };

/** A cloud that answers nothing until told to, as the SDK leaves operations unanswered when its connection breaks. */
class MuteConnection implements CloudConnection {
  readonly events: CloudEvents;
  readonly #answers: (() => void)[] = [];
  isClosed = false;

  constructor(events: CloudEvents) {
    this.events = events;
  }
  answer(): void {
    for (const answer of this.#answers.splice(0)) answer();
  }
  #pending<T>(value: T): Promise<T> {
    return new Promise((resolve) => this.#answers.push(() => resolve(value)));
  }
  send = () => this.#pending(undefined);
  getTwin = () => this.#pending(TWIN);
  patchReported = () => this.#pending(undefined);
  answerMethod = () => this.#pending(undefined);
  receive = () => this.#pending(undefined);
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

let opened: MuteConnection[];
let link: UpstreamLink;

function start(operationTimeoutMs = 20_000): void {
  opened = [];
  link = new UpstreamLink(
    { deviceId: 'd', moduleId: 'm' },
    {
      connector: {
        open: async (_identity, _token, events) => {
          const connection = new MuteConnection(events);
          opened.push(connection);
          return connection;
        },
      },
      token: async () => 'token',
      events: { connected: () => {}, disconnected: () => {}, desired: () => {}, method: () => {} },
      clock: systemClock,
      logger: silentLogger,
      timing: { ...DEFAULT_TIMING, operationTimeoutMs, reconnectMsBase: 1, reconnectMsMax: 2 },
    },
  );
}

beforeEach(() => start());
afterEach(() => link.stop());

test('an operation under way ends with its connection, the next one works', async () => {
  expect(await link.whenConnected(1_000)).toBe(true);
  const twin = link.getTwin();
  opened[0]?.events.lost(new Error('broken'));
  await expect(twin).rejects.toMatchObject({ code: 'HUB_UPSTREAM_OFFLINE' });
  await until(() => opened.length === 2 && link.isConnected, 'the second connection', 1_000);
  const again = link.getTwin();
  opened[1]?.answer();
  expect(await again).toEqual(TWIN);
  expect(opened[0]?.isClosed).toBe(true);
});

test('stop() ends what is under way and leaves no connection', async () => {
  await link.whenConnected(1_000);
  const patch = link.patchReported({ a: 1 });
  const refused = expect(patch).rejects.toMatchObject({ code: 'HUB_UPSTREAM_OFFLINE' });
  await link.stop();
  await refused;
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true]);
});

test('a subscription that failed with its connection leaves the next connection alone', async () => {
  await link.whenConnected(1_000);
  link.receive(true);
  opened[0]?.events.lost(new Error('broken'));
  await until(() => opened.length === 2, 'the second connection', 1_000);
  await until(() => {
    opened[1]?.answer();
    return link.isConnected;
  }, 'its subscription');
  const twin = link.getTwin();
  opened[1]?.answer();
  await twin;
  expect(opened).toHaveLength(2);
});

test('an operation without an answer costs the connection', async () => {
  await link.stop();
  start(20);
  await link.whenConnected(1_000);
  await expect(link.getTwin()).rejects.toMatchObject({ code: 'HUB_UPSTREAM_TIMEOUT' });
  await until(() => opened.length === 2, 'a new connection', 1_000);
});
