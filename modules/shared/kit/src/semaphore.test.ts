import { expect, test } from '@jest/globals';
import { Semaphore } from './semaphore.ts';

test('runs at most n at a time, in order', async () => {
  const semaphore = new Semaphore(2);
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const started: number[] = [];
  const runs = gates.map((gate, i) =>
    semaphore.run(() => {
      started.push(i);
      return gate.promise;
    }),
  );
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  expect([semaphore.running, semaphore.waiting]).toEqual([2, 3]);
  gates[1]!.resolve();
  await runs[1];
  expect(started).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.all(runs);
  expect(started).toEqual([0, 1, 2, 3, 4]);
  expect([semaphore.running, semaphore.waiting]).toEqual([0, 0]);
});

test('a failed job gives its place back', async () => {
  const semaphore = new Semaphore(1);
  await expect(semaphore.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
  await expect(
    semaphore.run(() => {
      throw new Error('y');
    }),
  ).rejects.toThrow('y');
  expect(await semaphore.run(() => 'z')).toBe('z');
});

test('refuses when too many wait', async () => {
  const semaphore = new Semaphore(1, 1);
  const gate = Promise.withResolvers<void>();
  const runs = [semaphore.run(() => gate.promise), semaphore.run(() => undefined)];
  await expect(semaphore.run(() => undefined)).rejects.toMatchObject({ code: 'KIT_QUEUE_FULL' });
  gate.resolve();
  await Promise.all(runs);
});

test('a limit below one is a mistake', () => {
  expect(() => new Semaphore(0)).toThrow('limit is 0');
});
