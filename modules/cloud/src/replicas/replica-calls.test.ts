import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { silentLogger, systemClock } from '@wayside/kit';
import { type JoinedReplica, JoinedReplicas } from '../../test/joined-replicas.ts';
import { openTestStore } from '../../test/store-under-test.ts';
import { refusal } from '../errors.ts';
import type { Db } from '../store/tables.ts';
import { LeaderWork } from './leader-work.ts';
import { ReplicaCalls } from './replica-calls.ts';

const TIMEOUT_MS = 60_000;
let db: Db;
let all: JoinedReplicas;
let members: { replica: JoinedReplica; calls: ReplicaCalls }[];
beforeEach(async () => {
  db = await openTestStore();
  all = new JoinedReplicas();
  members = [1, 2].map(() => {
    const replica = all.join();
    return { replica, calls: new ReplicaCalls({ db, replicas: replica, clock: systemClock, logger: silentLogger }) };
  });
});
afterEach(async () => {
  for (const { calls } of members) await calls.close();
});

const rows = async () => (await db.selectFrom('replica_call').select('id').execute()).length;

describe('ReplicaCalls', () => {
  test('gives the answer of the other replica, and leaves no row', async () => {
    const [one, two] = members;
    two!.calls.handle('double', async ({ n }) => Number(n) * 2);
    const answers = await Promise.all([1, 2, 3].map((n) => one!.calls.call(2, 'double', { n }, TIMEOUT_MS)));
    expect(answers).toEqual([2, 4, 6]);
    await one!.calls.close();
    expect(await rows()).toBe(0);
  });

  test('a refusal comes back with its code and details; a fault without its words', async () => {
    const [one, two] = members;
    two!.calls.handle('refuse', async () => {
      throw refusal('CLOUD_PREFIX_NOT_FOUND', 'Cannot decide', { prefix: 'x' });
    });
    two!.calls.handle('break', async () => {
      throw new Error('password=secret');
    });
    await expect(one!.calls.call(2, 'refuse', {}, TIMEOUT_MS)).rejects.toMatchObject({
      ...{ code: 'CLOUD_PREFIX_NOT_FOUND', message: 'Cannot decide', details: { prefix: 'x' } },
    });
    const broken = one!.calls.call(2, 'break', {}, TIMEOUT_MS);
    await expect(broken).rejects.toMatchObject({
      code: 'CLOUD_INTERNAL',
      message: expect.not.stringContaining('secret'),
    });
  });

  test('a replica that ended refuses those that wait for it at once', async () => {
    const [one, two] = members;
    two!.replica.isHeard = false;
    const waiting = one!.calls.call(2, 'double', { n: 1 }, TIMEOUT_MS);
    one!.replica.hear('gone', ['2']);
    await expect(waiting).rejects.toMatchObject({ code: 'CLOUD_REPLICA_GONE' });
  });

  test('notices that were lost are made up for after the gap, on both sides', async () => {
    const [one, two] = members;
    let runs = 0;
    two!.calls.handle('count', async () => {
      runs += 1;
      return runs;
    });
    two!.replica.isHeard = false;
    const asked = one!.calls.call(2, 'count', {}, TIMEOUT_MS);
    while ((await rows()) === 0) await new Promise((resolve) => setImmediate(resolve));
    one!.replica.isHeard = false;
    two!.replica.gap(0);
    const answered = async () =>
      (await db.selectFrom('replica_call').select('answer').executeTakeFirst())?.answer !== null;
    while (!(await answered())) await new Promise((resolve) => setImmediate(resolve));
    one!.replica.gap(0);
    expect(await asked).toBe(1);
    two!.replica.gap(0);
    await two!.calls.close();
    expect(runs).toBe(1);
  });
});

describe('LeaderWork', () => {
  test('is done by whichever leads, its refusals come back', async () => {
    const seen: string[] = [];
    const works = members.map(({ replica, calls }) => {
      const work = new LeaderWork({ replicas: replica, calls, clock: systemClock });
      work.handle('note', async ({ text }) => {
        seen.push(`${replica.number} ${text}`);
        return null;
      });
      return work;
    });
    for (const leaderNumber of [1, 2]) {
      all.leaderNumber = leaderNumber;
      for (const [index, work] of works.entries()) await work.ask('note', { text: `from ${index + 1}` });
    }
    expect(seen).toEqual(['1 from 1', '1 from 2', '2 from 1', '2 from 2']);
  });
});
