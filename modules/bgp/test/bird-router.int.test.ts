// The module against BIRD as the router, in namespaces of their own: session, routes, loss, limits.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Lab, NODE_IPV4, NODE_IPV6, type NodeUnderTest, ROUTER_IPV4, ROUTER_IPV6, until, whyNot } from './lab.ts';

const reason = whyNot();
if (reason !== undefined) console.warn(`BGP against BIRD is skipped: ${reason}`);
const suite = reason === undefined ? describe : describe.skip;

const TEST_MS_MAX = 240_000;

/** Routes that the router exports: prefix and the AS numbers put before its own... */
function statics(...prefixes: string[]): string {
  return `protocol static s4 { ipv4; ${prefixes.map((prefix) => `route ${prefix} blackhole;`).join(' ')} }`;
}

function neighbor(options = '', asn = 64_500): string {
  return `protocol bgp n4 { local ${ROUTER_IPV4} as ${asn}; neighbor ${NODE_IPV4} as 64510; ${options} hold time 9; connect delay time 1;
    ipv4 { import all; export all; }; }`;
}

function desired(session: object = {}, rest: object = {}): object {
  const r1 = { neighborAddress: ROUTER_IPV4, neighborAsn: 64_500, import: { acceptBogons: true }, ...session };
  return { localAsn: 64_510, routerId: NODE_IPV4, sessions: { r1 }, ...rest, $version: 1 };
}

suite('bgp against BIRD', () => {
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
    'the session comes up passive with a password; prefixes and paths reach the receiver, nothing reaches the router',
    async () => {
      await node.node.settings.take(desired({ password: 'right key' }));
      const router = await lab.birdRouter(
        `${neighbor('password "right key";')} protocol static s4 { ipv4; route 100.64.0.0/16 blackhole; route 20.1.0.0/16 blackhole { bgp_path.prepend(64999); }; }`,
      );
      await node.isUp();
      await node.hasPrefixes('100.64.0.0/16', '20.1.0.0/16');
      expect(node.receiver.pathOf('20.1.0.0/16')).toBe('64500 64999');
      expect(node.receiver.gaps).toEqual([]);
      expect(await router.ask('show route protocol n4')).not.toContain('/');
      expect(await router.ask('show protocols all n4')).toMatch(/Import updates: +0 /);
      const state = await until('a state with the session up', () =>
        node.states.find(({ sessions, stream }) => sessions[0]?.state === 'Established' && stream?.routes === 2),
      );
      expect(state.sessions[0]).toMatchObject({ id: 'r1', neighborAsn: 64_500, localAsn: 64_510, reason: '' });
      expect(state.issues).toEqual([]);
      expect(JSON.stringify([node.states, node.receiver.messages, node.log])).not.toContain('right key');
    },
    TEST_MS_MAX,
  );

  test(
    'a wrong password is said to be one, and the right one heals it',
    async () => {
      await node.node.settings.take(desired({ password: 'one' }));
      await lab.birdRouter(`${neighbor('password "other";')} ${statics('20.1.0.0/16')}`);
      await until('the issue is reported', () =>
        node.states.at(-1)?.issues.some(({ code, session }) => code === 'BGP_PASSWORD_WRONG' && session === 'r1'),
      );
      await node.node.settings.take(desired({ password: 'other' }));
      await node.isUp();
      await node.hasPrefixes('20.1.0.0/16');
    },
    TEST_MS_MAX,
  );

  test(
    'a router with another ASN is refused and named',
    async () => {
      await node.node.settings.take(desired());
      await lab.birdRouter(`${neighbor('', 64_501)} ${statics('20.1.0.0/16')}`);
      const issue = await until('the issue is reported', () =>
        node.states.at(-1)?.issues.find(({ code }) => code === 'BGP_NEIGHBOR_ASN_WRONG'),
      );
      expect(issue.text).toContain('another ASN than 64500');
      expect(node.receiver.prefixes()).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test(
    'announced, changed and withdrawn prefixes arrive as differences; what flaps between two reads does not',
    async () => {
      await node.node.settings.take(desired());
      const router = await lab.birdRouter(`${neighbor()} ${statics('20.1.0.0/16', '20.2.0.0/16', '20.3.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16', '20.2.0.0/16', '20.3.0.0/16');
      await router.configure(`${neighbor()} ${statics('20.1.0.0/16', '20.4.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16', '20.4.0.0/16');
      const last = node.receiver.messages.at(-1);
      expect(last).toMatchObject({
        kind: 'delta',
        withdrawn: [{ session: 'r1', prefixes: ['20.2.0.0/16', '20.3.0.0/16'] }],
      });
      expect(last?.added).toEqual([
        { session: 'r1', asPath: '64500', originAsn: 64_500, med: null, prefixes: ['20.4.0.0/16'] },
      ]);
      const count = node.receiver.messages.length;
      for (let i = 0; i < 5; i += 1) {
        await router.configure(`${neighbor()} ${statics('20.1.0.0/16')}`);
        await router.configure(`${neighbor()} ${statics('20.1.0.0/16', '20.4.0.0/16')}`);
      }
      // A change after the flapping shows that the flapping was seen and gave no message of its own.
      await router.configure(`${neighbor()} ${statics('20.1.0.0/16', '20.4.0.0/16', '20.5.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16', '20.4.0.0/16', '20.5.0.0/16');
      expect(node.receiver.messages.length - count).toBeLessThanOrEqual(3);
      expect(node.receiver.gaps).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test(
    'filters: default route, lengths, bogons and long paths stay out and are counted',
    async () => {
      await node.node.settings.take(desired({ import: { maxPathLength: 3, ipv4MaxLength: 24 } }));
      await lab.birdRouter(`${neighbor()} protocol static s4 { ipv4; route 0.0.0.0/0 blackhole; route 16.0.0.0/6 blackhole; route 20.1.0.0/25 blackhole;
        route 10.1.0.0/16 blackhole; route 100.64.0.0/10 blackhole; route 203.0.113.0/24 blackhole; route 20.2.0.0/16 blackhole { bgp_path.prepend(1);
        bgp_path.prepend(2); bgp_path.prepend(3); }; route 20.3.0.0/24 blackhole { bgp_path.prepend(1); bgp_path.prepend(2); }; }`);
      await node.hasPrefixes('20.3.0.0/24');
      await until('the filtered ones are counted', () => node.session().prefixes.filtered === 7);
      await until('the report is on disk', () => node.session().prefixes.reported === 1);
      expect(node.session().prefixes).toMatchObject({ accepted: 1, limit: 200_000 });
      // The refused ones are kept: another filter takes effect without a word to the router.
      await node.node.settings.take(desired({ import: { ipv4MaxLength: 24, acceptBogons: true } }));
      await node.hasPrefixes('10.1.0.0/16', '100.64.0.0/10', '20.2.0.0/16', '20.3.0.0/24', '203.0.113.0/24');
      expect(node.session().downs).toBe(0);
    },
    TEST_MS_MAX,
  );

  test(
    'IPv6 beside IPv4: both sessions, RFC 5952 texts; changing one session leaves the other up',
    async () => {
      const r2 = { neighborAddress: ROUTER_IPV6, neighborAsn: 64_500, holdTimeSecs: 30 };
      const both = (session: object) => ({
        ...desired(),
        sessions: {
          r1: { neighborAddress: ROUTER_IPV4, neighborAsn: 64_500, import: { acceptBogons: true } },
          r2: session,
        },
      });
      await node.node.settings.take(both(r2));
      await lab.birdRouter(`${neighbor()} ${statics('20.1.0.0/16')}
        protocol bgp n6 { local ${ROUTER_IPV6} as 64500; neighbor ${NODE_IPV6} as 64510; connect delay time 1; ipv6 { import all; export all; }; }
        protocol static s6 { ipv6; route 2a00:1:0:0::/48 blackhole; route 2001:db8:1::/48 blackhole; route 2620:0:0:1::/64 blackhole; route 2400::/12 blackhole; route fc00::/8 blackhole;}`);
      await node.isUp('r1');
      await node.isUp('r2');
      await node.hasPrefixes('20.1.0.0/16', '2a00:1::/48');
      await node.node.settings.take(both({ ...r2, import: { ipv6MinLength: 10, ipv6MaxLength: 64 } }));
      await node.hasPrefixes('20.1.0.0/16', '2400::/12', '2620:0:0:1::/64', '2a00:1::/48');
      await node.node.settings.take(both({ ...r2, holdTimeSecs: 60 }));
      await until('the changed session went down', () => node.session('r2').downs > 0);
      await node.isUp('r2');
      expect(node.session('r1').downs).toBe(0);
    },
    TEST_MS_MAX,
  );

  test(
    'iBGP: the same ASN on both sides',
    async () => {
      await node.node.settings.take(desired({ neighborAsn: 64_510 }));
      await lab.birdRouter(`${neighbor('', 64_510)} ${statics('20.1.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16');
      expect(node.receiver.messages.at(-1)?.added[0]).toMatchObject({ asPath: '', originAsn: null });
    },
    TEST_MS_MAX,
  );

  test(
    'a lost session holds its prefixes, then they are withdrawn; a session that comes back in time withdraws nothing',
    async () => {
      await node.node.settings.take(desired({ holdTimeSecs: 3 }, { holdSecs: 3600 }));
      const router = await lab.birdRouter(`${neighbor()} ${statics('20.1.0.0/16', '20.2.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16', '20.2.0.0/16');
      const count = node.receiver.messages.length;
      router.kill();
      await until('the loss is reported with the hold', () =>
        node.states.at(-1)?.sessions.some((one) => one.state !== 'Established' && one.held?.untilUtc),
      );
      expect(node.states.at(-1)?.issues[0]).toMatchObject({ code: 'BGP_SESSION_DOWN', session: 'r1' });
      expect(node.receiver.prefixes()).toEqual(['20.1.0.0/16', '20.2.0.0/16']);
      const again = await lab.birdRouter(`${neighbor()} ${statics('20.1.0.0/16', '20.2.0.0/16')}`);
      await until(
        'the routes are in force again',
        () => node.session().state === 'Established' && !node.session().held,
      );
      expect(node.receiver.messages.length).toBe(count);
      await node.node.settings.take(desired({ holdTimeSecs: 3 }, { holdSecs: 1 }));
      again.kill();
      await node.hasPrefixes();
      expect(node.session().held).toBeNull();
      expect(node.receiver.gaps).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test(
    'a flood shuts the session, keeps the last good set, and is reported; a restart after the cause is gone heals it',
    async () => {
      await node.node.settings.take(desired({ maxPrefixes: 100 }));
      const few = statics('20.1.0.0/16', '20.2.0.0/16');
      const router = await lab.birdRouter(`${neighbor()} ${few}`);
      await node.hasPrefixes('20.1.0.0/16', '20.2.0.0/16');
      const flood = Array.from({ length: 500 }, (_, i) => `21.${i >> 8}.${i & 255}.0/24`);
      await router.configure(`${neighbor()} ${statics('20.1.0.0/16', '20.2.0.0/16', ...flood)}`);
      const issue = await until('the issue is reported', () =>
        node.states.at(-1)?.issues.find(({ code }) => code === 'BGP_PREFIX_LIMIT_REACHED'),
      );
      expect(issue.text).toContain('more than 100 prefixes');
      expect(node.session()).toMatchObject({ state: 'Disabled', held: { untilUtc: null } });
      expect(node.receiver.prefixes()).toEqual(['20.1.0.0/16', '20.2.0.0/16']);
      await router.configure(`${neighbor()} ${statics('20.1.0.0/16', '20.3.0.0/16')}`);
      expect(await node.node.onMethod('restartSession', { session: 'r1' })).toEqual({
        status: 200,
        payload: { session: 'r1' },
      });
      await node.isUp();
      await node.hasPrefixes('20.1.0.0/16', '20.3.0.0/16');
    },
    TEST_MS_MAX,
  );

  test(
    'a restarted module holds what it had, also without its cloud, and goes on in the same epoch',
    async () => {
      await node.node.settings.take(desired());
      await lab.birdRouter(`${neighbor()} ${statics('20.1.0.0/16', '20.2.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16', '20.2.0.0/16');
      await until(
        'the stream is on disk',
        () => node.node.state().stream?.routes === 2 && node.log.some((line) => line.includes('Routes reported')),
      );
      const before = node.receiver.messages.at(-1);
      await lab.end(node);
      const again = await lab.node();
      expect(again.node.state().stream).toMatchObject({ epoch: before?.epoch, seq: before?.seq, routes: 2 });
      expect(again.node.state().appliedVersion).toBe(1);
      await until('the session is up and read', () => again.session().state === 'Established' && !again.session().held);
      expect(again.receiver.messages).toEqual([]);
      const { payload } = await again.node.onMethod('resync', {});
      await until('the snapshot came', () => again.receiver.messages.length === 1);
      expect(again.receiver.messages[0]).toMatchObject({
        ...payload,
        seq: 1,
        kind: 'snapshot',
        part: 1,
        parts: 1,
        routes: 2,
      });
    },
    TEST_MS_MAX,
  );

  test(
    'a module that ends in the middle of a change begins a new epoch',
    async () => {
      await node.node.settings.take(desired());
      const router = await lab.birdRouter(`${neighbor()} ${statics('20.1.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16');
      const epoch = node.receiver.messages.at(-1)?.epoch;
      node.isCutOff = true;
      await router.configure(`${neighbor()} ${statics('20.1.0.0/16', '20.2.0.0/16')}`);
      await until('a batch failed', () => node.log.some((line) => line.includes('BGP_MESSAGE_FAILED')));
      await lab.end(node);
      const again = await lab.node();
      await again.hasPrefixes('20.1.0.0/16', '20.2.0.0/16');
      expect(again.receiver.messages[0]).toMatchObject({ kind: 'snapshot', seq: 1 });
      expect(again.receiver.messages[0]?.epoch).not.toBe(epoch);
      expect(again.receiver.gaps).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test(
    'BIRD that is killed is started again; its routes are held meanwhile',
    async () => {
      await node.node.settings.take(desired());
      await lab.birdRouter(`${neighbor()} ${statics('20.1.0.0/16')}`);
      await node.hasPrefixes('20.1.0.0/16');
      const pid = Number(/BIRD started.*pid=(\d+)/.exec(node.log.join(''))?.[1]);
      process.kill(pid, 'SIGKILL');
      await until('the issue is reported', () =>
        node.states.some(({ issues }) => issues.some(({ code }) => code === 'BGP_ENGINE_FAILED')),
      );
      await until(
        'the session is up again and read',
        () => node.session().state === 'Established' && !node.session().held,
      );
      expect(node.receiver.prefixes()).toEqual(['20.1.0.0/16']);
      expect(node.receiver.messages).toHaveLength(1);
    },
    TEST_MS_MAX,
  );
});
