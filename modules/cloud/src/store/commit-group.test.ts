import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { isOnPostgres, openTestStore } from '../../test/store-under-test.ts';
import { CommitGroup } from './commit-group.ts';
import type { Db } from './tables.ts';

let db: Db;
let commits: CommitGroup;
beforeEach(async () => {
  db = await openTestStore();
  commits = new CommitGroup(db);
});
afterEach(() => db.destroy());

const put = (name: string) => async (trx: Db) => {
  await trx.insertInto('policy').values({ name, primary_key: 'p', secondary_key: 's' }).execute();
  return name;
};
const names = async () =>
  (await db.selectFrom('policy').select('name').orderBy('name').execute()).map((row) => row.name);

describe('CommitGroup', () => {
  test('runs jobs in order, each seeing the writes before it', async () => {
    const seen = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        commits.run(async (trx) => {
          await put(name)(trx);
          return (await trx.selectFrom('policy').select('name').execute()).length;
        }),
      ),
    );
    expect(seen).toEqual([1, 2, 3]);
  });

  test('a job that refuses fails alone; the others of its group are on disk', async () => {
    const results = await Promise.allSettled([
      commits.run(put('a')),
      commits.run(async () => {
        throw new Error('refused');
      }),
      commits.run(put('b')),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await names()).toEqual(['a', 'b']);
  });

  test('a job whose statement fails fails alone; the others of its group are on disk', async () => {
    const results = await Promise.allSettled([
      commits.run(put('a')),
      commits.run(put('a')),
      commits.run(async (trx) => [await put('b')(trx), await put('c')(trx)]),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await names()).toEqual(['a', 'b', 'c']);
  });

  test('jobs of one key keep their order beside those of others', async () => {
    const seen: string[] = [];
    const writes = Array.from({ length: 60 }, (_, n) => {
      const key = `k${n % 5}`;
      return commits.run(async (trx) => {
        await put(`${key} ${n}`)(trx);
        seen.push(`${key} ${n}`);
      }, key);
    });
    await Promise.all(writes);
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4']) {
      const numbers = seen.filter((text) => text.startsWith(key)).map((text) => Number(text.split(' ')[1]));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(numbers).toHaveLength(12);
    }
  });

  test('a commit that fails fails every job, and the next group works', async () => {
    const broken = commits.run(async (trx) => {
      await put('lost')(trx);
      if (isOnPostgres) {
        // The server ends the connection under it.
        await sql`select pg_terminate_backend(pg_backend_pid())`.execute(trx).catch(() => undefined);
        return;
      }
      // Ends the transaction behind kysely's back: its COMMIT then fails.
      await trx.executeQuery({ sql: 'rollback', parameters: [], query: { kind: 'RawNode' }, queryId: {} } as never);
    });
    const sameGroup = commits.run(put('a'));
    const outcome = await Promise.allSettled([broken, sameGroup]);
    expect(outcome.map((result) => result.status)).toEqual(['rejected', 'rejected']);
    expect(await commits.run(put('b'))).toBe('b');
  });

  test('a caller that never pauses leaves the event loop its turns', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 0);
    for (let n = 0; n < 200; n += 1) await commits.run(put(`n${n}`));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  });

  test('idle() waits for all that was given', async () => {
    const done: string[] = [];
    for (let n = 0; n < 600; n += 1) void commits.run(put(`n${n}`)).then((name) => done.push(name));
    await commits.idle();
    await Promise.resolve();
    expect(await names()).toHaveLength(600);
    expect(done).toHaveLength(600);
  });
});
