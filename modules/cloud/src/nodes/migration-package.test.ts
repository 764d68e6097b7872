import { describe, expect, test } from '@jest/globals';
import { CUSTOMER_ID, createBench } from '../../test/node-bench.ts';
import { type MigrationPackage, packNodes, takeInNodes } from './migration-package.ts';

const NOW_MS = 1_800_000_000_000;
const NEIGHBOR = { neighborAddress: '192.0.2.1', neighborAsn: 64510, password: 's3cret' };

async function aCloud() {
  const bench = await createBench();
  const pack = (wanted = {}) => packNodes(bench, wanted, NOW_MS);
  const takeIn = (input: unknown, replace = false) =>
    takeInNodes(bench, input, { replace, nowMs: NOW_MS, by: 'alice' });
  return { ...bench, pack, takeIn };
}

/** As it goes over the wire. */
const sent = (document: MigrationPackage) => JSON.parse(JSON.stringify(document)) as MigrationPackage;

describe('a migration package', () => {
  test('brings a node into another cloud with its ids, keys, fields and passwords', async () => {
    const from = await aCloud();
    const node = await from.aNode({ cidrs: ['10.1.0.0/16'], prefixSource: 'bgp', bgp: { sessions: [NEIGHBOR] } });
    const to = await aCloud();
    expect(await to.takeIn(sent(await from.pack()))).toEqual([
      { name: 'edge1', result: 'created', reason: '', problems: [] },
    ]);
    const { importedAtMs, createdAtMs: _created, updatedAtMs: _updated, ...moved } = await to.nodes.get('edge1');
    expect(node).toMatchObject(moved);
    expect([importedAtMs, moved.bgpPasswords]).toEqual([NOW_MS, { session1: 's3cret' }]);
    expect(to.platform.contents.get('edge1')).toEqual(from.platform.contents.get('edge1'));
    expect(await to.events()).toEqual(['Cache node created by alice, from a migration package']);
  });

  test('makes the account with its id and switches where it is not there', async () => {
    const from = await aCloud();
    const account = await from.accounts.create({ name: 'Carrier', asn: 64510, ipv6: true });
    await from.nodes.create({ name: 'edge6', cidrs: ['2001:db9::/32'], customerId: account.customerId });
    const document = sent(await from.pack({ customerId: account.customerId }));
    expect(document.nodes).toHaveLength(1);
    const to = await aCloud();
    expect(await to.takeIn(document)).toMatchObject([{ result: 'created' }]);
    expect(to.accounts.get(account.customerId)).toMatchObject({ name: 'Carrier', asn: 64510, ipv6: true });
    expect((await to.nodes.get('edge6')).customerId).toBe(account.customerId);
  });

  test('carries a deployment that somebody wrote, and none that is made from the fields', async () => {
    const from = await aCloud();
    const node = await from.aNode();
    await from.aNode({ name: 'edge2', ipAddress: '127.0.0.2' });
    const own = { ...from.nodes.manifestOf(node), sensor: { 'properties.desired': { a: 1 } } };
    await from.platform.applyContent('edge1', own);
    const document = sent(await from.pack());
    expect(document.nodes.map((one) => one.deployment === null)).toEqual([false, true]);
    const to = await aCloud();
    await to.takeIn(document);
    expect(to.platform.contents.get('edge1')).toEqual(own);
  });

  test('a node that is here stays as it is, unless it is to be replaced', async () => {
    const cloud = await aCloud();
    await cloud.aNode({ maxEgressMbps: 500 });
    const document = sent(await cloud.pack());
    await cloud.nodes.change('edge1', { maxEgressMbps: 900 });
    expect(await cloud.takeIn(document)).toMatchObject([{ result: 'refused', reason: 'it is here already' }]);
    expect((await cloud.nodes.get('edge1')).maxEgressMbps).toBe(900);
    expect(await cloud.takeIn(document, true)).toMatchObject([{ result: 'updated' }]);
    expect((await cloud.nodes.get('edge1')).maxEgressMbps).toBe(500);
  });

  test('another node of the name, an id twice, and fields against the rules are refused with reasons; the others come', async () => {
    const from = await aCloud();
    for (const name of ['a', 'b', 'c', 'd']) await from.nodes.create({ name });
    const document = sent(await from.pack());
    const [a, , c, d] = document.nodes;
    Object.assign(c!.fields, { httpPort: 0, cidrs: ['1.2.3'] });
    d!.cacheNodeId = a!.cacheNodeId;
    const to = await aCloud();
    await to.nodes.create({ name: 'b' });
    const results = await to.takeIn(document);
    expect(results.map(({ name, result }) => [name, result])).toEqual([
      ['a', 'created'],
      ['b', 'refused'],
      ['c', 'refused'],
      ['d', 'refused'],
    ]);
    expect(results[2]?.problems.map(({ path }) => path)).toEqual(['httpPort', 'cidrs[0]']);
    expect(results[3]?.reason).toContain('in use');
    expect((await to.nodes.list()).map((node) => node.name)).toEqual(['a', 'b']);
  });

  test.each([
    [null, 'format'],
    [{ format: 'x', version: 1 }, 'format'],
    [{ format: 'wayside-migration', version: 2, accounts: [], nodes: [] }, 'version'],
    [{ format: 'wayside-migration', version: 1, accounts: {}, nodes: [] }, 'lists'],
    [{ format: 'wayside-migration', version: 1, accounts: [], nodes: [null] }, 'nodes[0]: fields.name'],
    [{ format: 'wayside-migration', version: 1, accounts: [{ customerId: "'; --" }], nodes: [] }, 'accounts[0]'],
    [
      {
        ...{ format: 'wayside-migration', version: 1, accounts: [] },
        nodes: [
          {
            fields: { name: 'a' },
            bgpPasswords: {},
            cacheNodeId: 'x',
            customerId: CUSTOMER_ID,
            customerKey: CUSTOMER_ID,
          },
        ],
      },
      'nodes[0]: cacheNodeId is no GUID',
    ],
  ])('%j is none', async (input, why) => {
    const { takeIn } = await aCloud();
    await expect(takeIn(input)).rejects.toThrow(why);
  });
});
