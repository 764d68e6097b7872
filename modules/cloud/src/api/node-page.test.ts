import { describe, expect, test } from '@jest/globals';
import type { NodeState } from '@wayside/protocol';
import { NODES_PER_PAGE_MAX, pageOfNodes } from './node-page.ts';

const nodes = ['Berlin-1', 'Berlin-2', 'Paris-1', 'Paris-2', 'Rome-1'].map((name, index) => ({
  ...{ name, ipAddress: index === 4 ? null : `192.0.2.${index}` },
}));
const asked: string[] = [];
const stateOf = async ({ name }: { name: string }): Promise<NodeState> => {
  asked.push(name);
  return name.endsWith('1') ? 'Healthy' : 'Unhealthy';
};
const page = async (query: object) => {
  const { nodes: found, next } = await pageOfNodes(nodes, { limit: NODES_PER_PAGE_MAX, ...query }, stateOf);
  return [found.map(({ name }) => name), next];
};

describe('pageOfNodes()', () => {
  test('without a query all nodes, and no state is asked for', async () => {
    expect(await page({})).toEqual([nodes.map(({ name }) => name), null]);
    expect(asked).toEqual([]);
  });

  test('pages follow one another without a gap and end', async () => {
    expect(await page({ limit: 2 })).toEqual([['Berlin-1', 'Berlin-2'], 'Berlin-2']);
    expect(await page({ limit: 2, after: 'Berlin-2' })).toEqual([['Paris-1', 'Paris-2'], 'Paris-2']);
    expect(await page({ limit: 2, after: 'Paris-2' })).toEqual([['Rome-1'], null]);
    // The node that the page before ended with may be gone meanwhile.
    expect(await page({ limit: 1, after: 'Cairo' })).toEqual([['Paris-1'], 'Paris-1']);
  });

  test('text is found in name and address, states are exact, pages hold what passed', async () => {
    expect(await page({ q: 'PARIS' })).toEqual([['Paris-1', 'Paris-2'], null]);
    expect(await page({ q: '192.0.2.1' })).toEqual([['Berlin-2'], null]);
    expect(await page({ q: 'null' })).toEqual([[], null]);
    expect(await page({ state: 'Healthy', limit: 2 })).toEqual([['Berlin-1', 'Paris-1'], 'Paris-1']);
    expect(await page({ state: 'Healthy', limit: 2, after: 'Paris-1' })).toEqual([['Rome-1'], null]);
    expect(await page({ state: 'Healthy', limit: 3 })).toEqual([['Berlin-1', 'Paris-1', 'Rome-1'], null]);
  });
});
