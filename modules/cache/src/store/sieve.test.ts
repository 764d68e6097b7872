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

  test('with many used objects a pick pauses instead of holding up everything', () => {
    const sieve = new Sieve();
    const ids = Array.from({ length: 5000 }, (_, i) => i + 1);
    for (const id of ids) sieve.visit(id);
    let position = 0;
    const queue: EvictionQueue = {
      nextAfter: (after) => {
        position = after;
        return after < 5000 ? { id: after + 1, storedBytes: 1 } : undefined;
      },
    };
    let pauses = 0;
    let picked = sieve.pick(queue, nobody);
    for (; picked === 'pause'; picked = sieve.pick(queue, nobody)) pauses += 1;
    expect([idOf(picked), pauses, position]).toEqual([1, 2, 0]);
  });

  test('bits and hand go over a restart, in changes only', () => {
    const sieve = new Sieve();
    const queue = queueOf([1, 2, 5000, 9000]);
    sieve.visit(1);
    sieve.visit(5000);
    sieve.visit(9000);
    const first = sieve.takeChanges();
    expect(first.pages.map(({ page }) => page)).toEqual([0, 1, 2]);
    const kept = new Map<number, Uint8Array | null>(
      first.pages.map(({ page, bits }) => [page, bits && Uint8Array.from(bits)]),
    );
    expect(idOf(sieve.pick(queue, nobody))).toBe(2);
    expect(idOf(sieve.pick(queueOf([5000, 9001]), nobody))).toBe(9001);
    const second = sieve.takeChanges();
    expect(second.pages.map(({ page, bits }) => [page, bits === null])).toEqual([
      [0, true],
      [1, true],
    ]);
    for (const { page, bits } of second.pages) kept.set(page, bits);
    const restored = new Sieve();
    restored.restore(
      second.hand,
      [...kept].map(([page, bits]) => ({ page, bits })),
    );
    expect([restored.hand, restored.visitedCount, restored.isVisited(9000), restored.isVisited(5000)]).toEqual([
      9001,
      1,
      true,
      false,
    ]);
    expect(restored.takeChanges().pages).toEqual([]);
  });
});
