// Keeps edgeAgent running: looks every WATCHDOG_MS and at every event of the engine, plans, does one step, looks again.

import { type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import type { ModuleSpec } from '@wayside/protocol';
import { containerBody } from '../containers/create-options.ts';
import type { ContainerEngine } from '../containers/engine.ts';
import { LABEL_MODULE, LABEL_OPTIONS_DIGEST } from '../containers/labels.ts';
import type { Modules } from '../containers/modules.ts';
import type { NodeFacts } from '../containers/node-facts.ts';
import type { ModuleIdentities } from '../identities/module-identities.ts';
import { EDGE_AGENT, moduleIdOf } from '../module-names.ts';
import { digest } from '../provision/device-identity.ts';
import type { AgentSpec } from './agent-spec.ts';
import { type AgentAction, type AgentContainer, planAgent } from './plan.ts';

/** Pause between two looks when nothing happens. */
const WATCHDOG_MS = 10_000;
/** edgeAgent that ran this long counts as well: the tries start anew and its specification is confirmed. */
export const AGENT_STABLE_MS = 60_000;
/** A new specification that failed this often is taken back. */
export const ROLLBACK_TRIES = 5;
/** Pause before the engine's events are asked for again. */
const EVENTS_RETRY_MS = 5_000;
/** Events after which there may be something to do. */
const EVENTS_OF_INTEREST = new Set(['die', 'destroy', 'stop', 'pause', 'health_status: unhealthy']);

export interface WatchdogOptions {
  modules: Pick<Modules, 'labels' | 'find' | 'replace' | 'start' | 'restart'>;
  identities: Pick<ModuleIdentities, 'ensure'>;
  engine: Pick<ContainerEngine, 'image' | 'watch'>;
  spec: AgentSpec;
  facts: NodeFacts;
  retriesMax: number | 'infinite';
  clock: Clock;
  log: Logger;
}

export class Watchdog {
  readonly #o: WatchdogOptions;
  #tries = 0;
  #lastTryMs: number | undefined;
  #runningSinceMs: number | undefined;
  #firstLook = true;
  #wake: () => void = () => undefined;
  #woken = false;

  constructor(o: WatchdogOptions) {
    this.#o = o;
  }

  /** Takes over a new specification; the work is done by the loop. */
  async replaceAgent(spec: ModuleSpec): Promise<void> {
    await this.#o.spec.put(spec);
    this.#forgetTries();
    this.#o.log.info('New specification of edgeAgent accepted', { image: spec.config.settings.image });
    this.kick();
  }

  /** Look now. */
  kick(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Runs until the signal aborts; throws DAEMON_AGENT_GIVEN_UP when the tries are used up. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#o;
    void this.#followEvents(signal);
    while (!signal.aborted) {
      this.#woken = false;
      let pauseMs = WATCHDOG_MS;
      try {
        pauseMs = await this.look();
      } catch (error) {
        if (error instanceof EdgeError && error.code === 'DAEMON_AGENT_GIVEN_UP') throw error;
        log.error('edgeAgent could not be looked after', { reason: describeError(error) });
      }
      if (this.#woken) continue;
      const pause = new AbortController();
      this.#wake = () => pause.abort();
      await clock.sleep(pauseMs, AbortSignal.any([signal, pause.signal])).catch(() => undefined);
      this.#wake = () => undefined;
    }
  }

  /** One look and at most one step; answers the pause until the next look, milliseconds. */
  async look(): Promise<number> {
    const { clock, log } = this.#o;
    const nowMs = clock.monotonicMs();
    const wantedDigest = await this.#wantedDigest();
    const container = await this.#container();
    this.#firstLook = false;
    await this.#noteRunning(container, nowMs);
    const step = planAgent({ container, wantedDigest, tries: this.#tries, lastTryMs: this.#lastTryMs, nowMs });
    if (step.kind === 'nothing') return WATCHDOG_MS;
    if (step.kind === 'wait') {
      log.warn('edgeAgent is to be tried again later', {
        reason: step.why,
        tries: this.#tries,
        inMs: Math.round(step.untilMs - nowMs),
      });
      return Math.min(step.untilMs - nowMs, WATCHDOG_MS);
    }
    log.info('edgeAgent needs work', { action: step.action, reason: step.why });
    this.#tries += 1;
    this.#lastTryMs = clock.monotonicMs();
    this.#runningSinceMs = undefined;
    try {
      await this.#act(step.action, wantedDigest);
      log.info('edgeAgent is up again', { action: step.action });
    } catch (error) {
      log.error('edgeAgent could not be started', {
        action: step.action,
        tries: this.#tries,
        reason: describeError(error),
      });
    }
    await this.#judgeTries();
    return 0;
  }

  #forgetTries(): void {
    this.#tries = 0;
    this.#lastTryMs = undefined;
    this.#runningSinceMs = undefined;
  }

  async #noteRunning(container: AgentContainer | undefined, nowMs: number): Promise<void> {
    if (container?.state !== 'running' || container.health === 'unhealthy') {
      this.#runningSinceMs = undefined;
      return;
    }
    this.#runningSinceMs ??= nowMs;
    if (nowMs - this.#runningSinceMs < AGENT_STABLE_MS) return;
    this.#forgetTries();
    this.#runningSinceMs = nowMs;
    await this.#o.spec.confirm();
  }

  /** Too many tries: back to the specification that worked, or the end when the operator set one. */
  async #judgeTries(): Promise<void> {
    const { spec, log, retriesMax } = this.#o;
    if (this.#tries >= ROLLBACK_TRIES && (await spec.rollBack())) {
      log.error('edgeAgent is taken back to its last working specification', {
        image: spec.current.config.settings.image,
      });
      this.#forgetTries();
      return;
    }
    if (retriesMax !== 'infinite' && this.#tries > retriesMax) {
      throw new EdgeError(
        'DAEMON_AGENT_GIVEN_UP',
        `Cannot keep edgeAgent running: ${this.#tries} tries failed, at most ${retriesMax} allowed`,
      );
    }
  }

  async #act(action: AgentAction, wantedDigest: string): Promise<void> {
    const { modules, spec } = this.#o;
    switch (action) {
      case 'create':
      case 'replace':
        await modules.replace(spec.current, { start: true, labels: { [LABEL_OPTIONS_DIGEST]: wantedDigest } });
        return;
      case 'start':
      case 'unpause':
        await modules.start(EDGE_AGENT);
        return;
      case 'restart':
        await modules.restart(EDGE_AGENT);
        return;
      default:
        action satisfies never;
    }
  }

  async #wantedDigest(): Promise<string> {
    const { identities, spec, facts } = this.#o;
    const { generationId } = await identities.ensure(moduleIdOf(EDGE_AGENT));
    const body = containerBody({ spec: spec.current, name: EDGE_AGENT, generationId, facts });
    return digest(JSON.stringify(body));
  }

  async #container(): Promise<AgentContainer | undefined> {
    const { modules, engine } = this.#o;
    const found = await modules.find(EDGE_AGENT);
    if (found === undefined) return undefined;
    // Only at the start of the daemon: later a pull ahead of an update would replace the agent that asked for it.
    const local = this.#firstLook ? await engine.image(found.image) : undefined;
    return {
      state: found.state,
      health: found.health,
      optionsDigest: found.labels[LABEL_OPTIONS_DIGEST],
      imageOutdated: local !== undefined && local.id !== found.imageId,
    };
  }

  async #followEvents(signal: AbortSignal): Promise<void> {
    const { engine, modules, clock, log } = this.#o;
    while (!signal.aborted) {
      try {
        await engine.watch(
          modules.labels,
          ({ action, labels }) => {
            if (labels[LABEL_MODULE] === EDGE_AGENT && EVENTS_OF_INTEREST.has(action)) this.kick();
          },
          signal,
        );
      } catch (error) {
        log.warn('Events of the container engine broke off', { reason: describeError(error) });
      }
      await clock.sleep(EVENTS_RETRY_MS, signal).catch(() => undefined);
    }
  }
}
