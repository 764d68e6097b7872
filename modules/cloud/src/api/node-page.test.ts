import { describe, expect, test } from '@jest/globals';
import type { NodeState } from '@wayside/protocol';
import type { NodeEntry } from '../nodes/node-index.ts';
import { parseCondition } from '../query/parse-query.ts';
import { NODES_PER_PAGE_MAX, type NodePageQuery, pageOfNodes } from './node-page.ts';

const entry = (name: string, ipAddress: string | null, more: Partial<NodeEntry> = {}): NodeEntry => ({
  ...{ name, ipAddress, cacheNodeId: `id-of-${name}`, customerId: 'customer', cidrs: '[]', maxEgressMbps: 1000 },
  ...{ isEnabled: true, isDraining: false, prefixSource: 'manual', asn: null, provisionedHost: null },
  ...more,
});
// As no database would order them.
const nodes = [
  entry('Paris-2', '192.0.2.30', { maxEgressMbps: 500 }),
  entry('Berlin-1', '192.0.2.4', { cidrs: '["2.21.234.0/24","2001:db8:1::/48"]' }),
  entry('Rome-1', null),
  entry('Berlin-2', '192.0.2.100'),
  entry('Paris-1', '192.0.2.5'),
];
const NAMES = ['Berlin-1', 'Berlin-2', 'Paris-1', 'Paris-2', 'Rome-1'];
const asked: string[] = [];
const know = {
  stateOf: async (name: string): Promise<NodeState> => {
    asked.push(name);
    return name.endsWith('1') ? 'Healthy' : 'Unhealthy';
  },
  reasonsOf: (name: string) => (name === 'Paris-2' ? ['HeartbeatLost'] : []),
  now: async () =>
    new Map([
      ['Berlin-2', { egressMbps: 40, hitRatio: 0.5 }],
      ['Rome-1', { egressMbps: 7, hitRatio: null }],
    ]),
  tags: async () => new Map([['Rome-1', { country: 'it' }]]),
};
const find = (query: Partial<NodePageQuery>) => {
  const whole = { limit: NODES_PER_PAGE_MAX, offset: 0, order: 'name', counts: false, ...query } as const;
  return pageOfNodes(nodes, whole, query.where ? parseCondition(query.where).where : undefined, know);
};
const page = async (query: Partial<NodePageQuery>) => {
  const { names, next } = await find(query);
  return [names, next];
};
const names = async (query: Partial<NodePageQuery>) => (await find(query)).names;

describe('pageOfNodes()', () => {
  test('without a query all nodes by name, and no state is asked for', async () => {
    expect(await page({})).toEqual([NAMES, null]);
    expect(asked).toEqual([]);
  });

  test('pages follow one another without a gap and end', async () => {
    expect(await page({ limit: 2 })).toEqual([['Berlin-1', 'Berlin-2'], 'Berlin-2']);
    expect(await page({ limit: 2, after: 'Berlin-2' })).toEqual([['Paris-1', 'Paris-2'], 'Paris-2']);
    expect(await page({ limit: 2, after: 'Paris-2' })).toEqual([['Rome-1'], null]);
    // The node that the page before ended with may be gone meanwhile.
    expect(await page({ limit: 1, after: 'Cairo' })).toEqual([['Paris-1'], 'Paris-1']);
    expect(await page({ limit: 2, offset: 2 })).toEqual([['Paris-1', 'Paris-2'], 'Paris-2']);
    expect(await page({ limit: 2, offset: 4 })).toEqual([['Rome-1'], null]);
    expect(await page({ offset: 9 })).toEqual([[], null]);
  });

  test('text is found in name, address, id and prefix, states are exact, pages hold what passed', async () => {
    expect(await page({ q: 'PARIS' })).toEqual([['Paris-1', 'Paris-2'], null]);
    expect(await names({ q: '192.0.2.30' })).toEqual(['Paris-2']);
    expect(await names({ q: 'id-of-rome' })).toEqual(['Rome-1']);
    expect(await names({ q: 'null' })).toEqual([]);
    expect(await names({ q: '"' })).toEqual([]);
    expect(await page({ state: 'Healthy', limit: 2 })).toEqual([['Berlin-1', 'Paris-1'], 'Paris-1']);
    expect(await page({ state: 'Healthy', limit: 2, after: 'Paris-1' })).toEqual([['Rome-1'], null]);
    expect(await page({ state: 'Healthy', limit: 3 })).toEqual([['Berlin-1', 'Paris-1', 'Rome-1'], null]);
  });

  test.each([
    ['2.21.234', ['Berlin-1']],
    ['2.21.234.0/24', ['Berlin-1']],
    ['2.21.234.77', ['Berlin-1']],
    ['2.21.234.128/25', ['Berlin-1']],
    ['2.21.235.1', []],
    ['2.21.0.0/16', []],
    ['2001:DB8:1:5::9', ['Berlin-1']],
  ])('%s is found among the prefixes', async (q, found) => {
    expect(await names({ q })).toEqual(found);
  });

  test.each([
    ['-name', NAMES.toReversed()],
    ['state', ['Berlin-1', 'Paris-1', 'Rome-1', 'Berlin-2', 'Paris-2']],
    ['-state', ['Paris-2', 'Berlin-2', 'Rome-1', 'Paris-1', 'Berlin-1']],
    ['address', ['Berlin-1', 'Paris-1', 'Paris-2', 'Berlin-2', 'Rome-1']],
    ['maxEgress', ['Paris-2', 'Berlin-1', 'Berlin-2', 'Paris-1', 'Rome-1']],
    ['-egress', ['Berlin-2', 'Rome-1', 'Paris-2', 'Paris-1', 'Berlin-1']],
  ] as const)('in order of %s', async (order, found) => {
    expect(await page({ order })).toEqual([found, null]);
    expect(await page({ order, limit: 2, offset: 2 })).toEqual([
      found.slice(2, 4),
      order === '-name' || order.endsWith('name') ? found[3] : null,
    ]);
  });

  test('counts are of all that fit the text, whatever state is shown', async () => {
    const none = { NeverPhonedHome: 0, NotProvisioned: 0, NotConfigured: 0, Disabled: 0 };
    const { counts, names: found } = await find({ counts: true, state: 'Healthy', q: 'paris' });
    expect(found).toEqual(['Paris-1']);
    expect(counts).toEqual({ Healthy: 1, Unhealthy: 1, ...none });
  });

  test.each([
    ["state = 'Unhealthy' AND egressMbps > 10", ['Berlin-2']],
    ["tags.country = 'it'", ['Rome-1']],
    ["STARTSWITH(name, 'Paris') AND maxEgressMbps < 1000", ['Paris-2']],
    ['ipAddress = null OR hitRatio < 0.6', ['Berlin-2', 'Rome-1']],
    ["customerId != 'customer'", []],
  ])('condition %s', async (where, found) => {
    expect(await names({ where })).toEqual(found);
    const { counts } = await find({ where, counts: true });
    expect(Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0)).toBe(found.length);
  });
});
