import { describe, expect, test } from '@jest/globals';
import { parseDesired } from './desired.ts';

const R1 = { neighborAddress: '192.0.2.1', neighborAsn: 64_500 };
const base = (session: object = {}, rest: object = {}) => ({
  localAsn: 64_510,
  routerId: '192.0.2.2',
  sessions: { r1: { ...R1, ...session } },
  ...rest,
});

describe('parseDesired()', () => {
  test('defaults: 15 min hold, 200,000 prefixes, IPv4 /8 to /27, no bogons', () => {
    const { settings, problems } = parseDesired({ ...base(), $version: 4, $metadata: {} });
    expect(problems).toEqual([]);
    expect(settings).toEqual({
      localAsn: 64_510,
      routerId: '192.0.2.2',
      holdSecs: 900,
      sessions: [
        {
          id: 'r1',
          family: 4,
          ...R1,
          localAddress: null,
          password: null,
          multihop: false,
          ttlSecurity: false,
          holdTimeSecs: 240,
          maxPrefixes: 200_000,
          import: { minLength: 8, maxLength: 27, acceptBogons: false, maxPathLength: 64 },
        },
      ],
    });
  });

  test('IPv6 sessions have the lengths of IPv6 and one text for an address', () => {
    const { settings, problems } = parseDesired(
      base({ neighborAddress: '2001:DB8:0::1', import: { ipv6MaxLength: 48 } }),
    );
    expect(problems).toEqual([]);
    expect(settings.sessions[0]).toMatchObject({
      family: 6,
      neighborAddress: '2001:db8::1',
      import: { minLength: 16, maxLength: 48 },
    });
  });

  test('a session that is switched off, and one that a patch deleted, are none', () => {
    const { settings, problems } = parseDesired({
      ...base({ isEnabled: false }),
      sessions: { r1: { ...R1, isEnabled: false }, r2: null },
    });
    expect(problems).toEqual([]);
    expect(settings.sessions).toEqual([]);
  });

  test.each([
    ['localAsn', base({}, { localAsn: 0 })],
    ['localAsn', base({}, { localAsn: 23_456 })],
    ['localAsn', base({}, { localAsn: '64500' })],
    ['localAsn', base({}, { localAsn: 4_294_967_295 })],
    ['routerId', base({}, { routerId: '0.0.0.0' })],
    ['routerId', base({}, { routerId: '::1' })],
    ['holdSecs', base({}, { holdSecs: -1 })],
    ['neighbours', base({}, { neighbours: [] })],
    ['sessions', base({}, { sessions: [] })],
    ['sessions', base({}, { sessions: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`r${i}`, R1])) })],
    ['sessions.r-1', { ...base(), sessions: { 'r-1': R1 } }],
    ['sessions.r1', { ...base(), sessions: { r1: 'x' } }],
    ['sessions.r1.neighborAddress', base({ neighborAddress: 'router.example' })],
    ['sessions.r1.neighborAddress', base({ neighborAddress: '224.0.0.5' })],
    ['sessions.r1.neighborAddress', base({ neighborAddress: '0.0.0.0' })],
    ['sessions.r1.neighborAddress', base({ neighborAddress: 'fe80::1' })],
    ['sessions.r1.neighborAddress', base({ neighborAddress: 'ff02::1' })],
    ['sessions.r1.neighborAddress', base({ neighborAddress: '192.0.2.1; include "/etc/shadow"' })],
    ['sessions.r1.neighborAsn', base({ neighborAsn: 65_535 })],
    ['sessions.r1.localAddress', base({ localAddress: '2001:db8::2' })],
    ['sessions.r1.multihop', base({ multihop: 256 })],
    ['sessions.r1.multihop', base({ multihop: true })],
    ['sessions.r1.ttlSecurity', base({ ttlSecurity: 'yes' })],
    ['sessions.r1.holdTimeSecs', base({ holdTimeSecs: 2 })],
    ['sessions.r1.maxPrefixes', base({ maxPrefixes: 2_000_001 })],
    ['sessions.r1.import.ipv4MinLength', base({ import: { ipv4MinLength: 25, ipv4MaxLength: 24 } })],
    ['sessions.r1.import.ipv6MaxLength', base({ import: { ipv6MaxLength: 129 } })],
    ['sessions.r1.import.maxPathLength', base({ import: { maxPathLength: 0 } })],
    ['sessions.r1.import.bogons', base({ import: { bogons: true } })],
    ['sessions.r2.neighborAddress', { ...base(), sessions: { r1: R1, r2: R1 } }],
    [
      'sessions',
      {
        ...base(),
        sessions: Object.fromEntries(
          [1, 2, 3, 4, 5].map((n) => [`r${n}`, { ...R1, neighborAddress: `192.0.2.${n}`, maxPrefixes: 2_000_000 }]),
        ),
      },
    ],
  ])('names %s as the problem', (path, document) => {
    expect(parseDesired(document).problems.map((problem) => problem.path)).toEqual([path]);
  });

  test.each(['quote"', 'line\nfeed', 'ü', '', 'x'.repeat(81), 7])(
    'a password that BIRD or TCP MD5 cannot take is refused and not shown: %j',
    (password) => {
      const { problems } = parseDesired(base({ password }));
      expect(problems.map(({ path }) => path)).toEqual(['sessions.r1.password']);
      if (typeof password === 'string' && password !== '')
        expect(JSON.stringify(problems)).not.toContain(JSON.stringify(password).slice(1, -1));
    },
  );

  test('several problems are named at once; nothing at all is two', () => {
    expect(parseDesired(base({ neighborAsn: 0, holdTimeSecs: 1 }, { routerId: 'x' })).problems).toHaveLength(3);
    expect(parseDesired(undefined).problems.map(({ path }) => path)).toEqual(['localAsn', 'routerId']);
  });

  test('a password does not show when settings are printed', () => {
    const { settings } = parseDesired(base({ password: 'hunter2' }));
    expect(JSON.stringify(settings)).not.toContain('hunter2');
    expect(settings.sessions[0]?.password?.reveal()).toBe('hunter2');
  });
});
