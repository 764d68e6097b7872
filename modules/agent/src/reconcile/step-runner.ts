// Carries out the stages of a plan and keeps the retry history of each step. Knows no module and no engine.
//
// INVARIANTS
// - Stages run one after the other; chains (steps of one module) of a stage in parallel; steps of a chain in order.
// - A failed step ends its chain, never another one's.
// - The history is about one deployment version: forgetAll() when it changes.

import { backoffDelayMs, type Clock, describeError, type Logger } from '@wayside/kit';
import { type Attempt, type Step, type StepKind, stepKey } from '../plan/model.ts';

const STEP_RETRY_BASE_MS = 10_000;
const STEP_RETRY_MAX_MS = 300_000;
/** A failed update has cost the module a stop and a start: it is not repeated often. */
const UPDATE_RETRY_BASE_MS = 30_000;
const UPDATE_RETRY_MAX_MS = 3_600_000;

export interface StepOutcome {
  step: Step;
  isOk: boolean;
  durationMs: number;
}

export interface StepRunnerOptions {
  execute: (step: Step, signal: AbortSignal) => Promise<void>;
  clock: Clock;
  logger: Logger;
  onOutcome?: (outcome: StepOutcome) => void;
}

export class StepRunner {
  readonly #options: StepRunnerOptions;
  readonly #attempts = new Map<string, Attempt>();

  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  get attempts(): ReadonlyMap<string, Attempt> {
    return this.#attempts;
  }

  forgetAll(): void {
    this.#attempts.clear();
  }

  /** Drops failures whose time has come when nothing is asked for their subject any more: the trouble went away by itself. */
  forgetUnwanted(concerned: ReadonlySet<string>, nowMs: number): void {
    for (const [key, attempt] of this.#attempts) {
      const subject = key.slice(key.indexOf(':') + 1);
      if (attempt.nextAtMs <= nowMs && !concerned.has(subject)) this.#attempts.delete(key);
    }
  }

  async run(stages: Step[][], signal: AbortSignal): Promise<void> {
    for (const stage of stages) {
      const chains = Map.groupBy(stage, (step) => step.name);
      await Promise.all([...chains.values()].map((chain) => this.#runChain(chain, signal)));
      if (signal.aborted) return;
    }
  }

  async #runChain(chain: Step[], signal: AbortSignal): Promise<void> {
    for (const step of chain) {
      if (signal.aborted) return;
      const isOk = await this.#runStep(step, signal);
      if (!isOk) return;
    }
  }

  async #runStep(step: Step, signal: AbortSignal): Promise<boolean> {
    const { execute, clock, logger, onOutcome } = this.#options;
    const key = stepKey(step.kind, step.name);
    const startedMs = clock.monotonicMs();
    let isOk = true;
    try {
      await execute(step, signal);
      this.#attempts.delete(key);
    } catch (error) {
      if (signal.aborted) return false;
      isOk = false;
      this.#recordFailure(key, step.kind, error);
      logger.error('Step failed', { step: step.kind, subject: step.name, error });
    }
    const durationMs = clock.monotonicMs() - startedMs;
    if (isOk && step.kind !== 'prepareImage')
      logger.info('Step done', { step: step.kind, subject: step.name, ms: Math.round(durationMs) });
    onOutcome?.({ step, isOk, durationMs });
    return isOk;
  }

  #recordFailure(key: string, kind: StepKind, error: unknown): void {
    const count = (this.#attempts.get(key)?.count ?? 0) + 1;
    const isUpdate = kind === 'replace' || kind === 'updateAgent';
    const delayMs = backoffDelayMs({
      attempt: count - 1,
      baseMs: isUpdate ? UPDATE_RETRY_BASE_MS : STEP_RETRY_BASE_MS,
      maxMs: isUpdate ? UPDATE_RETRY_MAX_MS : STEP_RETRY_MAX_MS,
    });
    this.#attempts.set(key, {
      count,
      nextAtMs: this.#options.clock.nowMs() + delayMs,
      lastError: describeError(error),
    });
  }
}
