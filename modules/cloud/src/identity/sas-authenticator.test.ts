import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import { createSasToken } from '@wayside/protocol';
import { openTestStore } from '../../test/store-under-test.ts';
import type { Db } from '../store/tables.ts';
import { insertDevice, insertModule } from './identity-rows.ts';
import { ensurePolicies, type Policies } from './policies.ts';
import { parseIdentityResource, resourceCoversPath, SasAuthenticator } from './sas-authenticator.ts';

const DEVICE_KEY = Buffer.alloc(32, 1).toString('base64');
const MODULE_KEY = Buffer.alloc(32, 2).toString('base64');
let db: Db;
let clock: FakeClock;
let policies: Policies;
let authenticator: SasAuthenticator;

beforeEach(async () => {
  db = await openTestStore();
  clock = new FakeClock();
  policies = await ensurePolicies(db);
  authenticator = new SasAuthenticator({ db, policies, clock, hostNames: ['hub.example', 'localhost'] });
  const keys = (primaryKey: string) => ({ authentication: { type: 'sas' as const, primaryKey } });
  await insertDevice(db, 'd', keys(DEVICE_KEY), clock.nowMs());
  await insertModule(db, 'd', 'm', keys(MODULE_KEY), clock.nowMs());
  await insertDevice(db, 'x', { authentication: { type: 'selfSigned' } }, clock.nowMs());
});
afterEach(() => db.destroy());

const nowSecs = () => Math.floor(clock.nowMs() / 1000);
const token = (resource: string, keyBase64: string, o: { skn?: string; expiresInSecs?: number } = {}) =>
  createSasToken({
    resource,
    keyBase64,
    expiresAtSecs: nowSecs() + (o.expiresInSecs ?? 60),
    ...(o.skn ? { skn: o.skn } : {}),
  });
const policyToken = (name: 'service' | 'device' | 'iothubowner', resource = 'hub.example') =>
  token(resource, policies.get(name)?.primaryKey ?? '', { skn: name });

describe('authenticateAs()', () => {
  test.each([
    ['d', undefined, 'hub.example/devices/d', DEVICE_KEY],
    ['d', undefined, 'HUB.example/devices/d', DEVICE_KEY],
    ['d', undefined, 'localhost:18883/devices/d', DEVICE_KEY],
    ['d', 'm', 'hub.example/devices/d/modules/m', MODULE_KEY],
    // Wider than needed is fine as long as the module's own key signed it.
    ['d', 'm', 'hub.example/devices/d', MODULE_KEY],
  ])('%s/%s with %s is let in', async (deviceId, moduleId, resource, key) => {
    const answer = await authenticator.authenticateAs(deviceId, moduleId, token(resource, key));
    expect(answer).toEqual({ expiresAtSecs: nowSecs() + 60 });
  });

  test.each([
    ['no token', () => undefined, 'd', undefined],
    ['garbage', () => 'SharedAccessSignature nonsense', 'd', undefined],
    ['a huge text', () => `SharedAccessSignature sr=${'a'.repeat(5_000)}`, 'd', undefined],
    ['the key of its module', () => token('hub.example/devices/d', MODULE_KEY), 'd', undefined],
    ['the key of its device', () => token('hub.example/devices/d/modules/m', DEVICE_KEY), 'd', 'm'],
    ['a token for a module below', () => token('hub.example/devices/d/modules/m', DEVICE_KEY), 'd', undefined],
    ['a token for a name that starts the same', () => token('hub.example/devices/d2', DEVICE_KEY), 'd', undefined],
    ['another host', () => token('evil.example/devices/d', DEVICE_KEY), 'd', undefined],
    ['an expired token', () => token('hub.example/devices/d', DEVICE_KEY, { expiresInSecs: -1 }), 'd', undefined],
    ['an unknown device', () => token('hub.example/devices/nobody', DEVICE_KEY), 'nobody', undefined],
    ['a device that has a certificate instead', () => token('hub.example/devices/x', DEVICE_KEY), 'x', undefined],
    ['a policy without DeviceConnect', () => policyToken('service'), 'd', undefined],
    ['a policy token for another device', () => policyToken('device', 'hub.example/devices/x'), 'd', undefined],
    ['an unknown policy', () => token('hub.example', DEVICE_KEY, { skn: 'constructor' }), 'd', undefined],
  ])('%s is refused', async (_what, make, deviceId, moduleId) => {
    await expect(authenticator.authenticateAs(deviceId, moduleId, make())).rejects.toMatchObject({
      code: 'CLOUD_UNAUTHORIZED',
    });
  });

  test('a policy with DeviceConnect may connect for any device that is enabled', async () => {
    await authenticator.authenticateAs('d', 'm', policyToken('device'));
    await db
      .updateTable('identity')
      .set({ status: 'disabled' })
      .where('device_id', '=', 'd')
      .where('module_id', '=', '')
      .execute();
    await expect(authenticator.authenticateAs('d', 'm', policyToken('device'))).rejects.toThrow(
      'the device is disabled',
    );
    await expect(
      authenticator.authenticateAs('d', 'm', token('hub.example/devices/d/modules/m', MODULE_KEY)),
    ).rejects.toThrow('the device is disabled');
  });

  test('a token grows old', async () => {
    const mine = token('hub.example/devices/d', DEVICE_KEY);
    await authenticator.authenticateAs('d', undefined, mine);
    clock.jump(61_000);
    await expect(authenticator.authenticateAs('d', undefined, mine)).rejects.toThrow('expired');
  });
});

describe('authenticate()', () => {
  test('tells policies and identities apart', async () => {
    expect((await authenticator.authenticate(policyToken('service'))).principal).toEqual({
      ...{ kind: 'policy', policy: 'service', resource: 'hub.example' },
    });
    expect((await authenticator.authenticate(token('hub.example/devices/d/modules/m', MODULE_KEY))).principal).toEqual({
      ...{ kind: 'identity', deviceId: 'd', moduleId: 'm' },
    });
    await expect(authenticator.authenticate(token('hub.example', DEVICE_KEY))).rejects.toThrow('names no device');
  });
});

test('parseIdentityResource() takes ids that were encoded once more', () => {
  expect(parseIdentityResource('h/devices/d/modules/%24edgeHub')).toEqual({ deviceId: 'd', moduleId: '$edgeHub' });
  expect(parseIdentityResource('h/devices/100%')).toEqual({ deviceId: '100%' });
  expect(parseIdentityResource('h/devices/d/modules')).toBeUndefined();
  expect(parseIdentityResource('h/devices/d/modules/m/x')).toBeUndefined();
  expect(parseIdentityResource('h/twins/d')).toBeUndefined();
});

test('resourceCoversPath() cuts at whole segments', () => {
  expect(resourceCoversPath('h', '/devices/d')).toBe(true);
  expect(resourceCoversPath('h/devices/d', '/devices/d/modules')).toBe(true);
  expect(resourceCoversPath('h/devices/d', '/devices/d2')).toBe(false);
  expect(resourceCoversPath('h/devices/d', '/twins/d')).toBe(false);
});
