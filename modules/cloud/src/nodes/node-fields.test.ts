import { describe, expect, test } from '@jest/globals';
import { checkFieldConflicts, FIELD_DEFAULTS, fieldsOf, readNodeFields } from './node-fields.ts';
import type { NodeFields, NodeSecrets } from './node-record.ts';

const RULES = { driveSizeGbMin: 10, ipv6: false, privatePrefixes: true };

function problemsOf(input: unknown, base?: NodeFields & NodeSecrets) {
  const result = readNodeFields(input, RULES, base);
  return result.ok ? [] : result.problems.map(({ path, code }) => `${path}: ${code}`);
}

function aNode(fields: Partial<NodeFields>): NodeFields {
  return { name: 'edge1', ...FIELD_DEFAULTS, ...fields };
}

describe('readNodeFields() of a new node', () => {
  test('fills in the defaults of the form', () => {
    expect(readNodeFields({ name: 'edge_1-A' }, RULES)).toMatchObject({
      ok: true,
      fields: aNode({ name: 'edge_1-A' }),
    });
  });

  test('takes every field', () => {
    const fields = aNode({
      ipAddress: '203.0.113.7',
      httpPort: 8080,
      summaryPort: 5101,
      maxEgressMbps: 10_000,
      drives: [
        { path: '/datadrive1/', sizeGb: 200 },
        { path: '/dev/sda3/', sizeGb: 10 },
      ],
      isEnabled: false,
      prefixSource: 'bgp',
      cidrs: ['2.21.234.0/24'],
    });
    expect(readNodeFields(fields, RULES)).toEqual({ ok: true, fields, secrets: { bgpPasswords: {} }, warnings: [] });
  });

  test('names every problem of one form at once', () => {
    const input = {
      name: 'my node',
      ipAddress: '1.2.3',
      httpPort: 0,
      maxEgressMbps: 1.5,
      isEnabled: 'yes',
      prefixSource: 'ospf',
      drives: [{ path: '.', sizeGb: 9 }, 'x', { path: '/d', sizeGb: 10, color: 1 }],
      cidrs: ['1.2.3.4/33'],
      colour: 'red',
    };
    expect(problemsOf(input)).toEqual([
      'name: NameInvalidOrInUse',
      'ipAddress: FieldInvalid',
      'httpPort: FieldInvalid',
      'maxEgressMbps: FieldInvalid',
      'isEnabled: FieldInvalid',
      'prefixSource: FieldInvalid',
      'drives[0].path: FieldInvalid',
      'drives[0].sizeGb: FieldInvalid',
      'drives[1]: FieldInvalid',
      'drives[2].color: FieldInvalid',
      'cidrs[0]: CidrInvalid',
      'colour: FieldInvalid',
    ]);
  });

  test.each([null, [], 'edge1', 7])('refuses %j as a body', (input) => {
    expect(problemsOf(input)).toEqual([': FieldInvalid']);
  });

  test.each(['', 'a b', 'ä', 'a.b', 'x'.repeat(91), 7, null])('refuses the name %j', (name) => {
    expect(problemsOf({ name })).toEqual(['name: NameInvalidOrInUse']);
  });

  test('accepts a name of 90 characters', () => {
    expect(problemsOf({ name: 'x'.repeat(90) })).toEqual([]);
  });

  test('a key such as __proto__ or constructor is an unknown field, not a reader', () => {
    expect(problemsOf(JSON.parse('{"name":"a","__proto__":1,"constructor":2}'))).toEqual([
      '__proto__: FieldInvalid',
      'constructor: FieldInvalid',
    ]);
  });

  test.each(['0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255', 'example.com', '01.2.3.4'])(
    'refuses the server address %s',
    (ipAddress) => {
      expect(problemsOf({ name: 'a', ipAddress })).toEqual(['ipAddress: FieldInvalid']);
    },
  );

  test('answers an IPv6 entry in the words of the original', () => {
    const result = readNodeFields({ name: 'a', ipAddress: '2001:db8::1', cidrs: ['2001:db8::/32'] }, RULES);
    const messages = result.ok ? [] : result.problems.map((problem) => problem.message);
    expect(messages).toHaveLength(2);
    for (const message of messages) expect(message).toContain('Only IPv4 addresses are supported at this time');
  });

  test('the content port and the summary port differ', () => {
    expect(problemsOf({ name: 'a', httpPort: 5001 })).toEqual(['summaryPort: FieldInvalid']);
  });

  test('shows no more of a value than a message can bear', () => {
    const result = readNodeFields({ name: 'x'.repeat(100_000) }, RULES);
    expect(result.ok ? 0 : result.problems[0]?.message.length).toBeLessThan(300);
  });
});

describe('readNodeFields() of drives', () => {
  test.each([
    '.',
    './var',
    '/',
    '/data drive',
    'data',
    '/a/../b',
    '/etc/x',
    '/proc',
    '/var',
    '/a:b',
    '/a,b',
    '/a;rm',
    '',
  ])('refuses the path %j', (path) => {
    expect(problemsOf({ name: 'a', drives: [{ path, sizeGb: 10 }] })).toEqual(['drives[0].path: FieldInvalid']);
  });

  test.each(['/datadrive/', '/dev/sda3/', '/var/lib/wayside/cache1', '/mnt/cache.1'])('accepts the path %j', (path) => {
    expect(problemsOf({ name: 'a', drives: [{ path, sizeGb: 10 }] })).toEqual([]);
  });

  test.each([9, 10.5, '10', 1e9, undefined])('refuses the size %j', (sizeGb) => {
    expect(problemsOf({ name: 'a', drives: [{ path: '/d', sizeGb }] })).toEqual(['drives[0].sizeGb: FieldInvalid']);
  });

  test('at most nine', () => {
    const drives = Array.from({ length: 10 }, (_, index) => ({ path: `/d${index}`, sizeGb: 10 }));
    expect(problemsOf({ name: 'a', drives })).toEqual(['drives: FieldInvalid']);
    expect(problemsOf({ name: 'a', drives: drives.slice(1) })).toEqual([]);
  });

  test.each([
    ['/d', '/d/'],
    ['/d', '/d/e'],
    ['/d/e', '/d'],
  ])('refuses %s beside %s', (first, second) => {
    const drives = [first, second].map((path) => ({ path, sizeGb: 10 }));
    expect(problemsOf({ name: 'a', drives })).toEqual(['drives[1].path: FieldInvalid']);
  });
});

describe('readNodeFields() of CIDR blocks', () => {
  test('takes the comma-separated text of the form, spaces after commas too', () => {
    const result = readNodeFields({ name: 'a', cidrs: '2.21.234.0/24, 3.22.235.0/24,4.23.236.0/24' }, RULES);
    expect(result.ok && result.fields.cidrs).toEqual(['2.21.234.0/24', '3.22.235.0/24', '4.23.236.0/24']);
  });

  test.each(['1.2.3.4/33', '1.2.3', '1.2.3.0/24,', '1.2.3.0/0', '1.2.3.0/-1', '1.2.3.0/24/1', 'x/8'])(
    'refuses %j',
    (cidrs) => {
      expect(problemsOf({ name: 'a', cidrs })).toHaveLength(1);
      expect(problemsOf({ name: 'a', cidrs })[0]).toMatch(/CidrInvalid$/);
    },
  );

  test('clears host bits and says so', () => {
    const result = readNodeFields({ name: 'a', cidrs: ['200.1.2.3/20', '2.0.0.0/8'] }, RULES);
    expect(result).toMatchObject({
      fields: { cidrs: ['200.1.0.0/20', '2.0.0.0/8'] },
      warnings: [{ path: 'cidrs[0]', message: '"200.1.2.3/20" has host bits set, 200.1.0.0/20 was taken' }],
    });
  });

  test.each(['10.1.0.0/16', '192.168.1.0/24', '127.0.0.0/8', '8.0.0.0/5', '100.64.0.0/10'])(
    'takes the private block %s only for an account that allows them',
    (block) => {
      expect(problemsOf({ name: 'a', cidrs: [block] })).toEqual([]);
      const strict = readNodeFields({ name: 'a', cidrs: [block] }, { ...RULES, privatePrefixes: false });
      expect(strict.ok ? '' : strict.problems[0]?.message).toContain('the account can allow private prefixes');
    },
  );

  test.each(['169.254.0.0/16', '224.0.0.0/8', '0.0.0.0/8', '128.0.0.0/1'])('never takes %s', (block) => {
    expect(problemsOf({ name: 'a', cidrs: [block] })).toEqual(['cidrs[0]: CidrInvalid']);
  });

  test('takes IPv6 blocks for an account that has them switched on', () => {
    const result = readNodeFields({ name: 'a', cidrs: ['2A00:1:2::1/48'] }, { ...RULES, ipv6: true });
    expect(result.ok && result.fields.cidrs).toEqual(['2a00:1:2::/48']);
  });

  test('refuses a block that stands there twice', () => {
    expect(problemsOf({ name: 'a', cidrs: ['10.0.0.0/8', '10.0.0.0/08'] })).toEqual(['cidrs[1]: CidrInvalid']);
  });

  test('an empty list and an empty text clear the blocks', () => {
    const base = { ...aNode({ cidrs: ['10.0.0.0/8'] }), bgpPasswords: {} };
    for (const cidrs of [[], '']) {
      const result = readNodeFields({ cidrs }, RULES, base);
      expect(result.ok && result.fields.cidrs).toEqual([]);
    }
  });
});

describe('the proxy', () => {
  test.each(['proxy.example:3128', '10.0.0.9:8080', 'squid:1'])('%s is taken', (proxy) => {
    expect(readNodeFields({ name: 'a', proxy }, RULES)).toMatchObject({ ok: true, fields: { proxy } });
  });

  test.each([
    ['http://proxy:3128', 'scheme'],
    ['proxy', 'host:port'],
    ['proxy:0', 'the port is 0'],
    ['proxy:65536', 'the port is 65536'],
    ['a:b:3128', 'the host part holds ":"'],
    ['pro xy:3128', 'no name'],
    [':3128', 'host:port'],
    [3128, 'wanted a text'],
  ])('%s is refused: %s', (proxy, why) => {
    const result = readNodeFields({ name: 'a', proxy }, RULES);
    expect(result.ok ? [] : result.problems.map(({ path, message }) => [path, message])).toEqual([
      ['proxy', expect.stringContaining(why)],
    ]);
  });

  test('a password is refused without being shown', () => {
    const result = readNodeFields({ name: 'a', proxy: 'user:s3cret@proxy:3128' }, RULES);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain('s3cret');
  });

  test.each(['ca.pem', '/etc/my ca.pem', '/a/../b', '/$(reboot)', `/${'x'.repeat(300)}`])(
    'a file %j for its CA is refused',
    (proxyCertificatePath) => {
      expect(problemsOf({ name: 'a', proxyCertificatePath })).toEqual(['proxyCertificatePath: FieldInvalid']);
    },
  );

  test('null and an emptied field take them away', () => {
    const base = { ...aNode({ proxy: 'p:1', proxyCertificatePath: '/ca.pem' }), bgpPasswords: {} };
    const result = readNodeFields({ proxy: null, proxyCertificatePath: '' }, RULES, base);
    expect(result).toMatchObject({ ok: true, fields: { proxy: null, proxyCertificatePath: null } });
  });
});

describe('readNodeFields() of a change', () => {
  const base = { ...aNode({ ipAddress: '10.0.0.1', httpPort: 8080 }), bgpPasswords: {} };

  test('keeps what is not named', () => {
    expect(readNodeFields({ isEnabled: false }, RULES, base)).toEqual({
      ok: true,
      fields: { ...fieldsOf(base), isEnabled: false },
      secrets: { bgpPasswords: {} },
      warnings: [],
    });
  });

  test('takes the address away with null', () => {
    const result = readNodeFields({ ipAddress: null }, RULES, base);
    expect(result.ok && result.fields.ipAddress).toBeNull();
  });

  test('a name may be repeated but not changed', () => {
    expect(problemsOf({ name: 'edge1' }, base)).toEqual([]);
    expect(problemsOf({ name: 'edge2' }, base)).toEqual(['name: FieldInvalid']);
  });
});

describe('checkFieldConflicts()', () => {
  const others = [aNode({ name: 'Edge1', ipAddress: '10.0.0.1', cidrs: ['10.1.0.0/16', '10.2.0.0/16'] })];

  test('a name is in use whatever its case', () => {
    expect(checkFieldConflicts(aNode({ name: 'eDGE1' }), others).map((p) => p.code)).toEqual(['NameInvalidOrInUse']);
  });

  test('an address with its port belongs to one node; blocks may be shared', () => {
    const node = aNode({ name: 'edge2', ipAddress: '10.0.0.1', cidrs: ['10.3.0.0/16', '10.2.0.0/16'] });
    expect(checkFieldConflicts(node, others).map((p) => [p.path, p.code])).toEqual([['ipAddress', 'AddressInUse']]);
  });

  test('the same address with another port, a more specific block and two nodes without address are no conflict', () => {
    const node = aNode({ name: 'edge2', ipAddress: '10.0.0.1', httpPort: 81, cidrs: ['10.2.3.0/24'] });
    expect(checkFieldConflicts(node, others)).toEqual([]);
    expect(checkFieldConflicts(aNode({ name: 'b' }), [aNode({ name: 'c' })])).toEqual([]);
  });
});
