// Store, registry, twins and evaluator for the tests of deployments; evaluation runs when the test says so.

import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { createLogger, FakeClock } from '@wayside/kit';
import type { JsonObject, ModulesContent } from '@wayside/protocol';
import { Configurations } from '../src/deployments/configurations.ts';
import { Evaluator } from '../src/deployments/evaluator.ts';
import { Registry } from '../src/identity/registry.ts';
import { PlatformBus } from '../src/platform-events.ts';
import { CommitGroup } from '../src/store/commit-group.ts';
import type { Db } from '../src/store/tables.ts';
import { TwinService } from '../src/twins/twin-service.ts';
import { openTestStore } from './store-under-test.ts';

const STEPS_MAX = 1_000;

export interface DeploymentBench {
  db: Db;
  clock: FakeClock;
  bus: PlatformBus;
  registry: Registry;
  twins: TwinService;
  evaluator: Evaluator;
  configurations: Configurations;
  log: string[];
  /** Evaluates until nothing is due. */
  settle(): Promise<void>;
}

export async function openBench(): Promise<DeploymentBench> {
  const log: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      log.push(String(chunk));
      done();
    },
  });
  const logger = createLogger({ module: 'test', stream });
  const db = await openTestStore();
  const clock = new FakeClock();
  const bus = new PlatformBus(logger);
  const registry = new Registry({ db, clock, bus });
  const twins = new TwinService({ db, commits: new CommitGroup(db), clock, bus });
  const evaluator = new Evaluator({ db, clock, logger, bus, registry, twins });
  const configurations = new Configurations({ db, clock, wake: () => evaluator.wake() });
  const settle = async () => {
    for (let steps = 0; await evaluator.step(); steps += 1) {
      if (steps > STEPS_MAX) throw new Error(`The fleet does not come to rest within ${STEPS_MAX} steps`);
    }
  };
  return { db, clock, bus, registry, twins, evaluator, configurations, log, settle };
}

/** The quickstart's manifest, a new copy. */
export function quickstartContent(): ModulesContent {
  return JSON.parse(readFileSync(new URL('../../../deployment/quickstart.json', import.meta.url), 'utf8'))
    .modulesContent;
}

export function modulesOf(content: ModulesContent): { [name: string]: JsonObject } {
  return (content.$edgeAgent!['properties.desired'] as { modules: { [name: string]: JsonObject } }).modules;
}
