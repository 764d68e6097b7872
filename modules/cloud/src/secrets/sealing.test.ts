import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openTestStore } from '../../test/store-under-test.ts';
import { compactStore } from '../store/compact.ts';
import { openStore } from '../store/open-store.ts';
import type { Db } from '../store/tables.ts';
import { MasterKeys, openMasterKeys } from './master-keys.ts';
import { sealStore } from './seal-store.ts';
import { Sealer } from './sealer.ts';
import { SealingPlugin } from './sealing-plugin.ts';

const folder = mkdtempSync(join(tmpdir(), 'wayside-sealing-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = () => join(folder, `key-${files++}`);

const DESIRED = JSON.stringify({
  sessions: { a: { neighborAddress: '192.0.2.1', password: 'md5 "quoted"' } },
  runtime: { settings: { registryCredentials: { r: { username: 'u', password: 'registry', address: 'x' } } } },
  password: '',
});

/** A store with one device, as a cloud of before sealing left it. */
async function aStore() {
  const raw = await openTestStore();
  await raw.insertInto('policy').values({ name: 'service', primary_key: 'one', secondary_key: 'two' }).execute();
  const sealer = new Sealer(await openMasterKeys(newPath(), true));
  return { raw, sealer, db: raw.withPlugin(new SealingPlugin(sealer)) };
}

async function addTwin(db: Db, deviceId: string, desired: string): Promise<void> {
  const meta = { desired_meta: '{}', desired_version: 1, reported: '{}', reported_meta: '{}', reported_version: 1 };
  await db
    .insertInto('identity')
    .values({
      ...{ device_id: deviceId, module_id: '', generation_id: '1', etag: 'e', status: 'enabled', status_reason: null },
      ...{ status_updated_ms: null, auth_type: 'sas', primary_key: 'device key', secondary_key: null },
      ...{ primary_thumbprint: null, secondary_thumbprint: null, iot_edge: 0, device_scope: null, parent_scopes: '[]' },
      ...{ managed_by: null, connected: 0, connection_updated_ms: null, last_activity_ms: null, created_ms: 0 },
    })
    .execute();
  const twin = {
    configurations: '{}',
    device_id: deviceId,
    module_id: '',
    tags: '{}',
    desired,
    ...meta,
    version: 1,
    etag: 'e',
    model_id: null,
  };
  await db.insertInto('twin').values(twin).execute();
}

const textOf = async (db: Db) =>
  JSON.stringify([
    await db.selectFrom('policy').selectAll().execute(),
    await db.selectFrom('identity').selectAll().execute(),
    await db.selectFrom('twin').selectAll().execute(),
  ]);
const SECRETS = ['"one"', '"two"', 'device key', 'md5', '\\"registry\\"'];

describe('the sealing plugin', () => {
  test('lets callers read what they wrote, and leaves no secret in the store', async () => {
    const { raw, db } = await aStore();
    await addTwin(db, 'a', DESIRED);
    await db
      .updateTable('policy')
      .set({ primary_key: 'one', secondary_key: 'two' })
      .where('name', '=', 'service')
      .execute();
    expect(await db.selectFrom('policy').selectAll().execute()).toEqual([
      { name: 'service', primary_key: 'one', secondary_key: 'two' },
    ]);
    const twin = await db.selectFrom('twin').select('desired').executeTakeFirstOrThrow();
    expect(twin.desired).toBe(DESIRED);
    const stored = await textOf(raw);
    for (const secret of SECRETS) expect([secret, stored.includes(secret)]).toEqual([secret, false]);
    expect(stored).toContain('192.0.2.1');
  });

  test('seals on conflict, inside transactions, and in rows that are returned', async () => {
    const { raw, db } = await aStore();
    const row = await db.transaction().execute((trx) =>
      trx
        .insertInto('policy')
        .values([{ name: 'service', primary_key: 'x', secondary_key: 'y' }])
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet((of) => ({ primary_key: of.ref('excluded.primary_key'), secondary_key: 'z' })),
        )
        .returningAll()
        .executeTakeFirstOrThrow(),
    );
    expect(row).toEqual({ name: 'service', primary_key: 'x', secondary_key: 'z' });
    const stored = await raw.selectFrom('policy').selectAll().executeTakeFirstOrThrow();
    expect([stored.primary_key, stored.secondary_key]).toEqual([
      expect.stringMatching(/^sealed:v1:/),
      expect.stringMatching(/^sealed:v1:/),
    ]);
  });

  test('takes no secret that was moved to another column or changed', async () => {
    const { raw, db } = await aStore();
    await db.updateTable('policy').set({ primary_key: 'one', secondary_key: 'two' }).execute();
    const stored = await raw.selectFrom('policy').selectAll().executeTakeFirstOrThrow();
    await raw.updateTable('policy').set({ primary_key: stored.secondary_key }).execute();
    await expect(db.selectFrom('policy').selectAll().execute()).rejects.toMatchObject({
      code: 'CLOUD_SECRET_UNREADABLE',
    });
    const bent = `${stored.primary_key.slice(0, -1)}${stored.primary_key.endsWith('A') ? 'B' : 'A'}`;
    await raw
      .updateTable('policy')
      .set({ primary_key: bent.slice(0, -4) })
      .execute();
    await expect(db.selectFrom('policy').selectAll().execute()).rejects.toMatchObject({
      code: 'CLOUD_SECRET_UNREADABLE',
    });
  });

  test('a text that only looks sealed stays as its writer wrote it', async () => {
    const { db } = await aStore();
    const desired = JSON.stringify({ note: 'sealed:v1:00:AAAA', password: 'x' });
    await addTwin(db, 'a', desired);
    expect((await db.selectFrom('twin').select('desired').executeTakeFirstOrThrow()).desired).toBe(desired);
  });
});

describe('sealStore()', () => {
  test('seals a store of before once, and finds nothing the next time', async () => {
    const { raw, db, sealer } = await aStore();
    await addTwin(raw, 'a', DESIRED);
    expect(await sealStore(raw, sealer)).toBe(4);
    expect(await sealStore(raw, sealer)).toBe(0);
    const stored = await textOf(raw);
    for (const secret of SECRETS) expect([secret, stored.includes(secret)]).toEqual([secret, false]);
    expect((await db.selectFrom('twin').select('desired').executeTakeFirstOrThrow()).desired).toBe(DESIRED);
  });

  test('after a rotation everything is under the new key, and a process with the old one goes on', async () => {
    const raw = await openTestStore();
    const path = newPath();
    const running = new Sealer(await openMasterKeys(path, true));
    const db = raw.withPlugin(new SealingPlugin(running));
    for (let n = 0; n < 3; n += 1) await addTwin(db, `d${n}`, DESIRED);
    const keys = new MasterKeys(path);
    const [before] = Object.keys(JSON.parse(readFileSync(path, 'utf8')).keys);
    await keys.rotate();
    expect(await sealStore(raw, new Sealer(keys))).toBe(6);
    expect(await textOf(raw)).not.toContain(`sealed:v1:${before}:`);
    expect((await db.selectFrom('identity').select('primary_key').executeTakeFirstOrThrow()).primary_key).toBe(
      'device key',
    );
    await db.updateTable('identity').set({ primary_key: 'later' }).execute();
    expect(await textOf(raw)).not.toContain(`sealed:v1:${before}:`);
    await keys.dropRetired();
    expect(new MasterKeys(path).retiredIds).toEqual([]);
  });

  test('leaves no secret in the file of the store, not in free pages either', async () => {
    const path = join(folder, 'cloud.db');
    const raw = await openStore(path);
    await addTwin(raw, 'a', DESIRED);
    await sealStore(raw, new Sealer(await openMasterKeys(newPath(), true)));
    await compactStore(raw);
    await raw.destroy();
    expect(readFileSync(path).includes('device key')).toBe(false);
    expect(readFileSync(path).includes('192.0.2.1')).toBe(true);
  });
});

describe('the master key', () => {
  test('is made once, for its owner only', async () => {
    const path = newPath();
    const [a, b] = await Promise.all([openMasterKeys(path, true), openMasterKeys(path, true)]);
    expect(a.current.key.equals(b.current.key)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each(['', '{}', '{"current":"00","keys":{"00":"c2hvcnQ="}}'])(
    'is refused when its file holds %j',
    async (text) => {
      const path = newPath();
      writeFileSync(path, text);
      await expect(openMasterKeys(path, true)).rejects.toMatchObject({ code: 'CLOUD_MASTER_KEY_FAILED' });
    },
  );
});
