import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { createBench } from '../../test/node-bench.ts';
import type { AccountSettings } from '../accounts/account.ts';
import { parseIpAddress } from '../addresses/ip-address.ts';
import { openRouting } from './open-routing.ts';
import { listPrefixes } from './prefix-rows.ts';
import { IPV4_ONLY } from './review.ts';

/** A cloud's routing over the real store, with nodes that are healthy unless a test says otherwise. */
async function createSetup(settings: Partial<AccountSettings> = {}) {
  const bench = await createBench();
  const { db, clock, accounts } = bench;
  await accounts.change(accounts.defaultId, settings);
  const open = () =>
    bench.nodes.list().then((records) => openRouting({ db, clock, logger: silentLogger, accounts }, records));
  let opened = await open();
  const healthy = (name: string) => opened.onJudged(name, { state: 'Healthy', reasons: [] });
  let last = 0;
  return {
    ...bench,
    healthy,
    book: () => opened.book,
    routing: () => opened.routing,
    restart: async () => {
      opened = await open();
      for (const node of await bench.nodes.list()) healthy(node.name);
    },
    node: async (name: string, fields: object = {}) => {
      last += 1;
      const { node } = await bench.nodes.create({ name, ipAddress: `127.0.0.${last}`, ...fields });
      await opened.onNode(name, node);
      healthy(name);
    },
    change: async (name: string, fields: object) => {
      const { node } = await bench.nodes.change(name, fields);
      await opened.onNode(name, node);
    },
    ill: (name: string, code: string, subject = '') =>
      opened.onJudged(name, {
        state: 'Unhealthy',
        reasons: [{ code, subject, text: `${code} of ${name}`, sinceMs: 0 }],
      }),
    egress: (name: string, mbps: number) => opened.nodes.report(name, mbps, bench.clock.nowMs()),
    remove: async (name: string) => {
      await bench.nodes.remove(name);
      await opened.onNode(name, undefined);
    },
    at: (ip: string) => opened.routing.route(parseIpAddress(ip)!)?.name,
    explain: (ip: string) => opened.routing.explain(parseIpAddress(ip)!),
    statesOf: async (nodeName: string) =>
      (await listPrefixes(db, { nodeName, limit: 100 })).map((row) => `${row.prefix} ${row.state} ${row.code}`.trim()),
    spaceOf: (name: string, source: 'manual' | 'bgp' = 'manual') =>
      opened.book.spaceReview(opened.routing.node(name)!, source),
  };
}

describe('lookup (4.4 rules 4 and 5)', () => {
  test('row 46: the longest prefix wins; when its node is down the next shorter one serves', async () => {
    const setup = await createSetup();
    await setup.node('a', { cidrs: ['5.1.0.0/16'] });
    await setup.node('b', { cidrs: ['5.1.2.0/24'] });
    expect([setup.at('5.1.2.3'), setup.at('5.1.3.3'), setup.at('5.2.0.0')]).toEqual(['b', 'a', undefined]);
    setup.ill('b', 'DataPortUnreachable');
    expect(setup.at('5.1.2.3')).toBe('a');
    expect(setup.explain('5.1.2.3')).toMatchObject({
      ...{ prefix: '5.1.0.0/16', ttlSecs: 300, site: '5.1.2.0/24' },
      text: '5.1.2.3 goes to a by 5.1.0.0/16, as no node of 1 longer prefix(es) can take it',
      steps: [
        {
          prefix: '5.1.2.0/24',
          chosen: '',
          passedOver: [{ node: 'b', code: 'NodeUnhealthy', text: 'DataPortUnreachable of b' }],
        },
        { prefix: '5.1.0.0/16', chosen: 'a', passedOver: [] },
      ],
    });
    setup.ill('a', 'HeartbeatLost');
    expect(setup.at('5.1.2.3')).toBeUndefined();
    expect(setup.explain('5.1.2.3')).toMatchObject({ node: undefined, prefix: '', ttlSecs: 60 });
    setup.healthy('b');
    expect(setup.at('5.1.2.3')).toBe('b');
  });

  test.each(['DeploymentFailed', 'DriveFailed', 'DeploymentLate'])(
    'a node with %s serves its clients on',
    async (code) => {
      const setup = await createSetup();
      await setup.node('a', { cidrs: ['5.1.0.0/16'] });
      setup.ill('a', code);
      expect(setup.at('5.1.0.1')).toBe('a');
    },
  );

  test('of modules only the cache counts', async () => {
    const setup = await createSetup();
    await setup.node('a', { cidrs: ['5.1.0.0/16'] });
    setup.ill('a', 'ModuleNotRunning', 'sensor');
    expect(setup.at('5.1.0.1')).toBe('a');
    setup.ill('a', 'ModuleNotRunning', 'MCC');
    expect(setup.at('5.1.0.1')).toBeUndefined();
  });

  test('row 54: a disabled or draining node gets no clients, and gets them back', async () => {
    const setup = await createSetup();
    await setup.node('a', { cidrs: ['5.1.0.0/16'] });
    for (const [off, on] of [
      [{ isEnabled: false }, { isEnabled: true }],
      [{ isDraining: true }, { isDraining: false }],
    ] as const) {
      await setup.change('a', off);
      expect(setup.at('5.1.0.1')).toBeUndefined();
      await setup.change('a', on);
      expect(setup.at('5.1.0.1')).toBe('a');
    }
  });

  test('row 45: nodes of one customer share a prefix; a full one spills over until it has room again', async () => {
    const setup = await createSetup();
    await setup.node('a', { cidrs: ['5.0.0.0/12'] });
    await setup.node('b', { cidrs: ['5.0.0.0/12'] });
    const seen = () => new Set(Array.from({ length: 200 }, (_, site) => setup.at(`5.0.${site}.1`)));
    expect(seen()).toEqual(new Set(['a', 'b']));
    setup.egress('a', 960);
    expect(seen()).toEqual(new Set(['b']));
    expect(setup.explain('5.0.0.1').steps[0]?.passedOver[0]).toMatchObject({ node: 'a', code: 'NodeFull' });
    setup.egress('a', 900);
    expect(seen()).toEqual(new Set(['b']));
    setup.egress('a', 400);
    expect(seen()).toEqual(new Set(['a', 'b']));
    setup.egress('a', 2_000);
    setup.egress('b', 2_000);
    expect(seen()).toEqual(new Set([undefined]));
  });

  test('a node with a new address waits for its first probe', async () => {
    const setup = await createSetup();
    await setup.node('a', { cidrs: ['5.1.0.0/16'] });
    setup.ill('a', 'DataPortUnconfirmed');
    expect(setup.at('5.1.0.1')).toBe('a');
    await setup.change('a', { ipAddress: '127.9.9.9' });
    expect(setup.at('5.1.0.1')).toBeUndefined();
    setup.ill('a', 'DataPortUnconfirmed');
    expect(setup.at('5.1.0.1')).toBeUndefined();
    setup.healthy('a');
    expect(setup.at('5.1.0.1')).toBe('a');
  });
});

describe('two customers (4.4 rule 2)', () => {
  async function twoCustomers() {
    const setup = await createSetup({ asn: 65_100 });
    const other = await setup.accounts.create({ name: 'other', asn: 65_200, privatePrefixes: true });
    await setup.node('a', { cidrs: ['5.1.0.0/16', '6.0.0.0/16'] });
    return { ...setup, other: other.customerId };
  }

  test.each(['5.1.0.0/16', '5.1.2.0/24', '5.0.0.0/9'])('row 44: the later one waits with %s', async (prefix) => {
    const setup = await twoCustomers();
    await setup.node('b', { customerId: setup.other, cidrs: [prefix, '7.0.0.0/16'] });
    expect(await setup.statesOf('b')).toEqual([`${prefix} pending Overlap`, '7.0.0.0/16 approved']);
    expect([setup.at('5.1.2.3'), setup.at('7.0.0.1')]).toEqual(['a', 'b']);
    expect(await setup.spaceOf('b')).toMatchObject({
      state: 'AttentionRequired',
      feedback: 'Attention required: of 2 prefixes 1 overlap those of another customer',
    });
    expect(await setup.spaceOf('a')).toMatchObject({ state: 'Approved', feedback: '' });
  });

  test.each(['the block is given up', 'the node is deleted'])('the one that waits is routed once %s', async (how) => {
    const setup = await twoCustomers();
    await setup.node('b', { customerId: setup.other, cidrs: ['5.1.2.0/24'] });
    await setup.node('c', { customerId: setup.other, cidrs: ['5.1.2.0/24'] });
    if (how === 'the node is deleted') await setup.remove('a');
    else await setup.change('a', { cidrs: ['6.0.0.0/16'] });
    expect(await setup.statesOf('b')).toEqual(['5.1.2.0/24 approved']);
    expect(await setup.statesOf('c')).toEqual(['5.1.2.0/24 approved']);
    expect(['b', 'c']).toContain(setup.at('5.1.2.3'));
  });

  test('an administrator approves an overlap, takes it back, rejects it', async () => {
    const setup = await twoCustomers();
    await setup.node('b', { customerId: setup.other, cidrs: ['5.1.2.0/24'] });
    const say = (decision: 'approved' | 'rejected') => ({ decision, text: 'see ticket', by: 'ann' });
    await setup.book().decide('b', '5.1.2.0/24', say('approved'));
    expect(setup.at('5.1.2.3')).toBe('b');
    await setup.restart();
    expect(setup.at('5.1.2.3')).toBe('b');
    await setup.book().decide('b', '5.1.2.0/24', undefined);
    expect(await setup.statesOf('b')).toEqual(['5.1.2.0/24 pending Overlap']);
    expect(setup.at('5.1.2.3')).toBe('a');
    await setup.book().decide('b', '5.1.2.0/24', say('rejected'));
    expect(await listPrefixes(setup.db, { nodeName: 'b', limit: 9 })).toMatchObject([
      { state: 'rejected', code: 'Rejected', feedback: 'Rejected by ann: see ticket' },
    ]);
    await expect(setup.book().decide('b', '9.9.9.0/24', say('approved'))).rejects.toMatchObject({
      code: 'CLOUD_PREFIX_NOT_FOUND',
    });
  });

  test('row 47: a downstream network may overlap its transit, and comes first; taken back, the later one waits', async () => {
    const setup = await twoCustomers();
    await setup.accounts.change(setup.accounts.defaultId, { downstreamAsns: [65_200] });
    await setup.book().reviewAccount(setup.accounts.defaultId);
    await setup.node('b', { customerId: setup.other, cidrs: ['5.1.0.0/16'] });
    expect([await setup.statesOf('b'), setup.at('5.1.2.3')]).toEqual([['5.1.0.0/16 approved'], 'b']);
    setup.ill('b', 'HeartbeatLost');
    expect(setup.at('5.1.2.3')).toBe('a');
    setup.healthy('b');
    await setup.accounts.change(setup.accounts.defaultId, { downstreamAsns: [] });
    await setup.book().reviewAccount(setup.accounts.defaultId);
    expect([await setup.statesOf('b'), setup.at('5.1.2.3')]).toEqual([['5.1.0.0/16 pending Overlap'], 'a']);
    expect(await setup.statesOf('a')).toEqual(['5.1.0.0/16 approved', '6.0.0.0/16 approved']);
  });
});

describe('size and kind of the space (4.4 rules 1 and 3)', () => {
  test('a space that is too large is not routed and blocks nobody; an approval holds up to its size', async () => {
    const setup = await createSetup({ ipv4AddressesMax: 65_536 });
    const other = await setup.accounts.create({ name: 'other' });
    await setup.node('a', { cidrs: ['5.0.0.0/15', '5.0.0.0/24'] });
    expect(setup.at('5.0.0.1')).toBeUndefined();
    expect(await setup.spaceOf('a')).toEqual({
      ...{ state: 'AttentionRequired', prefixes: 2, ipv4Addresses: 131_072, ipv6Addresses: 0 },
      feedback: 'Attention required: the IP space is exceedingly large: 131072 IPv4 addresses, at most 65536',
    });
    await setup.node('b', { customerId: other.customerId, cidrs: ['5.0.7.0/24'] });
    expect(setup.at('5.0.7.1')).toBe('b');
    await setup.book().decide('a', '*', { decision: 'approved', text: '', by: 'ann' });
    expect([setup.at('5.0.0.1'), setup.at('5.0.7.1')]).toEqual(['a', 'b']);
    expect(await setup.statesOf('a')).toEqual(['5.0.0.0/15 pending Overlap', '5.0.0.0/24 approved']);
    await setup.change('a', { cidrs: ['5.0.0.0/15', '5.0.0.0/24', '5.4.0.0/16'] });
    expect(setup.at('5.0.0.1')).toBeUndefined();
    await setup.change('a', { cidrs: ['5.4.0.0/16'] });
    expect(setup.at('5.4.0.1')).toBe('a');
    await setup.book().decide('a', '*', { decision: 'rejected', text: 'not yours', by: 'ann' });
    expect(setup.at('5.4.0.1')).toBeUndefined();
    await setup.restart();
    expect(setup.at('5.4.0.1')).toBeUndefined();
  });

  test('an account with manual review waits for an administrator', async () => {
    const setup = await createSetup({ review: 'manual' });
    await setup.node('a', { cidrs: ['5.1.0.0/16'] });
    expect([setup.at('5.1.0.1'), (await setup.spaceOf('a')).state]).toEqual([undefined, 'InReview']);
    await setup.book().decide('a', '5.1.0.0/16', { decision: 'approved', text: '', by: 'ann' });
    expect([setup.at('5.1.0.1'), (await setup.spaceOf('a')).state]).toEqual(['a', 'Approved']);
  });

  test('IPv6 is an account switch: off, nothing of it is routed any more', async () => {
    const setup = await createSetup({ ipv6: true });
    await setup.node('a', { cidrs: ['2a00:1::/32', '5.1.0.0/16'] });
    expect([setup.at('2a00:1::7'), setup.at('5.1.0.1')]).toEqual(['a', 'a']);
    await setup.accounts.change(setup.accounts.defaultId, { ipv6: false });
    await setup.book().reviewAccount(setup.accounts.defaultId);
    expect([setup.at('2a00:1::7'), setup.at('5.1.0.1')]).toEqual([undefined, 'a']);
    expect(setup.explain('2a00:1::7').text).toContain(IPV4_ONLY);
    expect(await setup.statesOf('a')).toEqual(['2a00:1::/32 rejected Ipv6Off', '5.1.0.0/16 approved']);
  });

  test('row 53: the prefix source decides which prefixes are in force', async () => {
    const setup = await createSetup();
    await setup.node('a', { cidrs: ['5.1.0.0/16'] });
    const added = ['5.2.0.0/16', '0.0.0.0/0', '6.0.0.0/7', '169.254.1.0/24'].map((prefix) => ({
      prefix,
      originAsn: 65_001,
    }));
    await setup.book().change('a', 'bgp', { added, withdrawn: [] });
    expect([setup.at('5.1.0.1'), setup.at('5.2.0.1')]).toEqual(['a', undefined]);
    await setup.change('a', { prefixSource: 'bgp' });
    expect([setup.at('5.1.0.1'), setup.at('5.2.0.1'), setup.at('9.9.9.9')]).toEqual([undefined, 'a', undefined]);
    expect((await setup.statesOf('a')).filter((text) => text.includes('rejected'))).toEqual(
      ['0.0.0.0/0 rejected TooShort', '169.254.1.0/24 rejected SpecialRange', '6.0.0.0/7 rejected TooShort'].sort(),
    );
    await setup.book().change('a', 'bgp', { added: [], withdrawn: ['5.2.0.0/16'] });
    expect(setup.at('5.2.0.1')).toBeUndefined();
    await setup.change('a', { prefixSource: 'manual' });
    expect(setup.at('5.1.0.1')).toBe('a');
  });

  test('row 43: an address in two blocks is counted once; no prefixes are Not configured', async () => {
    const setup = await createSetup();
    await setup.node('a', { cidrs: ['5.1.0.0/16', '5.1.2.0/24', '5.2.0.0/24'] });
    expect(await setup.spaceOf('a')).toMatchObject({ prefixes: 3, ipv4Addresses: 65_536 + 256 });
    expect(await setup.spaceOf('a', 'bgp')).toMatchObject({ state: 'NotConfigured', prefixes: 0 });
  });
});

test('a start routes what was routed before, and takes over what a crash left between the fields and the table', async () => {
  const setup = await createSetup();
  await setup.node('a', { cidrs: ['5.1.0.0/16'] });
  await setup.nodes.change('a', { cidrs: ['5.2.0.0/16'] });
  await setup.restart();
  expect([setup.at('5.1.0.1'), setup.at('5.2.0.1')]).toEqual([undefined, 'a']);
});
