import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import { openTestStore } from '../../test/store-under-test.ts';
import { Registry } from '../identity/registry.ts';
import type { SasAuthenticator } from '../identity/sas-authenticator.ts';
import { PlatformBus } from '../platform-events.ts';
import { SingleReplica } from '../replicas/replicas.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { TelemetryIntake } from '../telemetry/telemetry-intake.ts';
import { TwinService } from '../twins/twin-service.ts';
import { DeviceFront } from './device-front.ts';

/** CONNECT of MQTT 3.1.1 [MQTT-3.1], clean session, with a user name. */
function connectPacket(clientId: string, userName: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 0x82, 0, 60]), text(clientId), text(userName)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

test.each([
  ['disabled', (registry: Registry) => registry.updateDevice('d', { status: 'disabled' }, '*')],
  ['deleted', (registry: Registry) => registry.deleteDevice('d', '*')],
])(
  'a device that is %s after its token was proved and before CONNACK does not stay connected',
  async (_what, change) => {
    const db = await openTestStore();
    const clock = new FakeClock();
    const bus = new PlatformBus(silentLogger);
    const commits = new CommitGroup(db);
    const registry = new Registry({ db, clock, bus });
    await registry.createDevice('d', {});
    const authenticator = {
      isOwnHost: () => true,
      authenticateAs: async () => {
        await change(registry);
        return { expiresAtSecs: clock.nowMs() / 1000 + 3600 };
      },
    } as unknown as SasAuthenticator;
    const twins = new TwinService({ db, commits, clock, bus });
    const intake = {} as TelemetryIntake;
    const front = new DeviceFront({
      replicas: new SingleReplica(),
      ...{ db, commits, clock, bus, authenticator, twins, intake, logger: silentLogger },
      methodAnswer: () => undefined,
    });
    const [client, server] = duplexPair();
    client.resume();
    front.gateway.accept(server, { transport: 'mqtt', remoteAddress: '192.0.2.1' });
    client.write(connectPacket('d', 'hub/d/?api-version=2021-04-12'));
    await once(client, 'end');
    client.end();
    expect(front.gateway.connections()).toEqual([]);
    await front.close();
    await commits.idle();
    await db.destroy();
  },
);
