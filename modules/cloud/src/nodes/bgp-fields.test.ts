import { describe, expect, test } from '@jest/globals';
import { BGP_DEFAULTS, localAsnOf, readBgp } from './bgp-fields.ts';
import type { FieldProblem } from './field-complaints.ts';
import type { BgpFields, BgpPasswords } from './node-record.ts';

const RULES = { ipv6: false };
const NOTHING = { fields: BGP_DEFAULTS, passwords: {} };

function read(value: unknown, known: { fields: BgpFields; passwords: BgpPasswords } = NOTHING, rules = RULES) {
  const problems: FieldProblem[] = [];
  const complain = Object.assign(
    (path: string, message: string) => void problems.push({ path, message, code: 'FieldInvalid' }),
    { warn: () => undefined },
  );
  const part = readBgp(value, known, rules, complain);
  return { part, problems: problems.map(({ path, message }) => `${path}: ${message}`) };
}

const pathsOf = (value: unknown, rules = RULES) =>
  read(value, NOTHING, rules).problems.map((text) => text.split(': ')[0]);

const NEIGHBOR = { neighborAddress: '192.0.2.1', neighborAsn: 64510 };

describe('readBgp()', () => {
  test('an address and an ASN are enough; the rest has defaults', () => {
    const { part, problems } = read({ sessions: [NEIGHBOR] });
    expect(problems).toEqual([]);
    expect(part).toEqual({
      fields: {
        ...{ localAsn: null, routerId: null, holdSecs: 900, network: 'host' },
        sessions: [
          {
            ...{ id: 'session1', ...NEIGHBOR, localAddress: null, multihop: false, ttlSecurity: false },
            ...{ holdTimeSecs: 240, maxPrefixes: 200_000, isEnabled: true, hasPassword: false },
          },
        ],
      },
      passwords: {},
    });
  });

  test('a password is kept apart; the fields say only that there is one', () => {
    const { part } = read({ sessions: [{ ...NEIGHBOR, password: 's3cret' }] });
    expect(part?.passwords).toEqual({ session1: 's3cret' });
    expect(part?.fields.sessions[0]?.hasPassword).toBe(true);
    expect(JSON.stringify(part?.fields)).not.toContain('s3cret');
  });

  test('what was answered can be sent back: id and password of a neighbour stay, whatever the order', () => {
    const before = read({
      sessions: [
        { ...NEIGHBOR, password: 'one' },
        { neighborAddress: '192.0.2.3', neighborAsn: 64510, password: 'two' },
      ],
    }).part!;
    const { part } = read({ ...before.fields, sessions: [...before.fields.sessions].reverse() }, before);
    expect(part?.passwords).toEqual({ session1: 'one', session2: 'two' });
    expect(part?.fields.sessions.map((one) => [one.neighborAddress, one.id, one.hasPassword])).toEqual([
      ['192.0.2.3', 'session2', true],
      ['192.0.2.1', 'session1', true],
    ]);
  });

  test('null takes a password away, another neighbour does not inherit it', () => {
    const before = read({ sessions: [{ ...NEIGHBOR, password: 'one' }] }).part!;
    expect(read({ sessions: [{ ...NEIGHBOR, password: null }] }, before).part?.passwords).toEqual({});
    const other = read({ sessions: [{ ...NEIGHBOR, id: 'session1', neighborAddress: '192.0.2.9' }] }, before);
    expect(other.part?.passwords).toEqual({});
  });

  test.each<[string, unknown, string[]]>([
    ['no object', 7, ['bgp']],
    ['an unknown field', { sesions: [] }, ['bgp.sesions']],
    ['sessions that are no list', { sessions: {} }, ['bgp.sessions']],
    ['too many', { sessions: Array.from({ length: 21 }, () => NEIGHBOR) }, ['bgp.sessions']],
    ['a session that is no object', { sessions: [1] }, ['bgp.sessions[0]']],
    ['no address', { sessions: [{ neighborAsn: 1 }] }, ['bgp.sessions[0].neighborAddress']],
    [
      'a multicast address',
      { sessions: [{ ...NEIGHBOR, neighborAddress: '224.0.0.5' }] },
      ['bgp.sessions[0].neighborAddress'],
    ],
    ['IPv6', { sessions: [{ ...NEIGHBOR, neighborAddress: '2001:db8::1' }] }, ['bgp.sessions[0].neighborAddress']],
    ['a reserved ASN', { sessions: [{ ...NEIGHBOR, neighborAsn: 23_456 }] }, ['bgp.sessions[0].neighborAsn']],
    ['an ASN as text', { localAsn: '64510' }, ['bgp.localAsn']],
    ['a router id that is none', { routerId: '::1' }, ['bgp.routerId']],
    ['a hold time of 2 s', { sessions: [{ ...NEIGHBOR, holdTimeSecs: 2 }] }, ['bgp.sessions[0].holdTimeSecs']],
    ['no hops', { sessions: [{ ...NEIGHBOR, multihop: 0 }] }, ['bgp.sessions[0].multihop']],
    ['a network of another kind', { network: 'none' }, ['bgp.network']],
    ['one neighbour twice', { sessions: [NEIGHBOR, NEIGHBOR] }, ['bgp.sessions[1].neighborAddress']],
    [
      'one id twice',
      {
        sessions: [
          { ...NEIGHBOR, id: 'a' },
          { ...NEIGHBOR, id: 'a', neighborAddress: '192.0.2.3' },
        ],
      },
      ['bgp.sessions[1].id'],
    ],
    ['an id that BIRD could not take', { sessions: [{ ...NEIGHBOR, id: '1;' }] }, ['bgp.sessions[0].id']],
    [
      'families mixed',
      { sessions: [{ ...NEIGHBOR, localAddress: '2001:db8::2' }] },
      ['bgp.sessions[0].localAddress', 'bgp.sessions[0].localAddress'],
    ],
    [
      'different ASNs and none of its own',
      { sessions: [NEIGHBOR, { neighborAddress: '192.0.2.3', neighborAsn: 64511 }] },
      ['bgp.localAsn'],
    ],
    [
      'a password behind address translation',
      { network: 'bridge', sessions: [{ ...NEIGHBOR, password: 'x' }] },
      ['bgp.network'],
    ],
    [
      'more prefixes than fit',
      {
        sessions: [0, 1, 2, 3, 4].map((n) => ({
          neighborAddress: `192.0.2.${n + 1}`,
          neighborAsn: 1,
          maxPrefixes: 2_000_000,
        })),
      },
      ['bgp.sessions'],
    ],
  ])('refuses %s', (_what, value, paths) => {
    expect([...new Set(pathsOf(value))]).toEqual([...new Set(paths)]);
  });

  test.each(['', 'a"b', 'ä', 'line\nbreak', 'x'.repeat(81)])('a password %j stands in no message', (password) => {
    const { problems } = read({ sessions: [{ ...NEIGHBOR, password }] });
    expect(problems).toHaveLength(password === '' ? 0 : 1);
    if (password !== '') expect(problems[0]).not.toContain(password);
  });

  test('IPv6 neighbours are taken where the account has IPv6', () => {
    expect(pathsOf({ sessions: [{ ...NEIGHBOR, neighborAddress: '2001:db8::1' }] }, { ipv6: true })).toEqual([]);
  });
});

describe('localAsnOf()', () => {
  test('is what was told, else that of the neighbours', () => {
    const of = (bgp: unknown) => localAsnOf(read(bgp).part!.fields);
    expect(of({ localAsn: 65_000, sessions: [NEIGHBOR] })).toBe(65_000);
    expect(of({ sessions: [NEIGHBOR] })).toBe(64_510);
  });
});
