import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openTestStore } from '../../test/store-under-test.ts';
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

  test('a commit that fails fails every job, and the next group works', async () => {
    const broken = commits.run(async (trx) => {
      await put('lost')(trx);
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
