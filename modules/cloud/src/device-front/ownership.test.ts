import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import { JoinedReplicas } from '../../test/joined-replicas.ts';
import { openTestStore } from '../../test/store-under-test.ts';
import { deleteIdentityRows, insertDevice, insertModule } from '../identity/identity-rows.ts';
import { PlatformBus } from '../platform-events.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { TelemetryIntake } from '../telemetry/telemetry-intake.ts';
import { TwinService } from '../twins/twin-service.ts';
import { DesiredDelivery } from './desired-delivery.ts';
import { Ownership, requireFence } from './ownership.ts';
import { SessionRows } from './session-rows.ts';

let db: Db;
let commits: CommitGroup;
let clock: FakeClock;
let joined: JoinedReplicas;
let kicked: string[];
let owners: Ownership[];
const device = { deviceId: 'd' };
const module = { deviceId: 'd', moduleId: 'm' };
beforeEach(async () => {
  db = await openTestStore();
  commits = new CommitGroup(db);
  clock = new FakeClock();
  joined = new JoinedReplicas();
  kicked = [];
  owners = [1, 2].map((number) => {
    const replicas = joined.join();
    const kick = (identity: { deviceId: string; moduleId?: string }, why: string) =>
      kicked.push(`${number} ${identity.deviceId}/${identity.moduleId ?? ''}: ${why}`);
    return new Ownership({ db, commits, clock, logger: silentLogger, replicas, kick });
  });
  await insertDevice(db, 'd', {}, clock.nowMs());
  await insertModule(db, 'd', 'm', {}, clock.nowMs());
});
afterEach(async () => {
  await settled();
});

/** All that was begun is at its end. */
const settled = () => Promise.all(owners.map((owner) => owner.close()));

async function connect(at: 1 | 2, identity: typeof device): Promise<number> {
  const fence = await owners[at - 1]!.claim(identity);
  owners[at - 1]!.entered(identity, fence, fence);
  return fence;
}

describe('Ownership', () => {
  test('epochs rise over all replicas; the older connection is closed where it is', async () => {
    expect(await connect(1, device)).toBe(1);
    expect(await connect(2, device)).toBe(2);
    await settled();
    expect(kicked).toEqual(['1 d/: a newer connection at another replica took its place']);
  });

  test('the identities of one device are apart', async () => {
    await connect(1, module);
    await connect(2, device);
    await settled();
    expect(kicked).toEqual([]);
  });

  test('what an older connection writes is refused: reports, sessions, messages', async () => {
    const old = await owners[0]!.claim(device);
    const fence = await owners[1]!.claim(device);
    const bus = new PlatformBus(silentLogger);
    const twins = new TwinService({ db, commits, clock, bus });
    const report = (epoch: number) =>
      twins.report('d', undefined, { n: 1 }, undefined, (trx) => requireFence(trx, device, epoch));
    await expect(report(old)).rejects.toMatchObject({ code: 'CLOUD_CONNECTION_TAKEN_OVER' });
    expect(await report(fence)).toBe(2);
    const sessions = new SessionRows({ db, commits, clock, fenceOf: () => old });
    await expect(sessions.save(device, { subscriptions: {} } as never)).rejects.toMatchObject({
      code: 'CLOUD_CONNECTION_TAKEN_OVER',
    });
    const intake = new TelemetryIntake({ db, clock, bus, stored: () => undefined });
    const send = (epoch: number | undefined) =>
      intake.add({ deviceId: 'd', properties: { system: {}, app: {} }, body: Buffer.from('x'), fence: epoch });
    const sent = await Promise.allSettled([send(fence), send(old), send(undefined)]);
    expect(sent.map((one) => (one.status === 'fulfilled' ? 'stored' : one.reason.code))).toEqual([
      ...['stored', 'CLOUD_CONNECTION_TAKEN_OVER', 'stored'],
    ]);
  });

  test('a deleted identity, and those of a disabled device, lose their connections; also when the notice was lost', async () => {
    await connect(1, device);
    await connect(1, module);
    await deleteIdentityRows(db, 'd', 'm');
    joined.members[0]!.hear('identity', ['d/m']);
    await db.updateTable('identity').set({ status: 'disabled' }).where('device_id', '=', 'd').execute();
    joined.members[0]!.gap(0);
    await settled();
    expect(kicked).toContain('1 d/m: the identity was deleted');
    expect(kicked).toContain('1 d/: the device is disabled');
  });

  test('ownerOf() names the replica of a connection that is up', async () => {
    await connect(2, device);
    expect(await owners[0]!.ownerOf(device)).toBeUndefined();
    await db.updateTable('identity').set({ connected: 1 }).where('module_id', '=', '').execute();
    expect(await owners[0]!.ownerOf(device)).toBe(2);
  });
});

describe('DesiredDelivery', () => {
  const patch = (version: number) =>
    db
      .insertInto('desired_patch')
      .values({ device_id: 'd', module_id: '', version, patch: JSON.stringify({ v: version }), at_ms: clock.nowMs() })
      .execute();

  test('each patch after the connection once and in order, whichever notice comes; lost ones after the gap', async () => {
    const got: number[] = [];
    const replicas = joined.members[0]!;
    const delivery = new DesiredDelivery({
      ...{ db, clock, logger: silentLogger, replicas },
      deliver: (_identity, body, version) => got.push(body.v === version ? version : -1),
    });
    await patch(1);
    delivery.entered(device, 1);
    await patch(2);
    await patch(3);
    replicas.hear('desired', ['d']);
    replicas.hear('desired', ['d']);
    replicas.hear('desired', ['other']);
    await patch(4);
    await delivery.idle();
    replicas.gap(clock.nowMs());
    await delivery.idle();
    expect(got).toEqual([2, 3, 4]);
    await delivery.close();
  });
});
