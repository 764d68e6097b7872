import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { silentLogger, systemClock } from '@wayside/kit';
import iotDevice, { type ModuleClient } from 'azure-iot-device';
import { HubLink } from './hub-link.ts';

/** As much of the SDK's client and twin as the link uses. */
class StandInClient extends EventEmitter {
  readonly twin = Object.assign(new EventEmitter(), {
    properties: { desired: { drain: false } },
    get: jest.fn(),
  });
  readonly methods = new Map<string, (request: object, response: object) => void>();
  onMethod = (name: string, listener: (request: object, response: object) => void) => this.methods.set(name, listener);
  close = jest.fn(async () => undefined);
  open = async () => undefined;
  getTwin = async () => this.twin;
}

let clients: StandInClient[];
let link: HubLink;
const first = () => clients[0] as StandInClient;

beforeEach(async () => {
  clients = [];
  jest.spyOn(iotDevice.ModuleClient, 'fromEnvironment').mockImplementation(async () => {
    const client = new StandInClient();
    clients.push(client);
    return client as unknown as ModuleClient;
  });
  link = new HubLink(
    systemClock,
    silentLogger,
    { onDesired: () => undefined },
    {
      purge: async (payload) => ({ status: 200, payload: { asked: payload } }),
      details: async () => ({ status: 200, payload: 'x'.repeat(200_000) }),
    },
  );
  await link.run();
});

afterEach(async () => {
  await link.close();
  jest.restoreAllMocks();
});

test('the twin is asked for after every reconnect: changes made meanwhile are not sent again', () => {
  first().emit('connect');
  expect(first().twin.get).toHaveBeenCalledTimes(1);
});

test('a client that the SDK gave up is closed and replaced', async () => {
  first().emit('disconnect');
  await new Promise((resolve) => setImmediate(resolve));
  expect(first().close).toHaveBeenCalledTimes(1);
  expect(clients).toHaveLength(2);
});

test('closing the link replaces nothing', async () => {
  const closing = link.close();
  first().emit('disconnect');
  await closing;
  expect(clients).toHaveLength(1);
});

test('direct methods: the payload goes in, status and answer come out; an answer that is too long becomes 413', async () => {
  const ask = (name: string, payload: unknown) =>
    new Promise((resolve) => {
      first().methods.get(name)?.(
        { payload },
        { send: (status: number, answer: unknown) => resolve([status, answer]) },
      );
    });
  expect(await ask('purge', { all: true })).toEqual([200, { asked: { all: true } }]);
  expect(await ask('details', null)).toEqual([
    413,
    { error: expect.objectContaining({ code: 'CACHE_ANSWER_TOO_LONG' }) },
  ]);
});
