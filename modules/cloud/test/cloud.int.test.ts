import { createHash, type X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import got from 'got';
import { CloudUnderTest, DataPort, until } from './cloud-under-test.ts';

jest.setTimeout(40_000);

const cloud = new CloudUnderTest();
const dataPort = new DataPort();
let httpPort = 0;
const NONCE = Buffer.alloc(32, 7).toString('base64');

beforeAll(async () => {
  httpPort = await dataPort.listen();
  await cloud.start();
}, 60_000);
afterAll(async () => {
  await cloud.close();
  await dataPort.close();
});

function get(path: string, headers: { [name: string]: string } = {}) {
  return got(`${cloud.url}${path}`, { https: { certificateAuthority: cloud.ca }, throwHttpErrors: false, headers });
}

function peerOf(options: object): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: 'localhost', port: cloud.running.httpsPort, ca: cloud.ca, ...options }, () => {
      resolve(socket.getPeerX509Certificate()!);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe('first start', () => {
  test('answers health over TLS under its own CA, which it hands out', async () => {
    expect((await cloud.call('GET', '/healthz', { token: null })).body).toEqual({ status: 'ok', version: '0.1.0' });
    expect((await get('/api/v1/ca.pem')).body).toBe(cloud.ca);
  });

  test('refuses what is older than TLS 1.2', async () => {
    await expect(
      peerOf({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).rejects.toThrow();
  });

  test('leaves secrets in files for their owner only', () => {
    for (const file of ['admin-secret', 'metrics-token', 'cloud.db', 'ca/ca-key.pem', 'ca/server-key.pem']) {
      expect([file, statSync(join(cloud.stateDir, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
  });

  test('serves the installer, and metrics to whoever has the token', async () => {
    const installer = await get('/install.sh');
    expect([installer.statusCode, installer.body.startsWith('#!/usr/bin/env bash')]).toEqual([200, true]);
    expect((await get('/metrics')).statusCode).toBe(401);
    const token = (await import('node:fs')).readFileSync(join(cloud.stateDir, 'metrics-token'), 'utf8').trim();
    expect((await get('/metrics', { authorization: `Bearer ${token}` })).body).toContain('wayside_cloud_nodes');
  });
});

describe('logins', () => {
  test('a wrong password is refused, the right one opens a session', async () => {
    const json = { username: 'admin', password: 'wrong' };
    expect(await cloud.call('POST', '/sessions', { json, token: null })).toMatchObject({
      status: 401,
      body: { error: { code: 'CLOUD_LOGIN_FAILED' } },
    });
    await cloud.login();
    expect(cloud.token.length).toBeGreaterThan(40);
  });

  test.each([null, 'x', `${'a'.repeat(43)}`])('without a good token (%s) nothing is told', async (token) => {
    for (const path of ['/nodes', '/connection-strings', '/nodes/none/monitor', '/events']) {
      const answer = await cloud.call('GET', path, { token });
      expect([answer.status, answer.body.error.code]).toEqual([401, 'CLOUD_SESSION_INVALID']);
    }
  });

  test('a session ends with the logout', async () => {
    const json = { username: 'admin', password: cloud.adminSecret };
    const { token } = (await cloud.call('POST', '/sessions', { json, token: null })).body;
    expect((await cloud.call('DELETE', '/sessions/current', { token })).status).toBe(204);
    expect((await cloud.call('GET', '/nodes', { token })).status).toBe(401);
  });
});

describe('requests that cannot be used', () => {
  test.each<[string, 'GET' | 'POST' | 'PUT', string, object, number, string]>([
    ['an unknown route', 'GET', '/nope', {}, 404, 'CLOUD_ROUTE_NOT_FOUND'],
    ['a route with another method', 'PUT', '/nodes', { json: {} }, 404, 'CLOUD_ROUTE_NOT_FOUND'],
    ['broken JSON', 'POST', '/nodes', { body: '{' }, 400, 'CLOUD_REQUEST_INVALID'],
    ['no JSON', 'POST', '/nodes', { body: 'a=b', type: 'text/plain' }, 400, 'CLOUD_REQUEST_INVALID'],
    ['no body', 'POST', '/sessions', {}, 400, 'CLOUD_REQUEST_INVALID'],
    [
      'a body without end',
      'POST',
      '/sessions',
      { json: { username: 'x'.repeat(20_000) } },
      413,
      'CLOUD_BODY_TOO_LARGE',
    ],
    ['missing fields', 'POST', '/sessions', { json: {} }, 400, 'CLOUD_REQUEST_INVALID'],
    ['a bad nonce', 'POST', '/provision', { json: { nonce: 'short' } }, 400, 'CLOUD_REQUEST_INVALID'],
    ['a broken path', 'GET', '/nodes/%ff', {}, 400, 'CLOUD_REQUEST_INVALID'],
    ['a node that is not there', 'GET', '/nodes/none', {}, 404, 'CLOUD_NODE_NOT_FOUND'],
  ])('%s', async (_what, method, path, options, status, code) => {
    const answer = await cloud.call(method, path, options);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  });

  test('every missing field is named', async () => {
    const { problems } = (await cloud.call('POST', '/sessions', { json: { user: 'x' } })).body.error;
    expect(problems.map((problem: { path: string }) => problem.path).sort()).toEqual(['password', 'user', 'username']);
  });
});

describe('cache nodes', () => {
  test('are created with their device and the manifest of their fields', async () => {
    const json = { name: 'edge1', ipAddress: '127.0.0.1', httpPort, drives: [{ path: '/datadrive', sizeGb: 10 }] };
    const created = await cloud.call('POST', '/nodes', { json });
    expect(created).toMatchObject({
      status: 201,
      body: { name: 'edge1', state: 'NotProvisioned', maxEgressMbps: 1000 },
    });
    const manifest = await cloud.call('GET', '/nodes/edge1/manifest');
    expect((await cloud.call('GET', '/nodes/edge1/deployment')).body).toEqual(manifest.body);
    expect((await cloud.call('GET', '/nodes')).body.nodes).toEqual([created.body]);
  });

  test('the three form errors', async () => {
    const codesOf = async (json: object) => {
      const { status, body } = await cloud.call('POST', '/nodes', { json });
      return [status, ...body.error.problems.map((problem: { code: string }) => problem.code)];
    };
    expect(await codesOf({ name: 'not a name' })).toEqual([400, 'NameInvalidOrInUse']);
    expect(await codesOf({ name: 'EDGE1' })).toEqual([409, 'NameInvalidOrInUse']);
    expect(await codesOf({ name: 'edge2', cidrs: ['1.2.3.4/33'] })).toEqual([400, 'CidrInvalid']);
    expect(await codesOf({ name: 'edge2', ipAddress: '127.0.0.1', httpPort })).toEqual([409, 'AddressInUse']);
    expect((await cloud.call('GET', '/nodes')).body.nodes).toHaveLength(1);
  });

  test('a change of fields is followed by the deployment that was made from them', async () => {
    await cloud.call('PATCH', '/nodes/edge1', { json: { maxEgressMbps: 500 } });
    const { modulesContent } = (await cloud.call('GET', '/nodes/edge1/deployment')).body;
    expect(modulesContent.MCC['properties.desired']).toEqual({ maxEgressMbps: 500 });
  });
});

describe('registration', () => {
  test('a command pins the key of this very server, its key works once and again for the same nonce', async () => {
    const issued = (await cloud.call('POST', '/nodes/edge1/provisioning')).body;
    const spki = (await peerOf({})).publicKey.export({ type: 'spki', format: 'der' });
    const pin = createHash('sha256').update(spki).digest('base64');
    expect(issued.command).toContain(`--pinnedpubkey sha256//${pin} `);
    expect(issued.command).toContain(`registrationkey=${issued.registrationKey}`);
    const { customerId, cacheNodeId, customerKey, registrationKey } = issued;
    const request = {
      customerId,
      cacheNodeId,
      customerKey,
      registrationKey,
      nonce: NONCE,
      hostname: 'h',
      version: '1',
    };
    const provision = (change: object = {}) =>
      cloud.call('POST', '/provision', { json: { ...request, ...change }, token: null });
    const first = await provision();
    expect(first).toMatchObject({
      status: 200,
      body: { iothubHostname: 'localhost', deviceId: 'edge1', mqttPort: 8883, httpsPort: 443, caCertificate: cloud.ca },
    });
    expect((await provision()).body).toEqual(first.body);
    const used = await provision({ nonce: Buffer.alloc(32).toString('base64') });
    expect([used.status, used.body.error.code]).toEqual([403, 'CLOUD_REGISTRATION_KEY_USED']);
    const wrong = await provision({ registrationKey: 'x' });
    expect([wrong.status, wrong.body.error.code]).toEqual([403, 'CLOUD_REGISTRATION_KEY_WRONG']);
    expect((await cloud.call('GET', '/nodes/edge1')).body.state).toBe('NeverPhonedHome');
  });
});

describe('deployments', () => {
  test('a manifest with wrong fields is refused with every problem, and changes nothing', async () => {
    const before = (await cloud.call('GET', '/nodes/edge1/deployment')).body;
    const bad = structuredClone(before);
    const agent = bad.modulesContent.$edgeAgent['properties.desired'];
    agent.modules.MCC.restartPolicy = 'sometimes';
    agent.modules['bad name'] = agent.modules.MCC;
    delete agent.runtime.type;
    const refused = await cloud.call('PUT', '/nodes/edge1/deployment', { json: bad });
    expect([refused.status, refused.body.error.code]).toEqual([400, 'CLOUD_MANIFEST_INVALID']);
    expect(refused.body.error.problems.length).toBeGreaterThanOrEqual(3);
    for (const problem of refused.body.error.problems) {
      expect(problem).toEqual({ path: expect.any(String), message: expect.any(String) });
    }
    expect((await cloud.call('GET', '/nodes/edge1/deployment')).body).toEqual(before);
    for (const json of [{}, [], 'x', { content: {} }]) {
      expect((await cloud.call('PUT', '/nodes/edge1/deployment', { json })).body.error.code).toBe(
        'CLOUD_MANIFEST_INVALID',
      );
    }
  });

  test('a good manifest is deployed, seen in the timeline, and no longer follows the fields', async () => {
    const { body } = await cloud.call('GET', '/nodes/edge1/deployment');
    const modules = body.modulesContent.$edgeAgent['properties.desired'].modules;
    modules.sensor = { ...modules.MCC, settings: { image: 'wayside/sample-sensor:1', createOptions: '{}' }, env: {} };
    const deployed = await cloud.call('PUT', '/nodes/edge1/deployment', { json: { content: body } });
    expect(deployed).toMatchObject({ status: 200, body: { modules: expect.arrayContaining(['MCC', 'sensor']) } });
    const text = `Deployment ${deployed.body.desiredVersion} set by admin`;
    await until('the deployment in the timeline', async () => {
      const { events } = (await cloud.call('GET', '/nodes/edge1/timeline')).body;
      return events.some((event: { text: string }) => event.text === text);
    });
    await cloud.call('PATCH', '/nodes/edge1', { json: { maxEgressMbps: 700 } });
    expect((await cloud.call('GET', '/nodes/edge1/deployment')).body).toEqual(body);
    // The first manifest again removes the sensor.
    const own = (await cloud.call('GET', '/nodes/edge1/manifest')).body;
    expect((await cloud.call('PUT', '/nodes/edge1/deployment', { json: own })).status).toBe(200);
    const monitor = (await cloud.call('GET', '/nodes/edge1/monitor')).body;
    expect(monitor.modules.map((module: { name: string }) => module.name)).toEqual(['edgeAgent', 'edgeHub', 'MCC']);
  });
});

describe('an unknown host', () => {
  test('the IoT Hub face asks for its own token', async () => {
    const answer = await get('/devices?api-version=2021-04-12');
    expect([answer.statusCode, answer.body.includes('ErrorCode:')]).toEqual([401, true]);
  });
});
