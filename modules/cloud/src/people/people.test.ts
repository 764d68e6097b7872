import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { createBench } from '../../test/node-bench.ts';
import { ensureAdmin, ensureSecretFile } from './first-start.ts';
import { hashPassword, verifyPassword } from './password.ts';
import { People } from './people.ts';
import { mayDo } from './roles.ts';

const SESSION_MS = 3_600_000;
const folder = await mkdtemp(join(tmpdir(), 'wayside-people-'));
afterAll(() => rm(folder, { recursive: true }));

async function createPeople() {
  const { db, clock } = await createBench();
  const people = new People({ db, clock, sessionMs: SESSION_MS });
  /** admin with the password `secret`, hashed at a cost that tests can bear. */
  const addAdmin = async () => {
    const password_hash = await hashPassword('secret', 16);
    await db.insertInto('person').values({ username: 'admin', password_hash, role: 'admin', created_ms: 0 }).execute();
  };
  return { people, db, clock, addAdmin };
}

describe('passwords', () => {
  test('the same password has another hash each time, and only it fits', async () => {
    const [a, b] = await Promise.all([hashPassword('secret'), hashPassword('secret')]);
    expect(a).not.toBe(b);
    expect(await verifyPassword('secret', a)).toBe(true);
    expect(await verifyPassword('Secret', a)).toBe(false);
    expect(await verifyPassword('secret', 'plain')).toBe(false);
  });
});

describe('People', () => {
  test('a login opens a session that ends by itself', async () => {
    const { people, clock, addAdmin } = await createPeople();
    await addAdmin();
    const { token, expiresAtMs } = await people.login('admin', 'secret', 'a');
    expect(expiresAtMs).toBe(clock.nowMs() + SESSION_MS);
    expect(await people.personOf(token)).toEqual({ username: 'admin', role: 'admin', scopes: ['all'] });
    await clock.advance(SESSION_MS);
    expect(await people.personOf(token)).toBeUndefined();
  });

  test('a logout ends this session only, and no token stands in the store', async () => {
    const { people, db, addAdmin } = await createPeople();
    await addAdmin();
    const first = await people.login('admin', 'secret', 'a');
    const second = await people.login('admin', 'secret', 'a');
    const rows = JSON.stringify(await db.selectFrom('login_session').selectAll().execute());
    expect(rows).not.toContain(first.token);
    await people.logout(first.token);
    expect(await people.personOf(first.token)).toBeUndefined();
    expect(await people.personOf(second.token)).toBeDefined();
  });

  test('wrong passwords are refused, then the source is slowed down', async () => {
    const { people, clock, addAdmin } = await createPeople();
    await addAdmin();
    const failed = { code: 'CLOUD_LOGIN_FAILED' };
    await expect(people.login('nobody', 'secret', 'a')).rejects.toMatchObject(failed);
    for (let guess = 0; guess < 10; guess += 1) {
      await expect(people.login('admin', `guess ${guess}`, 'a')).rejects.toMatchObject(failed);
    }
    await expect(people.login('admin', 'secret', 'a')).rejects.toMatchObject({
      code: 'CLOUD_LOGIN_LIMITED',
      details: { retryAfterSecs: 60 },
    });
    expect(await people.login('admin', 'secret', 'b')).toHaveProperty('token');
    // The pause is a minute, whatever becomes of the wall clock.
    clock.jump(-86_400_000);
    await clock.advance(60_001);
    expect(await people.login('admin', 'secret', 'a')).toHaveProperty('token');
  });

  test('the sessions of one user are bounded', async () => {
    const { people, db, clock, addAdmin } = await createPeople();
    await addAdmin();
    const row = (n: number) => ({
      token_hash: `t${n}`,
      ...{ id: `i${n}`, address: '', agent: '', last_used_ms: 0 },
      username: 'admin',
      created_ms: n,
      expires_ms: clock.nowMs() + 1e6,
    });
    await db
      .insertInto('login_session')
      .values(Array.from({ length: 150 }, (_, n) => row(n)))
      .execute();
    await people.login('admin', 'secret', 'a');
    const rows = await db.selectFrom('login_session').select('token_hash').execute();
    expect(rows).toHaveLength(100);
    expect(rows.map((r) => r.token_hash)).not.toContain('t50');
  });
});

describe('first start', () => {
  test('makes the user admin with a random secret in a file for its owner only', async () => {
    const { people } = await createPeople();
    await ensureAdmin(people, folder);
    const path = join(folder, 'admin-secret');
    const secret = (await readFile(path, 'utf8')).trim();
    expect(secret.length).toBeGreaterThanOrEqual(32);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await people.login('admin', secret, 'a')).toHaveProperty('token');
    await ensureAdmin(people, folder);
    expect((await readFile(path, 'utf8')).trim()).toBe(secret);
  });

  test('takes the rights of others away from a secret that lay open', async () => {
    const path = join(folder, 'token');
    const made = await ensureSecretFile(path);
    await chmod(path, 0o644);
    expect(await ensureSecretFile(path)).toBe(made);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});

describe('mayDo()', () => {
  test.each([
    ['viewer', 'read', true],
    ['viewer', 'operate', false],
    ['operator', 'deploy', false],
    ['deployer', 'deploy', true],
    ['deployer', 'admin', false],
    ['admin', 'admin', true],
    ['constructor', 'read', false],
  ] as const)('%s %s: %s', (role, right, wanted) => {
    expect(mayDo({ role }, right)).toBe(wanted);
  });
});
