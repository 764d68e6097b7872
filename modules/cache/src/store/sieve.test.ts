import { describe, expect, test } from '@jest/globals';
import { type EvictionQueue, Sieve } from './sieve.ts';

function queueOf(ids: number[]): EvictionQueue & { ids: number[] } {
  return {
    ids,
    nextAfter(after) {
      const id = this.ids.find((other) => other > after);
      return id === undefined ? undefined : { id, storedBytes: 1 };
    },
  };
}
const nobody = () => false;
const idOf = (picked: ReturnType<Sieve['pick']>) => (typeof picked === 'object' ? picked.id : undefined);

describe('Sieve', () => {
  test('goes from old to new and spares what was used once', () => {
    const sieve = new Sieve();
    const queue = queueOf([1, 2, 3, 4]);
    sieve.visit(1);
    sieve.visit(3);
    const gone: (number | undefined)[] = [];
    for (let i = 0; i < 4; i += 1) {
      const id = idOf(sieve.pick(queue, nobody));
      gone.push(id);
      queue.ids = queue.ids.filter((other) => other !== id);
    }
    expect(gone).toEqual([2, 4, 1, 3]);
    expect(sieve.pick(queue, nobody)).toBeUndefined();
  });

  test('never picks what is pinned, and ends when all is', () => {
    const sieve = new Sieve();
    expect(idOf(sieve.pick(queueOf([1, 2]), (id) => id === 1))).toBe(2);
    expect(sieve.pick(queueOf([1, 2]), () => true)).toBeUndefined();
  });

  test('when everything was used the oldest goes', () => {
    const sieve = new Sieve();
    for (const id of [5, 6, 7]) sieve.visit(id);
    expect(idOf(sieve.pick(queueOf([5, 6, 7]), nobody))).toBe(5);
  });
});
