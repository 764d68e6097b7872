import { describe, expect, test } from '@jest/globals';
import { EdgeError } from '@wayside/kit';
import type { ProvisionRequest } from '@wayside/protocol';
import { CUSTOMER_ID, createBench, IMAGES } from '../../test/node-bench.ts';
import { REGISTRATION_KEY_LIFETIME_MS, REGISTRATION_REPEAT_MS, Registration } from './registration.ts';

const NONCE_1 = Buffer.alloc(32, 1).toString('base64');
const NONCE_2 = Buffer.alloc(32, 2).toString('base64');
const SOURCE = '192.0.2.1';

async function createSetup() {
  const bench = await createBench();
  const registration = new Registration({
    ...{ db: bench.db, platform: bench.platform, clock: bench.clock, timeline: bench.timeline },
    images: IMAGES,
    endpoint: { hostname: 'cloud.example', mqttPort: 18883, httpsPort: 8443 },
    caCertificate: 'PEM',
  });
  const node = await bench.aNode();
  const request = (registrationKey: string, change: Partial<ProvisionRequest> = {}): ProvisionRequest => ({
    customerId: CUSTOMER_ID,
    cacheNodeId: node.cacheNodeId,
    customerKey: node.customerKey,
    registrationKey,
    nonce: NONCE_1,
    hostname: 'server1',
    version: '0.1.0',
    ...change,
  });
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'ok',
      (error) => (error instanceof EdgeError ? error.code : String(error)),
    );
  return { ...bench, registration, node, request, codeOf };
}

describe('Registration', () => {
  test('answers identity and endpoints, and writes down who asked', async () => {
    const { registration, node, request, nodes, events } = await createSetup();
    const key = await registration.issueKey(node);
    expect(await registration.provision(request(key), SOURCE)).toEqual({
      iothubHostname: 'cloud.example',
      deviceId: 'edge1',
      primaryKey: 'key of edge1',
      mqttPort: 18883,
      httpsPort: 8443,
      caCertificate: 'PEM',
      agentImage: 'wayside/agent:1.2.3',
    });
    expect(await nodes.get('edge1')).toMatchObject({ provisionedHost: 'server1', provisionedAtMs: expect.any(Number) });
    expect((await events()).at(-1)).toBe('Provisioned by server1 (daemon 0.1.0) from 192.0.2.1');
  });

  test('a key works once; the same nonce gets the same answer again', async () => {
    const { registration, node, request, codeOf, events } = await createSetup();
    const key = await registration.issueKey(node);
    const first = await registration.provision(request(key), SOURCE);
    expect(await registration.provision(request(key), SOURCE)).toEqual(first);
    expect(await codeOf(registration.provision(request(key, { nonce: NONCE_2 }), SOURCE))).toBe(
      'CLOUD_REGISTRATION_KEY_USED',
    );
    expect((await events()).filter((text) => text.startsWith('Provisioned'))).toHaveLength(1);
  });

  test('of many at once with one key and different nonces exactly one wins', async () => {
    const { registration, node, request, codeOf } = await createSetup();
    const key = await registration.issueKey(node);
    const codes = await Promise.all(
      Array.from({ length: 10 }, (_, index) => {
        const nonce = Buffer.alloc(32, index).toString('base64');
        return codeOf(registration.provision(request(key, { nonce }), `192.0.2.${index}`));
      }),
    );
    expect(codes.filter((code) => code === 'ok')).toHaveLength(1);
    expect(codes.filter((code) => code === 'CLOUD_REGISTRATION_KEY_USED')).toHaveLength(9);
  });

  test.each<[string, Partial<ProvisionRequest>]>([
    ['customer id', { customerId: 'x' }],
    ['cache node id', { cacheNodeId: 'x' }],
    ['customer key', { customerKey: 'x' }],
    ['registration key', { registrationKey: 'x' }],
  ])('a wrong %s is refused without saying which one was wrong, and uses nothing up', async (_what, change) => {
    const { registration, node, request, codeOf } = await createSetup();
    const key = await registration.issueKey(node);
    const wrong = registration.provision(request(key, change), SOURCE);
    await expect(wrong).rejects.toMatchObject({
      code: 'CLOUD_REGISTRATION_KEY_WRONG',
      message: expect.stringContaining('do not belong together'),
    });
    expect(await codeOf(registration.provision(request(key), SOURCE))).toBe('ok');
  });

  test('a used key with a wrong customer key does not tell that it was used', async () => {
    const { registration, node, request, codeOf } = await createSetup();
    const key = await registration.issueKey(node);
    await registration.provision(request(key), SOURCE);
    const code = await codeOf(registration.provision(request(key, { customerKey: 'x', nonce: NONCE_2 }), SOURCE));
    expect(code).toBe('CLOUD_REGISTRATION_KEY_WRONG');
  });

  test("another node's key is refused", async () => {
    const { registration, aNode, request, codeOf } = await createSetup();
    const other = await aNode({ name: 'edge2', ipAddress: null });
    expect(await codeOf(registration.provision(request(await registration.issueKey(other)), SOURCE))).toBe(
      'CLOUD_REGISTRATION_KEY_WRONG',
    );
  });

  test('a new key replaces an unused one, and leaves a used one its repeats', async () => {
    const { registration, node, request, codeOf } = await createSetup();
    const unused = await registration.issueKey(node);
    const used = await registration.issueKey(node);
    await registration.provision(request(used), SOURCE);
    await registration.issueKey(node);
    expect(await codeOf(registration.provision(request(unused), SOURCE))).toBe('CLOUD_REGISTRATION_KEY_WRONG');
    expect(await codeOf(registration.provision(request(used), SOURCE))).toBe('ok');
  });

  test('keys and repeats have an end', async () => {
    const { registration, node, request, codeOf, clock } = await createSetup();
    const late = await registration.issueKey(node);
    await clock.advance(REGISTRATION_KEY_LIFETIME_MS);
    expect(await codeOf(registration.provision(request(late), SOURCE))).toBe('CLOUD_REGISTRATION_KEY_EXPIRED');
    const key = await registration.issueKey(node);
    await registration.provision(request(key), SOURCE);
    await clock.advance(REGISTRATION_REPEAT_MS);
    expect(await codeOf(registration.provision(request(key), SOURCE))).toBe('CLOUD_REGISTRATION_KEY_USED');
  });

  test('a device that was deleted is made again', async () => {
    const { registration, node, request, platform } = await createSetup();
    const key = await registration.issueKey(node);
    await platform.deleteDevice('edge1');
    expect(await registration.provision(request(key), SOURCE)).toMatchObject({ deviceId: 'edge1' });
  });

  test('neither key nor nonce stands in the store', async () => {
    const { registration, node, request, db } = await createSetup();
    const key = await registration.issueKey(node);
    await registration.provision(request(key), SOURCE);
    const rows = JSON.stringify(await db.selectFrom('registration_key').selectAll().execute());
    expect(rows).not.toContain(key);
    expect(rows).not.toContain(NONCE_1);
  });

  test('guessing is slowed down per source', async () => {
    const { registration, node, request, codeOf } = await createSetup();
    const key = await registration.issueKey(node);
    for (let guess = 0; guess < 20; guess += 1) await codeOf(registration.provision(request('x'), SOURCE));
    expect(await codeOf(registration.provision(request(key), SOURCE))).toBe('CLOUD_REGISTRATION_LIMITED');
    expect(await codeOf(registration.provision(request(key), '192.0.2.2'))).toBe('ok');
  });

  test('guesses at once count like guesses in a row, and what is right costs nothing', async () => {
    const { registration, node, request, codeOf } = await createSetup();
    const key = await registration.issueKey(node);
    const right = Array.from({ length: 50 }, () => codeOf(registration.provision(request(key), SOURCE)));
    expect(new Set(await Promise.all(right))).toEqual(new Set(['ok']));
    const guesses = Array.from({ length: 50 }, () => codeOf(registration.provision(request('x'), SOURCE)));
    const codes = await Promise.all(guesses);
    expect(codes.filter((code) => code === 'CLOUD_REGISTRATION_KEY_WRONG')).toHaveLength(20);
    expect(codes.filter((code) => code === 'CLOUD_REGISTRATION_LIMITED')).toHaveLength(30);
  });
});

describe('the replacement of a server', () => {
  test('revokes the keys of the old one; the node waits, and the next server gets in as the same node', async () => {
    const { registration, node, request, nodes, events, platform } = await createSetup();
    const old = await registration.issueKey(node);
    await registration.provision(request(old), SOURCE);
    await registration.replaceServer(await nodes.get('edge1'), 'alice');
    expect(platform.devices.get('edge1')).toMatchObject({ primaryKey: 'renewed', status: 'disabled' });
    expect(await nodes.get('edge1')).toMatchObject({ provisionedAtMs: null, provisionedHost: null });
    expect((await events()).at(-1)).toBe(
      'Server to be replaced by alice: the keys of server1 were revoked, another one may register',
    );
    const key = await registration.issueKey(node);
    const answer = await registration.provision(request(key, { hostname: 'server2', nonce: NONCE_2 }), SOURCE);
    expect(answer).toMatchObject({ deviceId: 'edge1', primaryKey: 'renewed' });
    expect(platform.devices.get('edge1')).toMatchObject({ status: 'enabled' });
    expect(await nodes.get('edge1')).toMatchObject({ cacheNodeId: node.cacheNodeId, provisionedHost: 'server2' });
  });

  test('neither a repeat of the old answer nor a printed command opens anything', async () => {
    const { registration, node, request, nodes, codeOf } = await createSetup();
    const old = await registration.issueKey(node);
    await registration.provision(request(old), SOURCE);
    await registration.replaceServer(await nodes.get('edge1'), 'alice');
    expect(await codeOf(registration.provision(request(old), SOURCE))).toBe('CLOUD_REGISTRATION_KEY_WRONG');
  });

  test('a device that an administrator disabled stays so', async () => {
    const { registration, node, request, platform } = await createSetup();
    const key = await registration.issueKey(node);
    platform.devices.set('edge1', { ...platform.devices.get('edge1')!, status: 'disabled', statusReason: 'stolen' });
    await registration.provision(request(key), SOURCE);
    expect(platform.devices.get('edge1')).toMatchObject({ status: 'disabled', statusReason: 'stolen' });
  });
});

describe('revokeKeys()', () => {
  test('a printed command is worth nothing any more', async () => {
    const { registration, node, request, codeOf } = await createSetup();
    const key = await registration.issueKey(node);
    expect(await registration.revokeKeys(node)).toBe(1);
    expect(await registration.revokeKeys(node)).toBe(0);
    expect(await codeOf(registration.provision(request(key), SOURCE))).toBe('CLOUD_REGISTRATION_KEY_WRONG');
  });
});
