// The module against FRR as the router, in namespaces of their own: MD5, MED, two families, withdrawals, a table of 50,000 prefixes.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Lab, NODE_IPV4, NODE_IPV6, type NodeUnderTest, ROUTER_IPV4, ROUTER_IPV6, until, whyNot } from './lab.ts';

const reason = whyNot();
if (reason !== undefined) console.warn(`BGP against FRR is skipped: ${reason}`);
const suite = reason === undefined ? describe : describe.skip;

const TEST_MS_MAX = 240_000;
const FULL_TABLE_ROUTES = 50_000;

/** Without zebra FRR does not know what is connected. */
const FRR_CONFIG = `
router bgp 64500
 bgp router-id ${ROUTER_IPV4}
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 neighbor ${NODE_IPV4} remote-as 64510
 neighbor ${NODE_IPV4} password shared-key
 neighbor ${NODE_IPV4} timers 3 9
 neighbor ${NODE_IPV4} timers connect 1
 neighbor ${NODE_IPV4} disable-connected-check
 neighbor ${NODE_IPV6} remote-as 64510
 neighbor ${NODE_IPV6} timers connect 1
 neighbor ${NODE_IPV6} disable-connected-check
 neighbor ${NODE_IPV6} update-source ${ROUTER_IPV6}
 address-family ipv4 unicast
  neighbor ${NODE_IPV4} activate
  neighbor ${NODE_IPV4} route-map OUT out
  network 20.1.0.0/16
  network 20.2.0.0/16
 exit-address-family
 address-family ipv6 unicast
  neighbor ${NODE_IPV6} activate
  network 2a00:1::/32
 exit-address-family
route-map OUT permit 10
 set metric 77
 set as-path prepend 64998 64999
`;

suite('bgp against FRR', () => {
  let lab: Lab;
  let node: NodeUnderTest;

  beforeEach(async () => {
    lab = new Lab();
    node = await lab.node();
  }, TEST_MS_MAX);

  afterEach(async () => {
    await lab.close();
  }, TEST_MS_MAX);

  test(
    'two sessions with MD5, MED and long paths; withdrawals; nothing is announced to the router',
    async () => {
      await node.node.settings.take({
        localAsn: 64_510,
        routerId: NODE_IPV4,
        sessions: {
          r1: { neighborAddress: ROUTER_IPV4, neighborAsn: 64_500, password: 'shared-key' },
          r2: { neighborAddress: ROUTER_IPV6, neighborAsn: 64_500 },
        },
      });
      const router = lab.frrRouter(FRR_CONFIG);
      await node.isUp('r1');
      await node.isUp('r2');
      await node.hasPrefixes('20.1.0.0/16', '20.2.0.0/16', '2a00:1::/32');
      expect(node.receiver.routes.get('r1 20.1.0.0/16')).toEqual({ asPath: '64500 64998 64999', med: 77 });
      router.configure(
        'router bgp 64500',
        'address-family ipv4 unicast',
        'no network 20.2.0.0/16',
        'network 20.3.0.0/16',
      );
      await node.hasPrefixes('20.1.0.0/16', '20.3.0.0/16', '2a00:1::/32');
      expect(node.receiver.gaps).toEqual([]);
      const received = JSON.parse(router.show('show bgp ipv4 unicast summary json')).peers[NODE_IPV4];
      expect(received).toMatchObject({ state: 'Established', pfxRcd: 0 });
    },
    TEST_MS_MAX,
  );

  test(
    'a router that expects another ASN here is named',
    async () => {
      await node.node.settings.take({
        localAsn: 64_511,
        routerId: NODE_IPV4,
        sessions: { r1: { neighborAddress: ROUTER_IPV4, neighborAsn: 64_500, password: 'shared-key' } },
      });
      lab.frrRouter(FRR_CONFIG);
      const issue = await until('the issue is reported', () =>
        node.states.at(-1)?.issues.find(({ code }) => code === 'BGP_NEIGHBOR_ASN_WRONG'),
      );
      expect(issue).toMatchObject({ session: 'r1' });
    },
    TEST_MS_MAX,
  );

  test(
    `a pulled cable ends the session by its hold time; a table of ${FULL_TABLE_ROUTES} comes, shrinks and is found by address`,
    async () => {
      // A busy router pauses for a second in the middle of a table: what is read then would be half of it.
      await lab.end(node);
      node = await lab.node({ pollMs: 200, settleMs: 4000, settleMaxMs: 60_000, rereadMs: 1000 });
      await node.node.settings.take({
        localAsn: 64_510,
        routerId: NODE_IPV4,
        sessions: { r1: { neighborAddress: ROUTER_IPV4, neighborAsn: 64_500, holdTimeSecs: 15 } },
      });
      const table = (count: number) => {
        const routes = Array.from({ length: count }, (_, i) => `route 20.${i >> 8}.${i & 255}.0/24 blackhole;`);
        return `protocol bgp n4 { local ${ROUTER_IPV4} as 64500; neighbor ${NODE_IPV4} as 64510; hold time 15; connect delay time 1; ipv4 { import none; export all; }; }
          protocol static s4 { ipv4; ${routes.join('\n')} }`;
      };
      const router = await lab.birdRouter(table(FULL_TABLE_ROUTES));
      await until('the whole table is held', () => node.receiver.routes.size === FULL_TABLE_ROUTES);
      expect(node.receiver.gaps).toEqual([]);
      const { payload } = await node.node.onMethod('prefixes', { contains: '20.77.3.200' });
      expect(payload).toEqual({
        prefixes: [{ prefix: '20.77.3.0/24', session: 'r1', asPath: '64500', originAsn: 64_500, med: null }],
        next: null,
        total: FULL_TABLE_ROUTES,
      });
      lab.cable(false);
      await until('the loss is seen', () => node.session().state !== 'Established');
      expect(node.receiver.routes.size).toBe(FULL_TABLE_ROUTES);
      lab.cable(true);
      await node.isUp();
      await router.configure(table(1000));
      await until('the table has shrunk', () => node.receiver.routes.size === 1000);
      expect(node.receiver.gaps).toEqual([]);
    },
    TEST_MS_MAX,
  );
});
