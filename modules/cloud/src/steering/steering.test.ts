import { describe, expect, test } from '@jest/globals';
import { formatIpAddress } from '../addresses/ip-address.ts';
import { FIELD_DEFAULTS } from '../nodes/node-fields.ts';
import type { NodeRecord } from '../nodes/node-record.ts';
import { ClientAddresses } from './client-address.ts';
import { contentHostsOf, dnsHostsOf, isContentHost } from './content-hosts.ts';
import { DHCP_SERVERS, dhcpOptionsText } from './dhcp-options.ts';
import { DNS_SERVERS, dnsSteeringText } from './dns-files.ts';
import { OFFERED_NODES_MAX, offerNodes } from './offered-nodes.ts';
import { checkContentUrl, redirectTarget } from './redirect.ts';

describe('ClientAddresses.of()', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8', '2001:db8:f::/48']);
  const of = (peer: string, forwarded?: string) => {
    const address = addresses.of(peer, forwarded);
    return address && formatIpAddress(address);
  };

  test.each([
    ['the socket, without a header', '5.1.1.1', undefined, '5.1.1.1'],
    ['the socket, when it is no trusted proxy', '5.1.1.1', '6.6.6.6', '5.1.1.1'],
    ['the socket, when a stranger claims to be forwarded by our proxy', '5.1.1.1', '6.6.6.6, 10.0.0.1', '5.1.1.1'],
    ['the hop that the proxy wrote', '10.0.0.1', '6.6.6.6', '6.6.6.6'],
    ['not what the client wrote before it', '10.0.0.1', '8.8.8.8, 6.6.6.6', '6.6.6.6'],
    ['the hop before several trusted ones', '10.0.0.1', '8.8.8.8, 6.6.6.6, 10.0.0.2', '6.6.6.6'],
    ['the socket of an IPv4-mapped proxy', '::ffff:10.0.0.1', '6.6.6.6', '6.6.6.6'],
    ['a hop with a port', '10.0.0.1', '6.6.6.6:4711', '6.6.6.6'],
    ['a bracketed IPv6 hop', '2001:db8:f::1', '[2a00::1]:80', '2a00::1'],
    ['nothing, when the proxy wrote no address', '10.0.0.1', 'unknown', undefined],
    ['nothing of an endless header', '10.0.0.1', '1.1.1.1,'.repeat(1000), undefined],
    ['the proxy itself, when nobody stands before it', '10.0.0.1', '10.0.0.2', '10.0.0.2'],
    ['a link-local socket without its zone', 'fe80::1%eth0', undefined, 'fe80::1'],
  ])('takes %s', (_what, peer, forwarded, wanted) => {
    expect(of(peer, forwarded)).toBe(wanted);
  });
});

describe('checkContentUrl()', () => {
  const own = ['cdn.example.org', '*.media.example.org'];
  test.each([
    ['http://tlu.dl.delivery.mp.microsoft.com/a/b?P1=1&P4=ab%2bc%3d', 'tlu.dl.delivery.mp.microsoft.com'],
    ['http://AU.Download.WindowsUpdate.com:80/x', 'au.download.windowsupdate.com'],
    ['http://cdn.example.org/', 'cdn.example.org'],
    ['http://a.b.media.example.org/x', 'a.b.media.example.org'],
  ])('takes %s', (text, host) => {
    expect(checkContentUrl(text, own)).toMatchObject({ ok: true, url: { host } });
  });

  test.each([
    ['http://evil.example/', true],
    ['http://media.example.org/', true],
    ['http://download.windowsupdate.com.evil.example/', true],
    ['http://evildownload.windowsupdate.com/', true],
    ['http://127.0.0.1/', true],
    ['http://169.254.169.254/latest/meta-data', true],
    ['http://user@cdn.example.org/', false],
    ['http://cdn.example.org@evil.example/', false],
    ['http://cdn.example.org:8080/', false],
    ['https://cdn.example.org/', false],
    ['//cdn.example.org/', false],
    ['http://cdn.example.org', false],
    ['http://cdn.example.org/a b', false],
    ['http://cdn.example.org/\r\nSet-Cookie: a=b', false],
    ['http://cdn.example.org\\@evil.example/', false],
    ['javascript:alert(1)', false],
    ['http://[::1]/', false],
    [`http://cdn.example.org/${'x'.repeat(9000)}`, false],
  ])('refuses %j', (text, isHost) => {
    expect(checkContentUrl(text, own)).toMatchObject({ ok: false, isHost });
  });
});

describe('redirectTarget()', () => {
  const url = { host: 'cdn.example.org', target: '/a?P4=x%2b%3d&b=?' };
  test.each([
    [{ ipAddress: '5.1.1.1', httpPort: 80 }, 'http://5.1.1.1/a?P4=x%2b%3d&b=?&cacheHostOrigin=cdn.example.org'],
    [{ ipAddress: '5.1.1.1', httpPort: 8080 }, 'http://5.1.1.1:8080/a?P4=x%2b%3d&b=?&cacheHostOrigin=cdn.example.org'],
    [undefined, 'http://cdn.example.org/a?P4=x%2b%3d&b=?'],
  ])('to %j is %s', (node, location) => {
    expect(redirectTarget(url, node)).toBe(location);
  });

  test('lets the client name no other origin', () => {
    const target = '/a?cacheHostOrigin=evil.example&x=1&cacheHostOrigin=b';
    expect(redirectTarget({ host: 'c.example.org', target }, { ipAddress: '5.1.1.1', httpPort: 80 })).toBe(
      'http://5.1.1.1/a?x=1&cacheHostOrigin=c.example.org',
    );
    expect(redirectTarget({ host: 'c.example.org', target: '/a' }, { ipAddress: '5.1.1.1', httpPort: 80 })).toBe(
      'http://5.1.1.1/a?cacheHostOrigin=c.example.org',
    );
  });
});

test('isContentHost() takes names below a wildcard, not the name itself', () => {
  expect(isContentHost('x.y.example.org', ['*.example.org'])).toBe(true);
  expect(isContentHost('example.org', ['*.example.org'])).toBe(false);
  expect(isContentHost('.example.org', ['*.example.org'])).toBe(false);
});

test('dnsHostsOf() leaves out names whose other ports a node does not serve', () => {
  expect(contentHostsOf([])).toContain('*.manage.microsoft.com');
  expect(dnsHostsOf(['a.example'])).not.toContain('*.manage.microsoft.com');
  expect(dnsHostsOf(['a.example'])).toEqual(expect.arrayContaining(['a.example', '*.dl.delivery.mp.microsoft.com']));
});

function aNode(name: string, fields: Partial<NodeRecord> = {}, fault?: 'NodeUnhealthy' | 'NodeDisabled') {
  const record = { ...FIELD_DEFAULTS, name, ipAddress: '5.1.1.1', ...fields } as NodeRecord;
  return { name, fault, faultText: `${fault}`, maxEgressMbps: record.maxEgressMbps, record };
}

describe('offerNodes()', () => {
  test('names the largest first, and leaves out those that a client could not use', () => {
    const offered = offerNodes([
      aNode('a'),
      aNode('b', { ipAddress: '5.1.1.2', maxEgressMbps: 10_000 }, 'NodeUnhealthy'),
      aNode('c', { httpPort: 8080 }),
      aNode('d', {}, 'NodeDisabled'),
      aNode('e', { ipAddress: null }),
    ]);
    expect(offered).toMatchObject({ addresses: ['5.1.1.2', '5.1.1.1'], names: ['b', 'a'] });
    expect(offered.leftOut).toEqual([
      'c: it serves port 8080, clients ask port 80',
      'd: NodeDisabled',
      expect.stringMatching(/^e: /),
    ]);
  });

  test('fits the 255 bytes of a DHCP option, whatever the addresses', () => {
    const many = Array.from({ length: 40 }, (_, i) => aNode(`n${i}`, { ipAddress: `255.255.255.${100 + i}` }));
    const offered = offerNodes(many);
    expect(offered.addresses).toHaveLength(OFFERED_NODES_MAX);
    expect(offered.addresses.join(',').length).toBeLessThanOrEqual(255);
  });
});

describe('steering files', () => {
  const nodes = { addresses: ['5.1.1.1', '5.1.1.2'], names: ['a', 'b'], leftOut: ['c: line\n} evil'] };
  const groupId = '01234567-89ab-cdef-0123-456789abcdef';

  const effective = (text: string) => text.split('\n').filter((line) => line !== '' && !/^(#|;|\/\/)/.test(line));
  const hexOf = (text: string) => Buffer.from(text).toString('hex');

  test('dnsmasq gets both options as bytes', () => {
    const lines = effective(dhcpOptionsText('dnsmasq', { groupId, nodes }));
    expect(lines.map((line) => line.split(',')[0])).toEqual(['dhcp-option=234', 'dhcp-option=235']);
    const bytes = lines.map((line) => Buffer.from(line.split(',')[1]!.replaceAll(':', ''), 'hex').toString());
    expect(bytes).toEqual([groupId, '5.1.1.1,5.1.1.2']);
  });

  test('ISC dhcpd gets both options as text', () => {
    expect(effective(dhcpOptionsText('isc', { groupId, nodes }))).toEqual([
      'option do-group-id code 234 = text;',
      'option do-cache-host code 235 = text;',
      `option do-group-id "${groupId}";`,
      'option do-cache-host "5.1.1.1,5.1.1.2";',
    ]);
  });

  test('Kea gets both options as bytes, in JSON', () => {
    const { Dhcp4 } = JSON.parse(effective(dhcpOptionsText('kea', { groupId, nodes })).join('\n'));
    expect(Dhcp4['option-def'].map((one: { code: number; type: string }) => [one.code, one.type])).toEqual([
      [234, 'string'],
      [235, 'string'],
    ]);
    expect(Dhcp4['option-data'].map((one: { data: string }) => one.data)).toEqual([
      hexOf(groupId),
      hexOf('5.1.1.1,5.1.1.2'),
    ]);
  });

  test.each(DHCP_SERVERS)('%s gets no option 234 without a group', (server) => {
    expect(dhcpOptionsText(server, { groupId: undefined, nodes })).not.toContain('234');
  });

  const steering = { hosts: ['*.b.example', 'a.b.example', 'c.example'], nodes, ttlSecs: 300, serial: 7 };

  test('BIND gets a response policy zone with every name and address', () => {
    expect(effective(dnsSteeringText('bind', steering))).toEqual([
      '$TTL 300',
      '@ IN SOA localhost. hostmaster.localhost. 7 3600 600 1209600 300',
      '@ IN NS localhost.',
      ...['*.b.example', 'a.b.example', 'c.example'].flatMap((host) => [
        `${host} IN A 5.1.1.1`,
        `${host} IN A 5.1.1.2`,
      ]),
    ]);
  });

  test('dnsmasq and unbound get each subtree once', () => {
    expect(effective(dnsSteeringText('dnsmasq', steering))).toEqual([
      'local-ttl=300',
      ...['b.example', 'c.example'].flatMap((host) => [
        ...[`address=/${host}/5.1.1.1`, `address=/${host}/5.1.1.2`, `local=/${host}/`],
      ]),
    ]);
    expect(effective(dnsSteeringText('unbound', steering)).slice(0, 4)).toEqual([
      'server:',
      '    local-zone: "b.example." redirect',
      '    local-data: "b.example. 300 IN A 5.1.1.1"',
      '    local-data: "b.example. 300 IN A 5.1.1.2"',
    ]);
  });

  test.each(DNS_SERVERS)('%s gets no line that a text could smuggle in', (server) => {
    const smuggled = dnsSteeringText(server, steering)
      .split('\n')
      .filter((line) => line.startsWith('}'));
    expect(smuggled).toEqual([]);
  });
});
