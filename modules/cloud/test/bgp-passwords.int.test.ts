// Where the password of a BGP session is seen: by the module, policies and people who may deploy; by nobody else, in no log, and in no
// file of the store.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createSasToken, parseConnectionString } from '@wayside/protocol';
import got from 'got';
import { CloudUnderTest } from './cloud-under-test.ts';
import { isOnPostgres } from './store-under-test.ts';

jest.setTimeout(120_000);

const MD5_PASSWORD = 'md5-word-of-the-session';
const LATER_PASSWORD = 'md5-word-that-came-later';
const PASSWORDS = [MD5_PASSWORD, LATER_PASSWORD];
const LOGIN_PASSWORD = 'correct horse battery';
const cloud = new CloudUnderTest();
const tokens: { [role: string]: string } = {};

async function invite(role: string): Promise<void> {
  const { body } = await cloud.call('POST', '/invitations', { json: { username: role, role } });
  await cloud.call('POST', '/invitations/accept', {
    json: { token: body.token, password: LOGIN_PASSWORD },
    token: null,
  });
  const login = { username: role, password: LOGIN_PASSWORD };
  tokens[role] = (await cloud.call('POST', '/sessions', { json: login, token: null })).body.token;
}

async function hub(authorization: string, method: 'GET' | 'POST' | 'PUT', path: string, json?: object) {
  const answer = await got(`${cloud.url}${path}?api-version=2021-04-12`, {
    method,
    https: { certificateAuthority: cloud.ca },
    throwHttpErrors: false,
    retry: { limit: 0 },
    headers: { authorization },
    ...(json ? { json } : {}),
  });
  return { status: answer.statusCode, text: answer.body, body: JSON.parse(answer.body) };
}

const asRole = (role: string) => `Bearer ${tokens[role]}`;

async function asPolicy(policy: string): Promise<string> {
  const { sharedAccessKey = '' } = parseConnectionString((await cloud.call('GET', '/connection-strings')).body[policy]);
  const expiresAtSecs = Math.floor(Date.now() / 1000) + 3600;
  return createSasToken({ resource: 'localhost', keyBase64: sharedAccessKey, expiresAtSecs, skn: policy });
}

const bgpWith = (password: string) => ({
  localAsn: 64510,
  sessions: [{ id: 'up', neighborAddress: '192.0.2.1', neighborAsn: 64511, password }],
});

beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  for (const role of ['viewer', 'operator', 'deployer']) await invite(role);
  const fields = { name: 'edge1', ipAddress: '192.0.2.9', prefixSource: 'bgp', bgp: bgpWith(MD5_PASSWORD) };
  expect((await cloud.call('POST', '/nodes', { json: fields })).status).toBe(201);
  const change = { bgp: bgpWith(LATER_PASSWORD) };
  expect((await cloud.call('PATCH', '/nodes/edge1', { json: change })).status).toBe(200);
  const updateTwin = { properties: { desired: { sessions: { up: { password: LATER_PASSWORD } } } }, etag: '*' };
  const job = { jobId: 'words', type: 'scheduleUpdateTwin', queryCondition: "deviceId = 'none'", updateTwin };
  expect((await hub(asRole('deployer'), 'PUT', '/jobs/v2/words', job)).status).toBe(200);
}, 120_000);
afterAll(() => cloud.close());

test('who may deploy gets it in manifest and deployment; nobody else gets these at all', async () => {
  for (const path of ['/nodes/edge1/manifest', '/nodes/edge1/deployment', '/nodes/edge1/deployments/1']) {
    for (const role of ['viewer', 'operator']) {
      expect([path, role, (await cloud.call('GET', path, { token: tokens[role] as string })).status]).toEqual([
        ...[path, role, 403],
      ]);
    }
    const answer = await cloud.call('GET', path, { token: tokens.deployer as string });
    expect([path, PASSWORDS.some((word) => JSON.stringify(answer.body).includes(word))]).toEqual([path, true]);
  }
});

describe('on the IoT Hub face', () => {
  const all = 'SELECT * FROM devices.modules';
  const asked: [string, 'GET' | 'POST', string, object | undefined][] = [
    ['twin', 'GET', '/twins/edge1/modules/bgp', undefined],
    ['query', 'POST', '/devices/query', { query: all }],
    [
      'alias',
      'POST',
      '/devices/query',
      { query: `${all.replace('*', 'properties.desired.sessions.up.password AS word')}` },
    ],
    ['job', 'GET', '/jobs/v2/words', undefined],
    ['jobs', 'GET', '/jobs/v2/query', undefined],
  ];

  test.each(asked)('%s: people who may not deploy see that there is one', async (_name, method, path, body) => {
    for (const role of ['viewer', 'operator']) {
      const answer = await hub(asRole(role), method, path, body);
      expect([answer.status, answer.text.includes('[secret]')]).toEqual([200, true]);
      for (const word of PASSWORDS) expect(answer.text).not.toContain(word);
    }
    const whole = [asRole('deployer'), await asPolicy('iothubowner')];
    for (const authorization of whole) {
      expect((await hub(authorization, method, path, body)).text).toContain(LATER_PASSWORD);
    }
  });

  test('no condition tells them what it is', async () => {
    const query = `${all} WHERE properties.desired.sessions.up.password = '${LATER_PASSWORD}'`;
    expect((await hub(asRole('viewer'), 'POST', '/devices/query', { query })).body).toEqual([]);
    expect((await hub(asRole('deployer'), 'POST', '/devices/query', { query })).body).toHaveLength(1);
  });
});

test('no node, timeline, history or audit entry holds it', async () => {
  for (const path of [
    ...['/nodes/edge1', '/nodes', '/nodes/edge1/timeline', '/nodes/edge1/deployments', '/nodes/edge1/monitor'],
    ...['/nodes/edge1/bgp', '/audit'],
  ]) {
    const text = JSON.stringify((await cloud.call('GET', path)).body);
    for (const word of PASSWORDS) expect([path, text.includes(word)]).toEqual([path, false]);
  }
  const { entries } = (await cloud.call('GET', '/audit?object=nodes/edge1')).body;
  const changes = JSON.stringify(entries);
  expect(changes).toContain('bgp');
});

// PostgreSQL's files are the server's own affair.
(!isOnPostgres ? describe : describe.skip)('the file of the store', () => {
  test('holds it not', () => {
    const files = readdirSync(cloud.stateDir).filter((name) => name.startsWith('cloud.db'));
    expect(files).toContain('cloud.db');
    const bytes = files.map((name) => readFileSync(join(cloud.stateDir, name)));
    expect(bytes.some((file) => file.includes('192.0.2.1'))).toBe(true);
    for (const word of PASSWORDS) expect([word, bytes.some((file) => file.includes(word))]).toEqual([word, false]);
  });
});
