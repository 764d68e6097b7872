import { describe, expect, test } from '@jest/globals';
import { FakeClock, Secret, silentLogger } from '@wayside/kit';
import type { DeviceIdentity } from './device-identity.ts';
import { REPROVISION_PAUSE_MS, Reprovisioner } from './reprovision.ts';

const identity = (o: Partial<DeviceIdentity> = {}): DeviceIdentity => ({
  iothubHostname: 'hub',
  deviceId: 'd',
  deviceKey: new Secret('AAAA'),
  mqttPort: 8883,
  httpsPort: 443,
  caPem: undefined,
  agentImage: undefined,
  ...o,
});

function aReprovisioner(next: () => DeviceIdentity) {
  const clock = new FakeClock();
  const did: string[] = [];
  const reprovisioner = new Reprovisioner({
    present: identity(),
    hostname: 'node1',
    askAgain: async () => {
      did.push('ask');
      return next();
    },
    registerModules: async () => void did.push('register'),
    restart: () => did.push('restart'),
    clock,
    log: silentLogger,
  });
  return { clock, did, reprovisioner };
}

describe('Reprovisioner', () => {
  test.each<[string, Partial<DeviceIdentity>, string]>([
    ['the same identity registers module keys', {}, 'register'],
    ['the same identity in another case registers module keys', { iothubHostname: 'HUB' }, 'register'],
    ['another device restarts', { deviceId: 'e' }, 'restart'],
    ['another hub restarts', { iothubHostname: 'hub2' }, 'restart'],
    ['another key restarts', { deviceKey: new Secret('BBBB') }, 'restart'],
  ])('%s', async (_name, change, wanted) => {
    const { did, reprovisioner } = aReprovisioner(() => identity(change));
    await reprovisioner.request();
    expect(did).toEqual(['ask', wanted]);
  });

  test('asks no more than once a pause, and survives a failure', async () => {
    let fail = true;
    const { clock, did, reprovisioner } = aReprovisioner(() => {
      if (fail) throw new Error('away');
      return identity();
    });
    await reprovisioner.request();
    await reprovisioner.request();
    expect(did).toEqual(['ask']);
    fail = false;
    await clock.advance(REPROVISION_PAUSE_MS);
    await reprovisioner.request();
    expect(did).toEqual(['ask', 'ask', 'register']);
  });
});
