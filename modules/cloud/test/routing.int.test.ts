// Routing over the real cloud: nodes whose data ports, heartbeats and fields change, clients on different loopback addresses, strangers.

import { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import got from 'got';
import type { MqttClient } from 'mqtt';
import { CloudUnderTest, DataPort, until } from './cloud-under-test.ts';

jest.setTimeout(180_000);

const cloud = new CloudUnderTest({ WAYSIDE_CLOUD_TRUSTED_PROXIES: '127.0.0.9/32' });
const ports = { a: new DataPort(), b: new DataPort() };
const agents: { [name: string]: MqttClient } = {};
let customerId = '';

type Name = keyof typeof ports;

beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  const [account] = (await cloud.call('GET', '/accounts')).body.accounts;
  customerId = account.customerId;
  await cloud.call('PATCH', `/accounts/${customerId}`, { json: { privatePrefixes: true, ttlSecs: 120 } });
  const cidrs = { a: ['127.0.0.0/9', '5.0.0.0/9'], b: ['127.1.0.0/16', '5.1.0.0/16'] };
  for (const name of ['a', 'b'] as const) {
    const httpPort = await ports[name].listen();
    const drives = [{ path: '/d', sizeGb: 10 }];
    const json = { name, ipAddress: '127.0.0.1', httpPort, drives, cidrs: cidrs[name] };
    expect((await cloud.call('POST', '/nodes', { json })).status).toBe(201);
    agents[name] = await cloud.connect(name, '$edgeAgent');
  }
}, 120_000);
afterAll(async () => {
  for (const agent of Object.values(agents)) await agent.endAsync(true);
  await cloud.close();
  for (const port of Object.values(ports)) await port.close();
});

async function beat(name: Name): Promise<void> {
  const lastDesiredVersion = (await cloud.call('GET', `/nodes/${name}/monitor`)).body.deployment.desiredVersion;
  const modules = ['edgeAgent', 'edgeHub', 'MCC'].map((module) => ({
    ...{ name: module, runtimeStatus: 'running', restartCount: 0, lastStartTimeUtc: '2026-01-01T00:00:00Z' },
  }));
  const health = {
    ...{ schemaVersion: '1.0', atUtc: new Date().toISOString(), agentVersion: '1', lastDesiredVersion },
    ...{ lastDesiredStatus: { code: 200, description: '' }, modules, daemon: null, host: {} },
  };
  const topic = `devices/${name}/modules/$edgeAgent/messages/events/messageType=health`;
  await agents[name]?.publishAsync(topic, JSON.stringify(health), { qos: 1 });
}

const lookup = async (ip: string) => (await cloud.call('GET', `/routing/lookup?ip=${ip}`)).body;
const untilNode = (ip: string, node: string | null) =>
  until(`${ip} goes to ${node}`, async () => {
    for (const name of ['a', 'b'] as const) await beat(name);
    return (await lookup(ip)).node === node;
  });

/** A client with its own address on loopback, without a login. */
function ask(
  path: string,
  from: string,
  headers: { [name: string]: string } = {},
  agent = new Agent({ keepAlive: false }),
) {
  return got(`https://127.0.0.1:${cloud.running.httpsPort}/api/v1/steering/${path}`, {
    https: { certificateAuthority: cloud.ca },
    agent: { https: agent },
    localAddress: from,
    headers,
    throwHttpErrors: false,
    followRedirect: false,
    retry: { limit: 0 },
  });
}
const cacheHostOf = async (from: string, headers: { [name: string]: string } = {}) =>
  JSON.parse((await ask('node', from, headers)).body).cacheHost;
const hostOf = (name: Name) => `127.0.0.1:${ports[name].port}`;

describe('lookups', () => {
  test('follow what happens to the nodes', async () => {
    await untilNode('5.1.2.3', 'b');
    await untilNode('5.2.0.1', 'a');
    ports.b.mode = 'broken';
    await untilNode('5.1.2.3', 'a');
    expect(await lookup('5.1.2.3')).toMatchObject({
      ...{ prefix: '5.0.0.0/9', ttlSecs: 120, site: '5.1.2.0/24', cacheHost: hostOf('a') },
      steps: [
        { prefix: '5.1.0.0/16', chosen: '', passedOver: [{ node: 'b', code: 'NodeUnhealthy' }] },
        { prefix: '5.0.0.0/9', chosen: 'a', passedOver: [] },
      ],
    });
    ports.b.mode = 'ok';
    await untilNode('5.1.2.3', 'b');
  });

  test.each([{ isEnabled: false }, { isDraining: true }])('see %j at once', async (off) => {
    await untilNode('5.1.2.3', 'b');
    await cloud.call('PATCH', '/nodes/b', { json: off });
    expect((await lookup('5.1.2.3')).node).toBe('a');
    expect((await cloud.call('GET', '/nodes/b/routing')).body).toMatchObject({ takesClients: false });
    await cloud.call('PATCH', '/nodes/b', { json: { isEnabled: true, isDraining: false } });
    await untilNode('5.1.2.3', 'b');
  });

  test('are right from the first one on after a start of the cloud', async () => {
    await untilNode('5.1.2.3', 'b');
    for (const agent of Object.values(agents)) await agent.endAsync(true);
    await cloud.stop();
    await cloud.start();
    await cloud.login();
    expect((await lookup('5.1.2.3')).node).toBe('b');
    for (const name of ['a', 'b'] as const) agents[name] = await cloud.connect(name, '$edgeAgent');
  });

  test('refuse what is no address', async () => {
    for (const ip of ['', 'x', '1.2.3', '1.2.3.4/8', '1'.repeat(5_000), '%00', "1.2.3.4'--"]) {
      expect([ip, (await cloud.call('GET', `/routing/lookup?ip=${ip}`)).status]).toEqual([ip, 400]);
    }
  });
});

describe('a client', () => {
  test('learns its own node by the address it comes from, for as long as the account says', async () => {
    await untilNode('127.1.0.1', 'b');
    await untilNode('127.2.0.1', 'a');
    expect([await cacheHostOf('127.1.0.1'), await cacheHostOf('127.2.0.1')]).toEqual([hostOf('b'), hostOf('a')]);
    const answer = await ask('node', '127.1.0.1');
    expect(answer.headers['cache-control']).toBe('private, max-age=120');
    const document = JSON.parse(answer.body);
    expect(Object.keys(document).sort()).toEqual(
      ['address', 'cacheHost', 'httpPort', 'ipAddress', 'ttlSecs', 'validUntilUtc'].sort(),
    );
    const text = await ask('docachehost', '127.1.0.1');
    expect([text.headers['content-type'], text.body]).toEqual(['text/plain; charset=utf-8', `${hostOf('b')}\n`]);
  });

  test('cannot ask in the name of another address', async () => {
    await untilNode('127.1.0.1', 'b');
    for (const header of ['x-forwarded-for', 'x-real-ip', 'forwarded', 'client-ip', 'true-client-ip']) {
      const value = header === 'forwarded' ? 'for=127.2.0.1' : '127.2.0.1';
      expect(await cacheHostOf('127.1.0.1', { [header]: value })).toBe(hostOf('b'));
    }
    expect((await ask('node?ip=127.2.0.1', '127.1.0.1')).statusCode).toBe(400);
    expect((await ask('node?ip=127.2.0.1', '127.1.0.1')).body).not.toContain(hostOf('a'));
  });

  test('behind a trusted proxy is the last hop that the proxy wrote', async () => {
    await untilNode('127.1.0.1', 'b');
    await untilNode('127.2.0.1', 'a');
    expect(await cacheHostOf('127.0.0.9', { 'x-forwarded-for': '127.1.0.1' })).toBe(hostOf('b'));
    expect(await cacheHostOf('127.0.0.9', { 'x-forwarded-for': '127.1.0.1, 127.2.0.1' })).toBe(hostOf('a'));
    const unreadable = await ask('node', '127.0.0.9', { 'x-forwarded-for': 'unknown' });
    expect([unreadable.statusCode, JSON.parse(unreadable.body).error.code]).toEqual([400, 'CLOUD_ADDRESS_INVALID']);
  });

  test('is redirected to its node, and to the CDN when it has none; never anywhere else', async () => {
    await untilNode('127.1.0.1', 'b');
    const url = 'http://tlu.dl.delivery.mp.microsoft.com/f/1?P1=1&P4=ab%2bc%3d';
    const path = `redirect?url=${encodeURIComponent(url)}`;
    const sent = await ask(path, '127.1.0.1');
    expect([sent.statusCode, sent.headers.location]).toEqual([
      302,
      `http://${hostOf('b')}/f/1?P1=1&P4=ab%2bc%3d&cacheHostOrigin=tlu.dl.delivery.mp.microsoft.com`,
    ]);
    const cdn = await ask(path, '127.0.0.9', { 'x-forwarded-for': '9.9.9.9' });
    expect([cdn.statusCode, cdn.headers.location, cdn.headers['cache-control']]).toEqual([
      302,
      url,
      'private, max-age=60',
    ]);
    const evil = await ask(`redirect?url=${encodeURIComponent('http://evil.example/')}`, '127.1.0.1');
    expect([evil.statusCode, evil.headers.location, evil.headers['cache-control']]).toEqual([
      403,
      undefined,
      'no-store',
    ]);
  });

  test('without a node is told to use the CDN', async () => {
    const nowhere = { 'x-forwarded-for': '9.9.9.9' };
    expect(JSON.parse((await ask('node', '127.0.0.9', nowhere)).body)).toMatchObject({ cacheHost: '', ttlSecs: 60 });
    expect((await ask('docachehost', '127.0.0.9', nowhere)).statusCode).toBe(404);
  });

  test('that asks without end is slowed down, and nobody else is', async () => {
    const statuses = new Set<number>();
    const agent = new Agent({ keepAlive: true, maxSockets: 5 });
    // On a slow machine the minute may end on the way: then the next one fills up.
    for (let round = 0; round < 60 && !statuses.has(429); round += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask('node', '127.3.0.1', {}, agent)));
      for (const answer of answers) statuses.add(answer.statusCode);
    }
    expect(statuses).toEqual(new Set([200, 429]));
    const refused = await ask('node', '127.3.0.1', {}, agent);
    agent.destroy();
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask('node', '127.3.0.2')).statusCode).toBe(200);
  });
});

describe('prefixes and accounts', () => {
  test('rows 41 and 42: what the form refuses, and what it says', async () => {
    const messages = async (cidrs: unknown) => {
      const { body } = await cloud.call('PATCH', '/nodes/a', { json: { cidrs } });
      return body.error?.problems.map((one: { message: string }) => one.message).join();
    };
    expect(await messages(['2001:db8::/32'])).toContain('Only IPv4 addresses are supported at this time');
    for (const bad of ['1.2.3.4/33', '1.2.3', '1.2.3.0/24,'])
      expect(await messages(bad)).toContain('CIDR list or notation');
    expect(await messages('5.0.0.0/8, 5.0.0.0/8')).toContain('already in use');
    await cloud.call('PATCH', `/accounts/${customerId}`, { json: { ipv6: true } });
    const taken = await cloud.call('PATCH', '/nodes/a', {
      json: { cidrs: ['127.0.0.0/9', '5.0.0.0/9', '2a00:1::9/32'] },
    });
    expect(taken.body).toMatchObject({
      cidrs: ['127.0.0.0/9', '5.0.0.0/9', '2a00:1::/32'],
      warnings: [{ path: 'cidrs[2]' }],
    });
    await untilNode('2a00:1::1', 'a');
    await cloud.call('PATCH', `/accounts/${customerId}`, { json: { ipv6: false } });
    expect((await lookup('2a00:1::1')).node).toBeNull();
  });

  test('row 44: the same block of another customer waits until an administrator approves it', async () => {
    const created = await cloud.call('POST', '/accounts', { json: { name: 'other isp', asn: 65_200 } });
    const other = created.body.customerId;
    const node = await cloud.call('POST', '/nodes', { json: { name: 'c', customerId: other, cidrs: ['5.1.0.0/16'] } });
    expect(node.body).toMatchObject({ customerId: other });
    const routing = async () => (await cloud.call('GET', '/nodes/c/routing')).body;
    expect(await routing()).toMatchObject({
      review: { state: 'AttentionRequired', prefixes: 1, ipv4Addresses: 65_536 },
    });
    const pending = await cloud.call('GET', '/routing/prefixes?state=pending');
    expect(pending.body.prefixes).toMatchObject([{ node: 'c', prefix: '5.1.0.0/16', code: 'Overlap', inForce: true }]);
    const decide = (json: object) => cloud.call('POST', '/routing/reviews', { json });
    expect((await decide({ node: 'c', prefix: '5.1.0.0/16', decision: 'approved', text: 'ticket 7' })).status).toBe(
      204,
    );
    expect((await routing()).review).toMatchObject({ state: 'Approved' });
    expect((await decide({ node: 'c', prefix: '9.9.0.0/16', decision: 'approved' })).status).toBe(404);
    const { events } = (await cloud.call('GET', '/nodes/c/timeline')).body;
    expect(events.at(-1)).toMatchObject({ kind: 'routing', text: 'Prefix 5.1.0.0/16 approved by admin: ticket 7' });
    expect((await cloud.call('GET', '/nodes/none/routing')).status).toBe(404);
    expect((await cloud.call('DELETE', '/nodes/c')).status).toBe(204);
    expect((await lookup('5.1.2.3')).steps[0].passedOver.map((one: { node: string }) => one.node)).not.toContain('c');
  });

  test('pages hold everything once', async () => {
    const cidrs = Array.from({ length: 25 }, (_, i) => `6.${i}.0.0/16`);
    await cloud.call('POST', '/nodes', { json: { name: 'paged', cidrs } });
    const seen: string[] = [];
    let after = '';
    for (let pages = 0; pages < 10; pages += 1) {
      const path = `/routing/prefixes?node=paged&limit=10${after && `&after=${encodeURIComponent(after)}`}`;
      const { body } = await cloud.call('GET', path);
      seen.push(...body.prefixes.map((one: { prefix: string }) => one.prefix));
      if (body.next === null) break;
      after = body.next;
    }
    expect(seen.sort()).toEqual([...cidrs].sort());
    const csv = await cloud.call('GET', '/nodes/paged/prefixes.csv');
    expect(csv.headers['content-type']).toContain('text/csv');
    expect(csv.body.trim().split('\r\n')).toHaveLength(26);
    expect((await cloud.call('GET', '/routing/prefixes?after=x')).status).toBe(400);
  });

  test.each([
    [{ name: 'x', asn: 0 }, 400, 'CLOUD_ACCOUNT_INVALID'],
    [{ name: 'x', downstreamAsns: ['1'] }, 400, 'CLOUD_ACCOUNT_INVALID'],
    [{ name: 'x', colour: 1 }, 400, 'CLOUD_ACCOUNT_INVALID'],
    [{}, 400, 'CLOUD_ACCOUNT_INVALID'],
    [{ name: 'DEFAULT' }, 409, 'CLOUD_ACCOUNT_CONFLICT'],
    [{ name: 'x', asn: 65_200 }, 409, 'CLOUD_ACCOUNT_CONFLICT'],
    [{ name: 'x', contentHosts: ['http://a'] }, 400, 'CLOUD_ACCOUNT_INVALID'],
  ])('an account %j is refused', async (json, status, code) => {
    const answer = await cloud.call('POST', '/accounts', { json });
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  });

  test('nobody without a login sees the table', async () => {
    const paths = ['/routing/lookup?ip=5.1.2.3', '/routing/prefixes', '/nodes/a/routing', '/nodes/a/prefixes.csv'];
    paths.push('/nodes/a/bgp-cidrs', '/accounts', '/steering/dhcp', '/steering/dns');
    for (const path of paths)
      expect([path, (await cloud.call('GET', path, { token: null })).status]).toEqual([path, 401]);
    const json = { node: 'a', prefix: '5.0.0.0/9', decision: 'rejected' };
    expect((await cloud.call('POST', '/routing/reviews', { json, token: null })).status).toBe(401);
  });
});

test('files for DHCP and DNS servers name the nodes on port 80, and say why others are missing', async () => {
  expect((await cloud.call('GET', '/steering/dhcp?nodes=a')).body.error).toMatchObject({
    code: 'CLOUD_STEERING_NOTHING',
    message: expect.stringContaining('clients ask port 80'),
  });
  await cloud.call('POST', '/nodes', { json: { name: 'std', ipAddress: '127.0.0.80' } });
  const dhcp = await cloud.call('GET', '/steering/dhcp?server=isc&groupId=01234567-89ab-cdef-0123-456789abcdef');
  expect(dhcp.body).toContain('option do-cache-host "127.0.0.80";');
  expect((await cloud.call('GET', '/steering/dhcp?groupId=x')).status).toBe(400);
  expect((await cloud.call('GET', '/steering/dns?server=bind&nodes=std')).body).toContain('A 127.0.0.80');
  expect((await cloud.call('GET', '/steering/dns?nodes=none')).status).toBe(404);
});
