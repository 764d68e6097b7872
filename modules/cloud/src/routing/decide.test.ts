import { describe, expect, test } from '@jest/globals';
import { chooseNode, passedOver, type RoutedNode, seedOf, weightOf } from './decide.ts';

function aNode(name: string, changes: Partial<RoutedNode> = {}): RoutedNode {
  const node = {
    ...{ name, customerId: 'c1', asn: null, downstreamAsns: new Set<number>(), fault: undefined, faultText: '' },
    ...{ maxEgressMbps: 1000, egressMbps: 0, seed: seedOf(name) },
    ...changes,
  };
  return { weight: weightOf(node), ...node };
}

const SITES = Array.from({ length: 20_000 }, (_, index) => index * 7919);
function shares(group: RoutedNode[]): { [name: string]: number } {
  const counts: { [name: string]: number } = {};
  for (const site of SITES) {
    const name = chooseNode(group, site)?.name ?? 'none';
    counts[name] = (counts[name] ?? 0) + 1 / SITES.length;
  }
  return counts;
}

describe('chooseNode()', () => {
  test('splits the sites of a prefix by free egress', () => {
    const group = [aNode('a', { maxEgressMbps: 3000 }), aNode('b', { maxEgressMbps: 2000, egressMbps: 1000 })];
    const { a, b } = shares(group);
    expect(a).toBeCloseTo(0.75, 1);
    expect(b).toBeCloseTo(0.25, 1);
  });

  test('gives a site the same node each time, whatever the order of the group', () => {
    const group = [aNode('a'), aNode('b'), aNode('c')];
    for (const site of SITES.slice(0, 200)) {
      expect(chooseNode([...group].reverse(), site)?.name).toBe(chooseNode(group, site)?.name);
    }
  });

  test('moves only the sites of a node that goes', () => {
    const [a, b, c] = [aNode('a'), aNode('b'), aNode('c')];
    const gone = { ...b, fault: 'NodeUnhealthy' as const };
    for (const site of SITES) {
      const before = chooseNode([a, b, c], site);
      if (before !== b) expect(chooseNode([a, gone, c], site)).toBe(before);
    }
  });

  test('moves nobody for a report that differs a little, and few when a node fills up', () => {
    const group = (egressMbps: number) => [aNode('a', { egressMbps }), aNode('b')];
    const moved = (from: number, to: number) =>
      SITES.filter((site) => chooseNode(group(from), site)?.name !== chooseNode(group(to), site)?.name).length;
    expect(moved(110, 190)).toBe(0);
    expect(moved(110, 890) / SITES.length).toBeLessThan(0.45);
    expect(
      SITES.every((site) => chooseNode(group(890), site)?.name === 'b' || chooseNode(group(110), site)?.name === 'a'),
    ).toBe(true);
  });

  test.each([
    'NodeDisabled',
    'NodeDraining',
    'NodeUnhealthy',
    'NodeFull',
    'SpaceNotApproved',
    'NodeWithoutAddress',
  ] as const)('takes no node with the fault %s', (fault) => {
    expect(shares([aNode('a', { fault }), aNode('b')])).toEqual({ b: expect.closeTo(1) });
    expect(chooseNode([aNode('a', { fault })], 1)).toBeUndefined();
  });

  test('takes the node of a downstream AS before its transit, and the transit when the other cannot', () => {
    const transit = aNode('t', { asn: 65_100, downstreamAsns: new Set([65_200]), maxEgressMbps: 100_000 });
    const downstream = aNode('d', { asn: 65_200, customerId: 'c2' });
    expect(shares([transit, downstream])).toEqual({ d: expect.closeTo(1) });
    expect(shares([transit, { ...downstream, fault: 'NodeFull' }])).toEqual({ t: expect.closeTo(1) });
    const stranger = aNode('s', { asn: 65_300 });
    expect(Object.keys(shares([transit, stranger])).sort()).toEqual(['s', 't']);
  });

  test('lets two that name each other as downstream not shut each other out for ever', () => {
    const a = aNode('a', { asn: 1, downstreamAsns: new Set([2]) });
    const b = aNode('b', { asn: 2, downstreamAsns: new Set([1]) });
    expect(chooseNode([a, b], 5)).toBeDefined();
  });
});

test('passedOver() names every other node with its reason', () => {
  const group = [
    aNode('a'),
    aNode('b', { fault: 'NodeUnhealthy', faultText: 'No heartbeat' }),
    aNode('t', { asn: 1, downstreamAsns: new Set([2]) }),
    aNode('d', { asn: 2, maxEgressMbps: 10 }),
  ];
  const chosen = group[0];
  expect(passedOver(group, chosen)).toEqual([
    { node: 'b', code: 'NodeUnhealthy', text: 'No heartbeat' },
    { node: 't', code: 'DownstreamPreferred', text: 'AS 2 is downstream of AS 1 and has its own node d' },
    { node: 'd', code: 'OtherShare', text: expect.stringContaining('weight 10), this site falls to a') },
  ]);
});

test.each([
  [0, 1000],
  [99, 1000],
  [101, 900],
  [950, 100],
  [1000, 1],
  [5000, 1],
])('weightOf() a node of 1000 Mbit/s that sends %i is %i', (egressMbps, weight) => {
  expect(weightOf({ maxEgressMbps: 1000, egressMbps })).toBe(weight);
});
