// The loop: observe, plan, run, again. Level-triggered: every round starts from what the engine says, not from what was planned.
//
// INVARIANTS
// - One round or user action at a time (SingleFlight); actions go first.
// - A round never waits for an image, the cloud or a timer; only for steps it runs itself.
// - The snapshot is published before steps run and after nothing is left to do, so that the outside sees why.

import { backoffDelayMs, type Clock, describeError, type Logger, SingleFlight } from '@wayside/kit';
import type { AgentDesired } from '@wayside/protocol';
import type { ContainerEngine } from '../daemon/management-client.ts';
import { isSameContainer } from '../plan/fingerprint.ts';
import {
  type Attempt,
  type Desired,
  type DesiredModule,
  type Facts,
  type ObservedModule,
  type Plan,
  type PlanSettings,
  type Step,
  stepKey,
} from '../plan/model.ts';
import { neededImages, plan } from '../plan/plan.ts';
import { buildSnapshot } from '../report/build-snapshot.ts';
import type { LastDesired, Snapshot } from '../report/snapshot.ts';
import { deploymentStatus } from './deployment-status.ts';
import { EXECUTORS, type StepPorts } from './executors.ts';
import type { ImagePulls } from './image-pulls.ts';
import { KnownIdentities } from './known-identities.ts';
import type { ModuleMemory } from './module-memory.ts';
import { type StepOutcome, StepRunner } from './step-runner.ts';

/** How often the engine is looked at when nothing calls; a killed module is seen this soon. */
export const OBSERVE_PERIOD_MS = 2000;
/** Between a round that did something and the next look. */
const ROUND_GAP_MS = 50;
/** Rounds in a row that did something; more than this is a quarrel with the engine and goes on at the ordinary pace. */
const BUSY_ROUNDS_MAX = 40;
const AGENT_UPDATE_RETRY_BASE_MS = 300_000;
const AGENT_UPDATE_RETRY_MAX_MS = 3_600_000;

/** A deployment, or the reason why one cannot be used. */
export type Deployment =
  | { version: number; parsed: AgentDesired; desired: Desired }
  | { version: number; failure: { code: 400 | 412 | 417; description: string } };

export interface ReconcilerOptions {
  engine: ContainerEngine;
  memory: ModuleMemory;
  /** Made with the given wake function. */
  pulls: ImagePulls;
  clock: Clock;
  logger: Logger;
  settings: PlanSettings;
  onSnapshot: (snapshot: Snapshot) => void;
  onOutcome?: (outcome: StepOutcome) => void;
  observePeriodMs?: number;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #runner: StepRunner;
  readonly #flight: SingleFlight<void>;
  readonly #seenRunning = new Set<string>();
  readonly #groupWaitSinceMs = new Map<number, number>();
  #applied: Extract<Deployment, { parsed: AgentDesired }> | undefined;
  #refused: LastDesired | undefined;
  readonly #identities: KnownIdentities;
  #snapshot: Snapshot | undefined;
  #wake: () => void = () => undefined;
  #isWoken = false;
  /** Set by a round: when the next one is due at the latest. */
  #nextRoundMs = 0;
  #engineFault = '';
  #busyRounds = 0;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    const { clock, logger, onOutcome } = options;
    this.#runner = new StepRunner({ execute: (step, signal) => this.#execute(step, signal), clock, logger, onOutcome });
    this.#identities = new KnownIdentities(options.engine, clock, logger, () => this.wake());
    this.#flight = new SingleFlight<void>((_wish, signal) => this.#round(signal));
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** A new deployment is acted on at once. */
  setDeployment(deployment: Deployment): void {
    if ('failure' in deployment) {
      this.#refused = { version: deployment.version, ...deployment.failure };
    } else {
      this.#refused = undefined;
      const isNew = this.#applied?.version !== deployment.version;
      this.#applied = deployment;
      if (isNew) this.#runner.forgetAll();
      this.#options.pulls.retain(neededImages(deployment.desired));
      this.#groupWaitSinceMs.clear();
      this.#identities.refresh();
    }
    this.wake();
  }

  /** Look now instead of at the end of the period. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** RestartModule: stop and start through the daemon; a module that was given up gets a new chance. */
  async restartModule(name: string): Promise<void> {
    const { engine, memory } = this.#options;
    await this.#flight.act(async () => {
      await memory.mark(name, { stoppedOnPurpose: true });
      await engine.stopModule(name);
      await engine.startModule(name);
      await memory.mark(name, { stoppedOnPurpose: false, completed: false });
      await memory.resetRestarts(name);
    });
    this.wake();
  }

  /** Rounds until the signal aborts. A failed round is logged and followed by the next. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    signal.addEventListener('abort', () => void this.#flight.close(), { once: true });
    while (!signal.aborted) {
      this.#isWoken = false;
      await this.#flight.request(undefined).catch((error: unknown) => {
        if (signal.aborted) return;
        this.#nextRoundMs = this.#periodMs;
        logger.error('Round failed', { error });
      });
      if (signal.aborted || this.#isWoken) continue;
      await this.#pause(clock, signal);
    }
    await this.#flight.close();
  }

  get #periodMs(): number {
    return this.#options.observePeriodMs ?? OBSERVE_PERIOD_MS;
  }

  async #pause(clock: Clock, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    try {
      await clock.sleep(this.#nextRoundMs, AbortSignal.any([signal, woken.signal]));
    } catch {
      // Woken or stopped: both are looked at by the loop.
    } finally {
      this.#wake = () => undefined;
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { engine, clock, memory } = this.#options;
    const modules = await engine.listModules(signal).catch((error: unknown) => this.#onEngineFault(error));
    this.#nextRoundMs = this.#periodMs;
    if (!modules) return;
    this.#engineFault = '';
    const observed = new Map(modules.map((module) => [module.name, module]));
    const applied = this.#applied;
    if (!applied) {
      this.#publish(undefined, observed);
      return;
    }
    await this.#remember(applied.desired, observed);
    const identities = await this.#identities.current();
    const facts = this.#facts(applied.desired, observed);
    const next = plan(applied.desired, { modules: observed, identities }, facts);
    const concerned = [...next.stages.flat().map((step) => step.name), ...next.waits.map((wait) => wait.subject)];
    this.#runner.forgetUnwanted(new Set(concerned), facts.nowMs);
    this.#trackGroupWaits(next, facts.nowMs);
    const status = deploymentStatus(
      applied.desired,
      next,
      { attempts: this.#runner.attempts, images: facts.images },
      memory.lastDesired,
    );
    await memory.setLastDesired(status);
    this.#publish(next, observed);
    if (next.stages.length > 0) {
      await this.#runner.run(next.stages, signal);
      this.#busyRounds += 1;
      this.#nextRoundMs = this.#busyRounds > BUSY_ROUNDS_MAX ? this.#periodMs : ROUND_GAP_MS;
      return;
    }
    this.#busyRounds = 0;
    const dueMs = next.waits.map((wait) => (wait.untilMs ?? Number.POSITIVE_INFINITY) - clock.nowMs());
    this.#nextRoundMs = Math.max(ROUND_GAP_MS, Math.min(this.#periodMs, ...dueMs));
  }

  #onEngineFault(error: unknown): undefined {
    const text = describeError(error);
    if (text !== this.#engineFault) this.#options.logger.error('Daemon does not list the modules', { error });
    this.#engineFault = text;
    return undefined;
  }

  async #execute(step: Step, signal: AbortSignal): Promise<void> {
    const { engine, memory, pulls, clock, logger } = this.#options;
    const applied = this.#applied;
    if (!applied) return;
    const ports: StepPorts = {
      engine,
      memory,
      pulls,
      clock,
      logger,
      specContext: {
        deploymentVersion: applied.version,
        registryCredentials: applied.parsed.runtime.registryCredentials,
      },
    };
    // The mapped type guarantees the pair; the compiler cannot follow it through a lookup.
    const execute = EXECUTORS[step.kind] as (step: Step, ports: StepPorts, signal: AbortSignal) => Promise<void>;
    await execute(step, ports, signal);
    if (step.kind === 'createIdentity') this.#identities.add(step.moduleId);
    if (step.kind === 'deleteIdentity') this.#identities.remove(step.moduleId);
  }

  /** Facts that come from comparing two looks: what ended by itself, what runs well. */
  async #remember(desired: Desired, observed: ReadonlyMap<string, ObservedModule>): Promise<void> {
    const { memory, logger } = this.#options;
    await memory
      .loadLastGood()
      .catch((error: unknown) => logger.warn('Versions that ran before cannot be read', { error }));
    const good: DesiredModule[] = [];
    for (const module of desired.modules) {
      const container = observed.get(module.name);
      if (!container) continue;
      if (container.state === 'running') {
        this.#seenRunning.add(module.name);
        const isKnown = memory.lastGood.get(module.name)?.fingerprint === module.fingerprint;
        if (!isKnown && isSameContainer(module, container)) good.push(module);
        if (module.status === 'running') await memory.mark(module.name, { stoppedOnPurpose: false, completed: false });
      } else if (container.state === 'stopped' && this.#seenRunning.has(module.name)) {
        if (!memory.historyOf(module.name).stoppedOnPurpose) await memory.mark(module.name, { completed: true });
      }
    }
    await memory
      .setLastGood(good)
      .catch((error: unknown) => logger.warn('Versions that run cannot be remembered', { error }));
    const agent = observed.get('edgeAgent');
    if (agent && isSameContainer(desired.edgeAgent, agent)) await memory.clearAgentUpdate();
  }

  #facts(desired: Desired, observed: ReadonlyMap<string, ObservedModule>): Facts {
    const { clock, settings, memory, pulls } = this.#options;
    const attempts = new Map(this.#runner.attempts);
    const stuck = this.#stuckAgentUpdate(desired, observed);
    if (stuck) attempts.set(stepKey('updateAgent', 'edgeAgent'), stuck);
    return {
      nowMs: clock.nowMs(),
      settings,
      history: memory.history,
      images: pulls.states(),
      attempts,
      lastGood: new Map([...memory.lastGood].map(([name, module]) => [name, module.fingerprint])),
      seenRunning: this.#seenRunning,
      groupWaitSinceMs: this.#groupWaitSinceMs,
    };
  }

  /** An agent that replaced itself and still does not match must not do so in a circle: the tries are counted on disk. */
  #stuckAgentUpdate(desired: Desired, observed: ReadonlyMap<string, ObservedModule>): Attempt | undefined {
    const update = this.#options.memory.agentUpdate;
    const container = observed.get('edgeAgent');
    if (!update || !container || update.fingerprint !== desired.edgeAgent.fingerprint) return undefined;
    const delayMs = backoffDelayMs({
      attempt: update.count - 1,
      baseMs: AGENT_UPDATE_RETRY_BASE_MS,
      maxMs: AGENT_UPDATE_RETRY_MAX_MS,
    });
    return {
      count: update.count,
      nextAtMs: update.lastAtMs + delayMs,
      lastError: `edgeAgent runs ${container.image} and still differs from the deployment`,
    };
  }

  #trackGroupWaits(next: Plan, nowMs: number): void {
    const orders = new Set(next.waits.flatMap((wait) => (wait.order === undefined ? [] : [wait.order])));
    for (const order of orders) if (!this.#groupWaitSinceMs.has(order)) this.#groupWaitSinceMs.set(order, nowMs);
  }

  #publish(next: Plan | undefined, observed: ReadonlyMap<string, ObservedModule>): void {
    const { clock, memory, onSnapshot } = this.#options;
    this.#snapshot = buildSnapshot({
      nowMs: clock.nowMs(),
      desired: this.#applied?.desired,
      runtime: this.#applied?.parsed.runtime,
      lastDesired: this.#refused ?? memory.lastDesired,
      statuses: next?.statuses,
      observed,
      memory,
    });
    onSnapshot(this.#snapshot);
  }
}
