// The evaluation's loop: what wakes it, two replicas over one store, a device that fails, claims of a replica that died, rounds.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { type DeploymentBench, openBench, quickstartContent } from '../../test/deployment-bench.ts';
import {
  CLAIM_MS,
  claimDue,
  countDue,
  markDue,
  ROUND_STEP_DEVICES,
  requestRound,
  stepRound,
} from './evaluation-queue.ts';
import { Evaluator } from './evaluator.ts';

/** The machine may be busy with other suites. */
jest.setTimeout(30_000);

let bench: DeploymentBench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.db.destroy());

const base = (targetCondition: string) => ({
  content: { modulesContent: quickstartContent() } as JsonObject,
  targetCondition,
});
const second = () => {
  const { db, clock, bus, registry, twins } = bench;
  const logger = { error: () => undefined } as never;
  return new Evaluator({ db, clock, logger, bus, registry, twins });
};
const agentVersion = async (deviceId: string) => (await bench.twins.get(deviceId, '$edgeAgent'))!.desiredVersion;
/** Turns of the event loop until it holds. */
async function untilHolds(holds: () => Promise<boolean>): Promise<void> {
  for (let turns = 0; !(await holds()); turns += 1) {
    if (turns > 20_000) throw new Error('It never came to hold');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('what wakes a running evaluator', () => {
  test('tags, new identities, configurations, and reports that matter, no others', async () => {
    await bench.registry.createDevice('d', { iotEdge: true });
    await bench.evaluator.start();
    try {
      await bench.configurations.create('base', base('tags.a = 1 OR properties.reported.ready = true'));
      const status = async (id: string) => (await bench.twins.get(id))!.configurations;
      const isApplied = async (id: string) => JSON.stringify(await status(id)) === '{"base":{"status":"Applied"}}';
      await bench.twins.change('d', undefined, { tags: { a: 1 } }, '*');
      await untilHolds(() => isApplied('d'));
      await bench.registry.createDevice('e', { iotEdge: true });
      await bench.twins.report('e', undefined, { ready: true }, undefined);
      await untilHolds(() => isApplied('e'));
      const lastDesiredVersion = await agentVersion('d');
      const report = { lastDesiredVersion, lastDesiredStatus: { code: 200 } };
      await bench.twins.report('d', '$edgeAgent', report, undefined);
      const successes = async () => (await bench.configurations.get('base')).counts.reportedSuccessful;
      await untilHolds(async () => (await successes()) === 1);
      await untilHolds(async () => (await countDue(bench.db)) === 0);
      const due: string[] = [];
      const claim = bench.twins.report('d', undefined, { temperature: 4 }, undefined);
      await claim;
      await bench.evaluator.step();
      for (const { deviceId } of await claimDue(bench.db, 10, bench.clock.nowMs())) due.push(deviceId);
      expect(due).toEqual([]);
    } finally {
      await bench.evaluator.stop();
    }
  });
});

describe('replicas', () => {
  test('two over one store share the work: each device is written once', async () => {
    const fleet = Array.from({ length: 24 }, (_, n) => `n${n}`);
    for (const deviceId of fleet) await bench.registry.createDevice(deviceId, { iotEdge: true });
    await bench.configurations.create('base', base('*'));
    const told: string[] = [];
    bench.bus.on('desired', ({ deviceId, moduleId }) => moduleId === '$edgeAgent' && told.push(deviceId));
    const run = async (evaluator: Evaluator) => {
      while ((await evaluator.step()) || (await countDue(bench.db)) > 0)
        await new Promise((resolve) => setImmediate(resolve));
    };
    await Promise.all([run(bench.evaluator), run(second())]);
    expect(told.sort()).toEqual([...fleet].sort());
    expect(await Promise.all(fleet.map(agentVersion))).toEqual(fleet.map(() => 2));
    expect((await bench.configurations.get('base')).counts).toMatchObject({ targeted: 24, applied: 24 });
  });

  test('what a dead one had claimed is taken when its claim has ended', async () => {
    await bench.registry.createDevice('d', { iotEdge: true });
    const { db, clock } = bench;
    expect(await claimDue(db, 10, clock.nowMs())).toHaveLength(1);
    expect(await claimDue(db, 10, clock.nowMs())).toEqual([]);
    clock.jump(CLAIM_MS);
    expect(await claimDue(db, 10, clock.nowMs())).toMatchObject([{ deviceId: 'd' }]);
  });

  test('a device that became due during its evaluation stays due', async () => {
    await bench.registry.createDevice('d', { iotEdge: true });
    await bench.settle();
    const { db, clock } = bench;
    await markDue(db, ['d'], 'ann', clock.nowMs());
    const end = bench.bus.on('desired', () => undefined);
    const evaluate = bench.evaluator.evaluate.bind(bench.evaluator);
    bench.evaluator.evaluate = async (trx, ...rest) => {
      await markDue(trx, ['d'], 'bob', clock.nowMs());
      return evaluate(trx, ...rest);
    };
    await bench.evaluator.step();
    bench.evaluator.evaluate = evaluate;
    end();
    expect(await claimDue(db, 10, clock.nowMs())).toMatchObject([{ deviceId: 'd', cause: { by: 'bob' } }]);
  });

  test('a device that cannot be evaluated is tried later and holds up no other', async () => {
    for (const id of ['a', 'bad', 'c']) await bench.registry.createDevice(id, { iotEdge: true });
    await bench.db.updateTable('twin').set({ desired: 'no json' }).where('device_id', '=', 'bad').execute();
    await bench.configurations.create('base', base('*'));
    await bench.settle();
    expect([await agentVersion('a'), await agentVersion('c')]).toEqual([2, 2]);
    expect(bench.log.join()).toContain('deviceId=bad');
    expect(await countDue(bench.db)).toBe(1);
  });
});

describe('a round', () => {
  test('goes once around from where it stands, also when it is asked for again and again', async () => {
    const { db, clock } = bench;
    const ids = Array.from({ length: 2 * ROUND_STEP_DEVICES + 5 }, (_, n) => `n${String(n).padStart(4, '0')}`);
    const rows = await Promise.all([bench.registry.createDevice('m', {})]);
    expect(rows).toHaveLength(1);
    const identity = await db.selectFrom('identity').selectAll().where('device_id', '=', 'm').executeTakeFirstOrThrow();
    for (let from = 0; from < ids.length; from += 20) {
      await db
        .insertInto('identity')
        .values(ids.slice(from, from + 20).map((device_id) => ({ ...identity, device_id })))
        .execute();
    }
    const all = ['m', ...ids].sort();
    const step = async () => {
      await stepRound(db, clock.nowMs());
      return (await claimDue(db, 1_000, clock.nowMs())).map(({ deviceId }) => deviceId);
    };
    const empty = () => db.deleteFrom('evaluation_due').execute();
    await empty();
    await requestRound(db, '', clock.nowMs());
    const first = await step();
    await empty();
    // Asked again in the middle: what was done is done once more, at the end.
    await requestRound(db, '', clock.nowMs());
    const seen: string[] = [];
    for (let found = await step(); found.length > 0; found = await step()) {
      await empty();
      seen.push(...found);
    }
    expect(first).toEqual(all.slice(0, ROUND_STEP_DEVICES));
    expect(seen).toEqual([...all.slice(ROUND_STEP_DEVICES), ...first]);
    expect(await stepRound(db, clock.nowMs())).toBe(false);
  });
});
