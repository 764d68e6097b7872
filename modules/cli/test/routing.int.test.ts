// The routing commands against a real HTTPS server with a private CA.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TestCa } from '@wayside/kit/test-certificates';
import { type CloudServer, startCloudServer } from './cloud-server.ts';
import { type Ran, runCli } from './test-io.ts';

let directory: string;
let cloud: CloudServer;

beforeEach(async () => {
  const ca = await TestCa.create('test ca');
  directory = await mkdtemp(join(tmpdir(), 'wayside-cli-'));
  cloud = await startCloudServer(await ca.issue(['localhost', '127.0.0.1']), ca.pem);
  await writeFile(join(directory, 'ca.pem'), ca.pem);
  await writeFile(join(directory, 'password'), `${cloud.password}\n`);
  const login = ['login', cloud.url, '--password-file', join(directory, 'password'), '--ca', join(directory, 'ca.pem')];
  expect((await cli(...login)).exitCode).toBe(0);
});
afterEach(async () => {
  await cloud.close();
  await rm(directory, { recursive: true });
});

function cli(...args: string[]): Promise<Ran> {
  return runCli(args, { env: { WAYSIDE_CONFIG_DIR: join(directory, 'config') } });
}
const lastCall = () => cloud.asked.at(-1);

test('route tells the node, and what was passed over', async () => {
  const answer = {
    ...{
      address: '5.1.2.3',
      site: '5.1.2.0/24',
      node: 'a',
      cacheHost: '10.0.0.1:8080',
      prefix: '5.0.0.0/8',
      ttlSecs: 300,
    },
    text: '5.1.2.3 goes to a by 5.0.0.0/8',
    steps: [
      {
        prefix: '5.1.0.0/16',
        chosen: '',
        passedOver: [{ node: 'b', code: 'NodeUnhealthy', text: 'No \u001b[2Jheartbeat' }],
      },
      { prefix: '5.0.0.0/8', chosen: 'a', passedOver: [] },
    ],
  };
  cloud.documents.set('GET /routing/lookup', answer);
  expect(await cli('route', '5.1.2.3')).toEqual({
    exitCode: 0,
    stderr: '',
    stdout: [
      '5.1.2.3 goes to a by 5.0.0.0/8 (10.0.0.1:8080), for 300 s',
      'PREFIX      NODE  WHY',
      '5.1.0.0/16  -     no node can take it',
      '            b     NodeUnhealthy: No [2Jheartbeat',
      '5.0.0.0/8   a     chosen',
      '',
    ].join('\n'),
  });
  expect(lastCall()?.call).toBe('GET /api/v1/routing/lookup?ip=5.1.2.3');
  expect(JSON.parse((await cli('route', '5.1.2.3', '--json')).stdout)).toEqual(answer);
  cloud.documents.set('GET /routing/lookup', { ...answer, node: null, cacheHost: '', steps: [], text: 'to the CDN' });
  expect((await cli('route', '9.9.9.9')).stdout).toBe('to the CDN, for 300 s\n');
});

test('prefixes lists them with their reviews', async () => {
  const prefix = {
    node: 'a',
    source: 'bgp',
    prefix: '5.0.0.0/8',
    state: 'pending',
    code: 'Overlap',
    feedback: 'overlaps',
  };
  const rest = { originAsn: 65_001, sinceUtc: '2026-01-01T00:00:00Z', inForce: false };
  cloud.documents.set('GET /routing/prefixes', { prefixes: [{ ...prefix, ...rest }], next: null });
  const { stdout } = await cli('prefixes', '--node', 'a', '--state', 'pending', '--limit', '5');
  expect(stdout.split('\n')[1]).toBe('a     bgp (not in force)  5.0.0.0/8  pending  65001      overlaps');
  expect(lastCall()?.call).toBe('GET /api/v1/routing/prefixes?node=a&state=pending&limit=5');
  expect((await cli('prefixes', '--state', 'x')).stderr).toContain('wanted approved, pending, rejected');
});

test('review, account and node options reach the cloud as its fields', async () => {
  cloud.documents.set('POST /routing/reviews', null);
  expect((await cli('review', 'approve', 'a', '5.0.0.0/8', '--text', 'ok')).stdout).toBe(
    '5.0.0.0/8 of node a: approved\n',
  );
  expect(lastCall()?.body).toEqual({ node: 'a', prefix: '5.0.0.0/8', decision: 'approved', text: 'ok' });
  expect((await cli('review', 'maybe', 'a', '*')).stderr).toContain('wanted approve, reject, reset');
  const account = {
    customerId: 'c-1',
    name: 'isp',
    asn: 65_001,
    downstreamAsns: [],
    ipv6: true,
    privatePrefixes: false,
  };
  cloud.documents.set('GET /accounts', { accounts: [{ ...account, review: 'automatic', ttlSecs: 300, nodes: ['a'] }] });
  expect((await cli('account', 'list')).stdout).toContain(
    'isp   c-1          65001  -           yes   no       automatic  300 s  a',
  );
  cloud.documents.set('PATCH /accounts/c-1', account);
  await cli(
    'account',
    'set',
    'c-1',
    '--no-ipv6',
    '--private',
    '--downstream',
    '65002',
    '--downstream',
    '65003',
    '--ttl',
    '60',
  );
  expect(lastCall()?.body).toEqual({
    ipv6: false,
    privatePrefixes: true,
    downstreamAsns: [65_002, 65_003],
    ttlSecs: 60,
  });
  expect((await cli('account', 'set', 'c-1')).exitCode).toBe(1);
  cloud.documents.set('PATCH /nodes/a', { warnings: [{ path: 'cidrs[0]', message: 'host bits' }] });
  const set = await cli('node', 'set', 'a', '--drain', '--prefix-source', 'bgp', '--asn', '65001');
  expect(lastCall()?.body).toEqual({ isDraining: true, prefixSource: 'bgp', asn: 65_001 });
  expect(set.stderr).toBe('warning: cidrs[0]: host bits\n');
});

test('steer prints the file as it is', async () => {
  cloud.documents.set('GET /steering/dhcp', '# nodes\ndhcp-option=235,35\n');
  const { stdout } = await cli('steer', 'dhcp', 'dnsmasq', '--node', 'a', '--node', 'b', '--group', 'g');
  expect(stdout).toBe('# nodes\ndhcp-option=235,35\n');
  expect(lastCall()?.call).toBe('GET /api/v1/steering/dhcp?server=dnsmasq&nodes=a%2Cb&groupId=g');
  expect((await cli('steer', 'dns', 'kea')).stderr).toContain('wanted bind, dnsmasq, unbound');
});

test('bgp shows sessions with their troubles, and prefixes page by page', async () => {
  const held = { untilUtc: '2026-01-01T00:15:00.000Z' };
  const session = {
    ...{
      id: 'r1',
      neighborAddress: '192.0.2.1',
      neighborAsn: 64_500,
      localAsn: 64_510,
      state: 'Active',
      reason: 'waits',
    },
    ...{ sinceUtc: '2026-01-01T00:00:00.000Z', uptimeSecs: null, downs: 1, held },
    prefixes: { accepted: 0, filtered: 2, limit: 200_000, reported: 5 },
  };
  const issues = [
    { code: 'BGP_SESSION_DOWN', session: 'r1', text: 'Waiting \u001b[2Jfor it', sinceUtc: session.sinceUtc },
  ];
  const state = { sessions: [session], issues };
  cloud.documents.set('GET /nodes/a/bgp', { routesReceived: true, routes: 5, epoch: 'e', issue: '', state });
  const { stdout } = await cli('bgp', 'a');
  expect(stdout.split('\n')).toEqual([
    'BGP routes received: True, 5 in the cloud',
    'SESSION  NEIGHBOR   AS     STATE   SINCE                     ACCEPTED  FILTERED  LIMIT   HELD UNTIL',
    'r1       192.0.2.1  64500  Active  2026-01-01T00:00:00.000Z  0         2         200000  2026-01-01T00:15:00.000Z',
    'Waiting [2Jfor it [BGP_SESSION_DOWN]',
    '',
  ]);
  cloud.documents.set('GET /nodes/a/bgp', { routesReceived: false, routes: 0, epoch: '', issue: '', state: null });
  expect((await cli('bgp', 'a')).stdout).toContain('has not told of itself yet');
  const prefix = { prefix: '20.1.0.0/16', session: 'r1', asPath: '64500 64501', originAsn: 64_501, med: null };
  cloud.documents.set('GET /nodes/a/bgp/prefixes', { prefixes: [prefix], next: 'r1 20.1.0.0/16', total: 9 });
  const pages = await cli('bgp', 'a', '--contains', '20.1.2.3', '--limit', '2');
  expect(pages.stdout.split('\n')[1]).toBe('20.1.0.0/16  r1       -    64500 64501');
  expect(lastCall()?.call).toBe('GET /api/v1/nodes/a/bgp/prefixes?contains=20.1.2.3&after=r1+20.1.0.0%2F16&limit=1');
  expect(JSON.parse((await cli('bgp', 'a', '--prefixes', '--limit', '1', '--json')).stdout)).toEqual([prefix]);
});
