// Seeded runs of the whole loop over the model engine: random deployments, crashes, faults; then peace, and everything must settle.
// Replay one run: WAYSIDE_SIMULATION_SEED=123 npm run simulate -w modules/agent; more of them: WAYSIDE_SIMULATION_RUNS=200

import { describe, expect, test } from '@jest/globals';
import { AGENT, aModule, desiredOf } from '../../test/builders.ts';
import type { EngineCall } from '../../test/model-engine.ts';
import { ReconcileBench } from '../../test/reconcile-bench.ts';
import type { Desired, DesiredModule } from './model.ts';

const SEEDS = process.env.WAYSIDE_SIMULATION_SEED
  ? [Number(process.env.WAYSIDE_SIMULATION_SEED)]
  : Array.from({ length: Number(process.env.WAYSIDE_SIMULATION_RUNS ?? 4) }, (_, index) => index + 1);
const TURMOIL_STEPS = 30;
/** Longest back-off of an update is an hour; peace has to outlast it. */
const PEACE_MS = 3_700_000;

/** mulberry32: small, seeded, good enough to choose cases. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Turmoil {
  readonly random: () => number;
  faultShare = 0;
  constructor(seed: number) {
    this.random = randomOf(seed);
  }
  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)] as T;
  }
  modules(): DesiredModule[] {
    return ['edgeHub', 'a', 'b', 'c'].flatMap((name) => {
      if (name !== 'edgeHub' && this.random() < 0.3) return [];
      return aModule({
        name,
        image: `repo/${name}:${this.pick([1, 2, 3])}`,
        startupOrder: this.pick([0, 1, 4294967295]),
        status: name !== 'edgeHub' && this.random() < 0.2 ? 'stopped' : 'running',
        restartPolicy: 'always',
        env: this.random() < 0.3 ? { A: String(this.pick([1, 2])) } : {},
      });
    });
  }
}

function settled(bench: ReconcileBench, desired: Desired): void {
  const wanted = desired.modules.map(({ name, image, status }) => [name, image, status]).sort();
  const found = [...bench.engine.containers.values()].map(({ name, image, state }) => [name, image, state]).sort();
  expect(found).toEqual(wanted);
  const own = [...bench.engine.identities].filter((id) => !id.startsWith('$')).sort();
  expect(own).toEqual(
    desired.modules
      .map(({ name }) => name)
      .filter((name) => name !== 'edgeHub')
      .sort(),
  );
}

/** Nothing that runs is stopped before the image that takes its place is on the node; nothing is started after it was removed. */
function checkCalls(calls: readonly EngineCall[], images: ReadonlyMap<EngineCall, boolean>): void {
  for (const entry of calls)
    if (entry.call === 'replaceModule') expect([entry, images.get(entry)]).toEqual([entry, true]);
}

describe.each(SEEDS)('simulation, seed %i', (seed) => {
  test('settles, then rests; keeps what runs until its replacement is here', async () => {
    const turmoil = new Turmoil(seed);
    const imageWasThere = new Map<EngineCall, boolean>();
    const bench = new ReconcileBench({
      fault: (entry) => {
        if (entry.call === 'replaceModule') imageWasThere.set(entry, bench.engine.images.has(entry.image ?? ''));
        if (turmoil.random() < turmoil.faultShare) throw new Error('engine trouble');
      },
      healthOf: () => turmoil.pick([undefined, 'healthy']),
      prepareDelayMs: () => Math.floor(turmoil.random() * 20_000),
    });
    for (const name of ['edgeHub', 'a', 'b', 'c'])
      for (const tag of [1, 2, 3]) bench.registry.add(`repo/${name}:${tag}`);
    bench.start();
    let desired = desiredOf(turmoil.modules(), 1, AGENT);
    bench.deploy(desired);
    turmoil.faultShare = 0.2;
    for (let step = 2; step < TURMOIL_STEPS; step += 1) {
      await bench.pass(Math.floor(turmoil.random() * 40_000));
      const names = [...bench.engine.containers.keys()];
      const act = turmoil.random();
      if (act < 0.4 && names.length > 0) bench.engine.end(turmoil.pick(names), turmoil.pick([0, 1, 137]));
      else if (act < 0.5 && names.length > 0) bench.engine.containers.delete(turmoil.pick(names));
      else if (act < 0.7) {
        desired = desiredOf(turmoil.modules(), step, AGENT);
        bench.deploy(desired);
      }
    }
    turmoil.faultShare = 0;
    await bench.clock.advance(PEACE_MS);
    settled(bench, desired);
    expect(bench.last.lastDesired).toEqual({ version: desired.deploymentVersion, code: 200, description: '' });
    checkCalls(bench.engine.calls, imageWasThere);
    bench.calls();
    await bench.clock.advance(60_000);
    expect(bench.calls()).toEqual([]);
    await bench.stop();
  });
});
