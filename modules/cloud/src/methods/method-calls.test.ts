import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import { insertDevice } from '../identity/identity-rows.ts';
import { openStore } from '../store/open-store.ts';
import type { Db } from '../store/tables.ts';
import { MethodCalls, type MethodLink, PENDING_CALLS_PER_IDENTITY_MAX } from './method-calls.ts';

/** Connections by hand. */
class FakeLink implements MethodLink {
  state: 'ready' | 'deaf' | 'gone' = 'ready';
  readonly sent: { name: string; rid: string; body: string }[] = [];
  readonly listeners = new Set<() => void>();

  reach() {
    return this.state;
  }
  send(_deviceId: string, _moduleId: string | undefined, call: { name: string; rid: string; body: string }) {
    this.sent.push(call);
    return this.state !== 'gone';
  }
  onChange(_deviceId: string, _moduleId: string | undefined, listener: () => void) {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
  become(state: 'ready' | 'deaf' | 'gone'): void {
    this.state = state;
    for (const listener of [...this.listeners]) listener();
  }
}

let db: Db;
let clock: FakeClock;
let link: FakeLink;
let methods: MethodCalls;
beforeEach(async () => {
  db = await openStore(':memory:');
  clock = new FakeClock();
  link = new FakeLink();
  methods = new MethodCalls({ db, clock, link });
  await insertDevice(db, 'd', {}, clock.nowMs());
});
afterEach(() => db.destroy());

/** What became of a call, without waiting for it. */
function follow<T>(promise: Promise<T>): { value?: T; error?: { code?: string; message: string } } {
  const outcome: { value?: T; error?: { code?: string; message: string } } = {};
  promise.then(
    (value) => {
      outcome.value = value;
    },
    (error) => {
      outcome.error = error;
    },
  );
  return outcome;
}
const answer = (status: number, body = '', from = 'd') =>
  methods.answer(from, undefined, link.sent.at(-1)?.rid ?? '', status, Buffer.from(body));

describe('MethodCalls', () => {
  test('sends JSON and gives the answer', async () => {
    const call = follow(methods.invoke('d', undefined, { methodName: 'ping', payload: { a: [1, null] } }));
    await clock.advance(0);
    expect(link.sent).toEqual([expect.objectContaining({ name: 'ping', body: '{"a":[1,null]}' })]);
    expect(answer(-5, '{"ok":true}')).toBe(true);
    await clock.advance(0);
    expect(call.value).toEqual({ status: -5, payload: { ok: true } });
    // The same answer again finds nobody waiting.
    expect(answer(200)).toBe(false);
  });

  test('an answer of another identity is not taken, even with the right rid', async () => {
    const call = follow(methods.invoke('d', undefined, { methodName: 'ping' }));
    await clock.advance(0);
    expect(answer(200, '', 'thief')).toBe(false);
    expect(methods.answer('d', 'module', link.sent[0]?.rid ?? '', 200, Buffer.alloc(0))).toBe(false);
    expect(call.value).toBeUndefined();
    answer(204, 'no json');
    await clock.advance(0);
    expect(call.value).toEqual({ status: 204, payload: 'no json' });
  });

  test('silent: gives up at the response timeout, and the late answer is dropped', async () => {
    const call = follow(methods.invoke('d', undefined, { methodName: 'ping', responseTimeoutSecs: 7 }));
    await clock.advance(6_999);
    expect(call.error).toBeUndefined();
    await clock.advance(1);
    expect(call.error).toMatchObject({ code: 'CLOUD_METHOD_TIMEOUT' });
    expect(answer(200)).toBe(false);
    expect(clock.sleeping).toBe(0);
  });

  test('gone: refused at once without a connect timeout, waited for with one', async () => {
    link.state = 'gone';
    const now = follow(methods.invoke('d', undefined, { methodName: 'ping' }));
    const later = follow(methods.invoke('d', undefined, { methodName: 'ping', connectTimeoutSecs: 10 }));
    await clock.advance(0);
    expect(now.error).toMatchObject({ code: 'CLOUD_METHOD_DEVICE_OFFLINE' });
    await clock.advance(9_000);
    expect(later.error).toBeUndefined();
    link.become('deaf');
    await clock.advance(500);
    link.become('ready');
    await clock.advance(0);
    answer(200, '1');
    await clock.advance(0);
    expect(later.value).toEqual({ status: 200, payload: 1 });
    expect(link.listeners.size).toBe(0);
  });

  test('deaf: a client that connects and never subscribes is given two seconds', async () => {
    link.state = 'deaf';
    const call = follow(methods.invoke('d', undefined, { methodName: 'ping' }));
    await clock.advance(1_999);
    expect(call.error).toBeUndefined();
    await clock.advance(1);
    expect(call.error).toMatchObject({ code: 'CLOUD_METHOD_DEVICE_OFFLINE' });
    expect(link.listeners.size).toBe(0);
  });

  test('one identity holds a hundred calls, then the next is refused; afterwards there is room again', async () => {
    const calls = Array.from({ length: PENDING_CALLS_PER_IDENTITY_MAX }, () =>
      follow(methods.invoke('d', undefined, { methodName: 'slow', responseTimeoutSecs: 5 })),
    );
    await clock.advance(0);
    const more = follow(methods.invoke('d', undefined, { methodName: 'slow' }));
    await clock.advance(0);
    expect(more.error).toMatchObject({ code: 'CLOUD_METHOD_BUSY' });
    await clock.advance(5_000);
    expect(calls.filter((call) => call.error?.code === 'CLOUD_METHOD_TIMEOUT')).toHaveLength(calls.length);
    const again = follow(methods.invoke('d', undefined, { methodName: 'quick' }));
    await clock.advance(0);
    answer(200);
    await clock.advance(0);
    expect(again.value).toEqual({ status: 200, payload: null });
  });

  test.each([
    [{ methodName: '' }, 'methodName'],
    [{ methodName: 'a/b' }, 'methodName'],
    [{ methodName: 'x'.repeat(101) }, 'methodName'],
    [{ methodName: 'ok', responseTimeoutSecs: 4 }, 'from 5 to 300'],
    [{ methodName: 'ok', responseTimeoutSecs: 301 }, 'from 5 to 300'],
    [{ methodName: 'ok', connectTimeoutSecs: -1 }, 'from 0 to 300'],
    [{ methodName: 'ok', connectTimeoutSecs: 1.5 }, 'from 0 to 300'],
    [{ methodName: 'ok', payload: 'x'.repeat(131_072) }, '131074 bytes'],
  ])('%.80j is refused', async (call, message) => {
    await expect(methods.invoke('d', undefined, call)).rejects.toMatchObject({
      ...{ code: 'CLOUD_ARGUMENT_INVALID', message: expect.stringContaining(message) },
    });
  });

  test('unknown targets', async () => {
    await expect(methods.invoke('nobody', undefined, { methodName: 'ping' })).rejects.toMatchObject({
      code: 'CLOUD_DEVICE_NOT_FOUND',
    });
    await expect(methods.invoke('d', 'none', { methodName: 'ping' })).rejects.toMatchObject({
      code: 'CLOUD_MODULE_NOT_FOUND',
    });
  });
});
