// One egress cap over several threads.

import { describe, expect, test } from '@jest/globals';
import { EgressBudget } from '../deliver/egress-budget.ts';
import { SharedEgress } from './shared-egress.ts';

function threads(count: number, mbps: number) {
  const memory = SharedEgress.memory(count);
  const budgets = Array.from({ length: count }, (_, slot) => {
    const egress = new SharedEgress(memory, slot);
    const budget = new EgressBudget(egress, egress);
    budget.setCap(mbps);
    return budget;
  });
  return { memory, budgets };
}

describe('SharedEgress', () => {
  test('places for bodies are counted over all threads', () => {
    // 4 Mbit/s = 500,000 B/s: 7 bodies of 64 KiB/s each.
    const { budgets } = threads(2, 4);
    const [one, two] = budgets as [EgressBudget, EgressBudget];
    const places = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? one : two).admit('10.0.0.1'));
    expect(places.filter((place) => place !== null)).toHaveLength(7);
    places[0]?.leave();
    expect(two.admit('10.0.0.1')).not.toBeNull();
    expect(one.admit('10.0.0.1')).toBeNull();
  });

  test('one client with connections on both threads is one client', () => {
    const { budgets } = threads(2, 4);
    const [one, two] = budgets as [EgressBudget, EgressBudget];
    for (let i = 0; i < 7; i += 1) one.admit('10.0.0.1');
    expect([one.admit('10.0.0.1'), two.admit('10.0.0.1')]).toEqual([null, null]);
    // Another client gets its part, on whichever thread it comes.
    expect(two.admit('10.0.0.2')).not.toBeNull();
  });

  test('the places of a dead thread are free again', () => {
    const { memory, budgets } = threads(2, 4);
    const [one, two] = budgets as [EgressBudget, EgressBudget];
    for (let i = 0; i < 7; i += 1) one.admit('10.0.0.1');
    expect(two.admit('10.0.0.1')).toBeNull();
    SharedEgress.releaseSlot(memory, 0);
    expect(two.admit('10.0.0.1')).not.toBeNull();
  });

  test('what others serve is told without oneself', () => {
    const memory = SharedEgress.memory(3);
    const [a, b, c] = [0, 1, 2].map((slot) => new SharedEgress(memory, slot)) as [
      SharedEgress,
      SharedEgress,
      SharedEgress,
    ];
    a.publish('10.0.0.1', 1, 3, 2);
    b.publish('10.0.0.2', 1, 5, 1);
    b.publish('10.0.0.2', 1, 6, 1);
    expect([a.streams, a.clients, c.streams, c.clients]).toEqual([6, 1, 9, 3]);
    expect([a.streamsOf('10.0.0.2'), b.streamsOf('10.0.0.2'), c.clientsInAll(0)]).toEqual([2, 0, 2]);
  });
});
