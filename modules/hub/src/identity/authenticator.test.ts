import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { clientIdOf, type Identity } from '@wayside/gateway';
import { FakeClock } from '@wayside/kit';
import { createSasToken } from '@wayside/protocol';
import { Authenticator } from './authenticator.ts';
import type { ServiceIdentity } from './service-identity.ts';

const NOW_SECS = 1_000_000;
const key = (name: string) => Buffer.from(name).toString('base64');
const certificate = Buffer.from('a certificate');
const thumbprint = createHash('sha256').update(certificate).digest('hex').toUpperCase();

function aBench() {
  const known = new Map<string, ServiceIdentity>();
  const add = (deviceId: string, moduleId?: string, more: Partial<ServiceIdentity> = {}) => {
    const identity = {
      deviceId,
      enabled: true,
      keys: [key(`${moduleId ?? deviceId}1`), key(`${moduleId ?? deviceId}2`)],
      thumbprints: [],
      ...more,
    };
    known.set(clientIdOf({ deviceId, moduleId }), moduleId === undefined ? identity : { ...identity, moduleId });
  };
  add('d');
  add('d', 'm');
  add('leaf', undefined, { keys: [], thumbprints: [thumbprint] });
  let asked = 0;
  const scope = {
    find: (identity: Identity) => known.get(clientIdOf(identity)),
    refreshOne: async () => {
      asked++;
      onAsk();
      return true;
    },
  };
  let onAsk = () => {};
  const authenticator = new Authenticator(scope, ['hub.test', 'Gateway'], new FakeClock(NOW_SECS * 1000));
  return {
    known,
    add,
    authenticator,
    asked: () => asked,
    onAsk: (action: () => void) => {
      onAsk = action;
    },
  };
}
const token = (resource: string, keyName: string, se = NOW_SECS + 60) =>
  createSasToken({ resource, keyBase64: key(keyName), expiresAtSecs: se });
const asModule = (text: string | undefined, more = {}) => ({
  identity: { deviceId: 'd', moduleId: 'm' },
  token: text,
  certificate: undefined,
  ...more,
});

describe('Authenticator', () => {
  test.each([
    ['primary key', token('hub.test/devices/d/modules/m', 'm1'), true],
    ['secondary key', token('hub.test/devices/d/modules/m', 'm2'), true],
    ['gateway name, other case', token('GATEWAY/devices/d/modules/m', 'm1'), true],
    ["its device's token", token('hub.test/devices/d', 'd1'), true],
    ["device's resource with the module's key", token('hub.test/devices/d', 'm1'), false],
    ["device's key on the module's resource", token('hub.test/devices/d/modules/m', 'd1'), false],
    ['another hub', token('other.test/devices/d/modules/m', 'm1'), false],
    ['another module', token('hub.test/devices/d/modules/x', 'm1'), false],
    ['another device', token('hub.test/devices/e', 'd1'), false],
    ['the hub alone', token('hub.test', 'd1'), false],
    ['expired', token('hub.test/devices/d/modules/m', 'm1', NOW_SECS), false],
    ['no token', 'nonsense', false],
    ['nothing', undefined, false],
  ])('%s', async (_name, text, expected) => {
    expect((await aBench().authenticator.authenticate(asModule(text))).ok).toBe(expected);
  });

  test('an unknown identity and a changed key are asked for once, a wrong form is not', async () => {
    const bench = aBench();
    const credentials = {
      identity: { deviceId: 'd', moduleId: 'new' },
      token: token('hub.test/devices/d/modules/new', 'new1'),
      certificate: undefined,
    };
    expect((await bench.authenticator.authenticate(credentials)).ok).toBe(false);
    bench.onAsk(() => bench.add('d', 'new'));
    expect((await bench.authenticator.authenticate(credentials)).ok).toBe(true);
    expect(bench.asked()).toBe(2);
    await bench.authenticator.authenticate(asModule('nonsense'));
    expect(bench.asked()).toBe(2);
  });

  test('a disabled device takes its modules with it; a removed or changed key ends a proof', async () => {
    const bench = aBench();
    const judgement = await bench.authenticator.authenticate(asModule(token('hub.test/devices/d/modules/m', 'm1')));
    const proof = judgement.ok ? judgement.proof : '';
    const identity = { deviceId: 'd', moduleId: 'm' };
    expect(bench.authenticator.isStillGood(identity, proof)).toBe(true);
    bench.add('d', 'm', { keys: [key('fresh')] });
    expect(bench.authenticator.isStillGood(identity, proof)).toBe(false);
    bench.add('d', 'm');
    bench.add('d', undefined, { enabled: false });
    expect(bench.authenticator.isStillGood(identity, proof)).toBe(false);
    expect((await bench.authenticator.authenticate(asModule(token('hub.test/devices/d/modules/m', 'm1')))).ok).toBe(
      false,
    );
    bench.known.clear();
    expect(bench.authenticator.isStillGood(identity, proof)).toBe(false);
  });

  test('a certificate proves a device by its thumbprint, never a module', async () => {
    const { authenticator } = aBench();
    const by = (identity: Identity, bytes: Buffer) =>
      authenticator.authenticate({ identity, token: undefined, certificate: bytes });
    expect((await by({ deviceId: 'leaf' }, certificate)).ok).toBe(true);
    expect((await by({ deviceId: 'leaf' }, Buffer.from('other'))).ok).toBe(false);
    expect((await by({ deviceId: 'd', moduleId: 'm' }, certificate)).ok).toBe(false);
  });
});
