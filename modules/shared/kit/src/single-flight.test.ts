import { describe, expect, test } from '@jest/globals';
import { ACTIONS_WAITING_MAX, SingleFlight } from './single-flight.ts';

/** A runner whose runs end when told. */
function aFlight() {
  const runs: { wish: string; signal: AbortSignal; end: () => void; fail: (error: Error) => void }[] = [];
  const flight = new SingleFlight<string>((wish, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    runs.push({ wish, signal, end: resolve, fail: reject });
    return promise;
  });
  return { flight, runs };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !condition(); i += 1) await new Promise(setImmediate);
  expect(condition()).toBe(true);
}

test('one run at a time; the newest wish wins; older wishes settle with it', async () => {
  const { flight, runs } = aFlight();
  const first = flight.request('1');
  await until(() => runs.length === 1);
  const second = flight.request('2');
  const third = flight.request('3');
  expect(second).toBe(third);
  runs[0]!.end();
  await first;
  await until(() => runs.length === 2);
  expect(runs.map((r) => r.wish)).toEqual(['1', '3']);
  runs[1]!.end();
  await Promise.all([second, third]);
  expect(flight.busy).toBe(false);
});

test('a failed run rejects its wish and the next one runs', async () => {
  const { flight, runs } = aFlight();
  const first = flight.request('1');
  await until(() => runs.length === 1);
  const second = flight.request('2');
  runs[0]!.fail(new Error('bad'));
  await expect(first).rejects.toThrow('bad');
  await until(() => runs.length === 2);
  runs[1]!.end();
  await second;
});

test('a failed run that nobody waits for is no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  const { flight, runs } = aFlight();
  void flight.request('1');
  await until(() => runs.length === 1);
  void flight.request('2');
  runs[0]!.fail(new Error('bad'));
  await until(() => runs.length === 2);
  runs[1]!.fail(new Error('worse'));
  await until(() => !flight.busy);
  await new Promise(setImmediate);
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

test('actions go before the waiting wish, in order, and answer their result', async () => {
  const { flight, runs } = aFlight();
  const order: string[] = [];
  void flight.request('1');
  await until(() => runs.length === 1);
  const wish = flight.request('2');
  const actions = [
    flight.act(async () => order.push('a')),
    flight.act(async () => {
      order.push(`b, runs ${runs.length}`);
      return 'b';
    }),
  ];
  runs[0]!.end();
  expect((await Promise.all(actions))[1]).toBe('b');
  await until(() => runs.length === 2);
  expect(order).toEqual(['a', 'b, runs 1']);
  runs[1]!.end();
  await wish;
});

test('a wish that comes while an action runs waits for it', async () => {
  const { flight, runs } = aFlight();
  const gate = Promise.withResolvers<void>();
  const action = flight.act(() => gate.promise);
  const wish = flight.request('1');
  await new Promise(setImmediate);
  expect(runs).toHaveLength(0);
  gate.resolve();
  await action;
  await until(() => runs.length === 1);
  runs[0]!.end();
  await wish;
});

test('interrupt aborts the run under way; a plain wish does not', async () => {
  const { flight, runs } = aFlight();
  const first = flight.request('1');
  await until(() => runs.length === 1);
  void flight.request('2');
  expect(runs[0]!.signal.aborted).toBe(false);
  const newest = flight.request('3', { interrupt: true });
  expect(runs[0]!.signal.aborted).toBe(true);
  runs[0]!.end();
  await first;
  await until(() => runs.length === 2);
  expect(runs[1]!.signal.aborted).toBe(false);
  runs[1]!.end();
  await newest;
});

test('a bounded queue of actions', async () => {
  const { flight, runs } = aFlight();
  void flight.request('1');
  await until(() => runs.length === 1);
  const accepted = Array.from({ length: ACTIONS_WAITING_MAX }, () => flight.act(async () => 1));
  await expect(flight.act(async () => 1)).rejects.toMatchObject({ code: 'KIT_QUEUE_FULL' });
  runs[0]!.end();
  await Promise.all(accepted);
});

describe('close()', () => {
  test('aborts, refuses what waits and what comes, resolves when nothing runs', async () => {
    const { flight, runs } = aFlight();
    const first = flight.request('1');
    await until(() => runs.length === 1);
    const waiting = flight.request('2').catch((error: unknown) => error);
    const action = flight.act(async () => 1).catch((error: unknown) => error);
    let closed = false;
    const closing = flight.close().then(() => {
      closed = true;
    });
    expect(runs[0]!.signal.aborted).toBe(true);
    await new Promise(setImmediate);
    expect(closed).toBe(false);
    runs[0]!.end();
    await closing;
    await first;
    expect([await waiting, await action]).toMatchObject([{ code: 'KIT_CLOSED' }, { code: 'KIT_CLOSED' }]);
    await expect(flight.request('3')).rejects.toMatchObject({ code: 'KIT_CLOSED' });
    await expect(flight.act(async () => 1)).rejects.toMatchObject({ code: 'KIT_CLOSED' });
    expect(runs).toHaveLength(1);
  });

  test('of an idle runner resolves at once', async () => {
    await aFlight().flight.close();
  });
});
