// A reconciler over the model engine and a clock moved by hand.

import { FakeClock } from '@wayside/kit';
import type { AgentDesired, RegistryCredential } from '@wayside/protocol';
import type { Desired } from '../src/plan/model.ts';
import { ImagePulls } from '../src/reconcile/image-pulls.ts';
import { ModuleMemory } from '../src/reconcile/module-memory.ts';
import { OBSERVE_PERIOD_MS, Reconciler } from '../src/reconcile/reconciler.ts';
import type { Snapshot } from '../src/report/snapshot.ts';
import { SETTINGS } from './builders.ts';
import { ModelEngine, type ModelEngineOptions } from './model-engine.ts';
import { quietLogger } from './quiet-logger.ts';

export class ReconcileBench {
  readonly clock = new FakeClock();
  readonly logger = quietLogger();
  readonly registry = new Set<string>();
  readonly engine: ModelEngine;
  readonly memory: ModuleMemory;
  readonly reconciler: Reconciler;
  readonly snapshots: Snapshot[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    options: Partial<ModelEngineOptions> & { memory?: ModuleMemory; prepareDelayMs?: (image: string) => number } = {},
  ) {
    this.engine = new ModelEngine({ nowMs: () => this.clock.nowMs(), registry: this.registry, ...options });
    this.memory =
      options.memory ?? new ModuleMemory({ statePath: undefined, lastGoodFile: undefined, logger: this.logger });
    const pulls = new ImagePulls({
      prepare: async (spec) => {
        const delayMs = options.prepareDelayMs?.(spec.config.settings.image) ?? 0;
        if (delayMs > 0) await this.clock.sleep(delayMs);
        await this.engine.prepareImage(spec);
      },
      clock: this.clock,
      logger: this.logger,
      onChange: () => this.reconciler.wake(),
    });
    this.reconciler = new Reconciler({
      engine: this.engine,
      memory: this.memory,
      pulls,
      clock: this.clock,
      logger: this.logger,
      settings: SETTINGS,
      onSnapshot: (snapshot) => this.snapshots.push(snapshot),
    });
  }

  start(): void {
    this.#running = this.reconciler.run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  deploy(desired: Desired, registryCredentials: RegistryCredential[] = []): void {
    const parsed = {
      schemaVersion: '1.1',
      runtime: { type: 'docker', minDockerVersion: '', registryCredentials },
    } as unknown as AgentDesired;
    this.reconciler.setDeployment({ version: desired.deploymentVersion, parsed, desired });
  }

  /** Lets time pass in small steps, so that every round between sees it. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= OBSERVE_PERIOD_MS)
      await this.clock.advance(Math.min(left, OBSERVE_PERIOD_MS));
  }

  get last(): Snapshot {
    const last = this.snapshots.at(-1);
    if (!last) throw new Error('no snapshot yet');
    return last;
  }

  status(name: string) {
    return this.last.modules.find((module) => module.name === name);
  }

  /** Calls since the last time this was asked, as `call name image`. */
  calls(): string[] {
    return this.engine.calls.splice(0).map(({ call, name, image }) => [call, name, image].filter(Boolean).join(' '));
  }
}
