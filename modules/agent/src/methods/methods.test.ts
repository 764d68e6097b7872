import { expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { quietLogger } from '../../test/quiet-logger.ts';
import { AgentMethods, type MethodPorts } from './methods.ts';

const bench = (change: Partial<MethodPorts> = {}, log = 'a line\n') => {
  const clock = new FakeClock();
  const logger = quietLogger();
  const restarted: string[] = [];
  const queries: object[] = [];
  const methods = new AgentMethods({
    identity: { iothub: 'hub', device: 'd' },
    source: {
      moduleNames: () => ['edgeHub', 'MCC'],
      logs: async (_name, query) => {
        queries.push(query);
        return Buffer.from(log);
      },
    },
    restartModule: async (name) => void restarted.push(name),
    supportBundle: () => {
      throw new Error('not asked for here');
    },
    clock,
    logger,
    requestTimeoutMs: 600_000,
    ...change,
  });
  const call = (name: string, payload?: Json) => methods.call({ name, payload });
  return { call, clock, logger, restarted, queries, methods };
};
const messageOf = (answer: { payload: Json }) => (answer.payload as { message: string }).message;
const request = (fields: JsonObject): JsonObject => ({ schemaVersion: '1.0', ...fields });

test.each(['ping', 'PING', 'Ping'])('%s answers 200 and null', async (name) => {
  expect(await bench().call(name, { anything: true })).toEqual({ status: 200, payload: null });
});

test.each<[string, Json | undefined, string]>([
  ['RestartModule', undefined, 'payload is missing, wanted an object'],
  ['RestartModule', 'MCC', 'payload is "MCC"'],
  ['RestartModule', { id: 'MCC' }, 'schemaVersion is missing, wanted "1.0"'],
  ['RestartModule', { schemaVersion: '2.0', id: 'MCC' }, 'schemaVersion is "2.0"'],
  ['RestartModule', request({ id: '' }), 'id is ""'],
  ['RestartModule', request({ id: 'other' }), 'id is "other", wanted one of edgeHub, MCC'],
  ['GetModuleLogs', request({}), 'items[0] is missing'],
  ['GetModuleLogs', request({ items: [{ id: 'zzz' }] }), 'an id that matches one of edgeHub, MCC'],
  ['GetModuleLogs', request({ items: [{ id: 'all' }], encoding: 'zip' }), 'encoding is "zip", wanted "none" or "gzip"'],
  ['GetModuleLogs', request({ items: [{ id: 'all' }], contentType: 7 }), 'contentType is 7'],
  ['UploadModuleLogs', request({ items: [{ id: 'all' }] }), 'sasUrl is missing'],
  ['UploadModuleLogs', request({ items: [{ id: 'all' }], sasUrl: 'ftp://x?sig=hush' }), 'sasUrl is "[secret]"'],
  ['UploadSupportBundle', request({ sasUrl: 'https://x/', edgeRuntimeOnly: 'yes' }), 'edgeRuntimeOnly is "yes"'],
  ['GetTaskStatus', request({}), 'correlationId is missing'],
  ['format', null, "Command 'format' not found. The supported commands are - ping, RestartModule, GetModuleLogs"],
  ['__proto__', null, "Command '__proto__' not found"],
  ['toString', null, "Command 'toString' not found"],
])('%s with %j is refused with 400 and the field named', async (name, payload, text) => {
  const { call, restarted, logger } = bench();
  const answer = await call(name, payload);
  expect(answer.status).toBe(400);
  expect(messageOf(answer)).toContain(text);
  expect(restarted).toEqual([]);
  expect(logger.lines.join()).not.toContain('hush');
});

test('RestartModule restarts; a failure below answers 500 with the reason', async () => {
  const good = bench();
  expect(await good.call('restartmodule', request({ id: 'MCC' }))).toEqual({ status: 200, payload: null });
  expect(good.restarted).toEqual(['MCC']);
  const bad = bench({ restartModule: async () => Promise.reject(new Error('engine is down')) });
  const answer = await bad.call('RestartModule', request({ id: 'MCC' }));
  expect(answer).toEqual({ status: 500, payload: { message: 'engine is down' } });
});

test('a method that hangs is answered after the time limit', async () => {
  const { call, clock } = bench({ restartModule: () => new Promise(() => undefined), requestTimeoutMs: 5_000 });
  const answer = call('RestartModule', request({ id: 'MCC' }));
  await clock.advance(5_000);
  expect(messageOf(await answer)).toContain('not done within 5000 ms');
});

test('the engine cuts the tail only when no line is taken out afterwards', async () => {
  const { call, queries } = bench();
  await call('GetModuleLogs', request({ items: { id: 'MCC', filter: { tail: 5, since: 1700000000 } } }));
  await call('GetModuleLogs', request({ items: { id: 'MCC', filter: { tail: 5, regex: 'x' } } }));
  expect(queries).toEqual([
    { since: 1700000000, until: undefined, tail: 5 },
    { since: undefined, until: undefined, tail: undefined },
  ]);
});

test('a result above 127000 bytes is refused; gzip may carry it', async () => {
  const { call } = bench({}, 'x'.repeat(130_000));
  const items = { id: 'MCC' };
  const plain = await call('GetModuleLogs', request({ items }));
  expect(plain.status).toBe(400);
  expect(messageOf(plain)).toContain('at most 127000');
  expect((await call('GetModuleLogs', request({ items, encoding: 'gzip' }))).status).toBe(200);
});

test('four uploads at a time, a fifth is refused; the end of the agent cancels them', async () => {
  const never = () => new Promise<Buffer>(() => undefined);
  const hung = (signal: AbortSignal) =>
    new Promise<Buffer>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const { call, methods, clock } = bench({
    source: { moduleNames: () => ['MCC'], logs: (_name, _query, signal) => (signal ? hung(signal) : never()) },
  });
  const upload = () =>
    call('UploadModuleLogs', request({ items: { id: 'MCC' }, sasUrl: 'https://store.example/box?sig=s' }));
  const first = await upload();
  expect(first).toMatchObject({ status: 200, payload: { status: 'Running' } });
  for (let n = 0; n < 3; n += 1) expect((await upload()).status).toBe(200);
  expect(messageOf(await upload())).toContain('4 uploads are under way');
  methods.stop();
  await clock.advance(0);
  const { correlationId } = first.payload as { correlationId: string };
  expect((await call('GetTaskStatus', request({ correlationId }))).payload).toMatchObject({
    status: 'Cancelled',
    correlationId,
  });
});
