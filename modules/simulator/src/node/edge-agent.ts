// The edgeAgent of a simulated node: follows the desired properties, applies them after a while, reports, sends health, answers methods.
//
// INVARIANTS: one deployment is applied at a time, then the newest that came meanwhile; a patch that does not follow the version known
// is not merged, the whole twin is read instead (iotedge.md 2.1).

import type { Clock } from '@wayside/kit';
import { type Json, type JsonObject, mergePatch, type TwinProperties } from '@wayside/protocol';
import type { Chance } from '../chance/chance.ts';
import type { Figures } from '../fleet/figures.ts';
import type { DeviceClient } from '../mqtt/device-client.ts';
import { callAgent, type MethodAnswer } from './agent-methods.ts';
import { toHealth, toReported } from './agent-report.ts';
import { Outbox } from './outbox.ts';
import { ReportedSection } from './reported-section.ts';
import { applyDeployment, freshState, type RuntimeState, restartModule } from './runtime-state.ts';
import type { Traits } from './traits.ts';

/** Health messages of changes kept while offline, as the agent does. */
const HEALTH_WAITING_MAX = 100;
const MEBIBYTE = 2 ** 20;

export interface EdgeAgentOptions {
  traits: Traits;
  chance: Chance;
  clock: Clock;
  figures: Figures;
  run: string;
  /** After a deployment was applied. */
  onState(state: RuntimeState): void;
}

export class EdgeAgent {
  readonly outbox: Outbox;
  readonly #o: EdgeAgentOptions;
  readonly #section: ReportedSection;
  readonly #startedAtMs: number;
  readonly #stopping = new AbortController();
  #state: RuntimeState = freshState();
  #desired: JsonObject = {};
  #version = 0;
  #applying: Promise<void> | undefined;
  #client: DeviceClient | undefined;

  constructor(options: EdgeAgentOptions) {
    this.#o = options;
    this.outbox = new Outbox(options.figures, HEALTH_WAITING_MAX, options.run);
    this.#section = new ReportedSection(options.figures);
    this.#startedAtMs = options.clock.nowMs();
  }

  get state(): RuntimeState {
    return this.#state;
  }

  /** The cloud has its reported properties as they are now. */
  get isReported(): boolean {
    return this.#section.isSent;
  }

  /** Desired version that the agent knows of, applied or not. */
  get desiredVersion(): number {
    return this.#version;
  }

  connected(client: DeviceClient, twin: TwinProperties): void {
    this.#client = client;
    this.#section.attach(client, twin);
    this.outbox.attach((properties, body) => client.send(properties, body));
    this.#take(twin);
    if (this.#state.lastDesired.version > 0) this.sendHealth();
  }

  lost(): void {
    this.#client = undefined;
    this.#section.detach();
    this.outbox.detach();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#applying;
  }

  desired({ $version, ...patch }: JsonObject & { $version: number }): void {
    if ($version <= this.#version) return;
    if ($version === this.#version + 1) {
      this.#desired = mergePatch(this.#desired, patch);
      this.#version = $version;
      this.#apply();
      return;
    }
    const client = this.#client;
    client?.getTwin().then(
      (twin) => this.#take(twin),
      // The connection is cut; its successor reads the twin.
      () => client.cut(),
    );
  }

  method(name: string, payload: Json | undefined): MethodAnswer {
    const nowMs = this.#o.clock.nowMs();
    const { answer, restart } = callAgent(name, payload, this.#state, nowMs);
    const changed = restart === undefined ? undefined : restartModule(this.#state, restart, nowMs);
    if (changed) this.#settle(changed);
    return answer;
  }

  sendHealth(): void {
    const { clock, chance } = this.#o;
    const health = toHealth(this.#state, {
      nowMs: clock.nowMs(),
      startedAtMs: this.#startedAtMs,
      usedCpuPercent: Math.round(chance.between(20, 600)) / 10,
      usedMemoryBytes: Math.round(chance.between(900, 1_800)) * MEBIBYTE,
    });
    this.outbox.put({ messageType: 'health', body: JSON.stringify(health) });
  }

  #take({ desired }: TwinProperties): void {
    const { $version, ...section } = desired as JsonObject & { $version: number };
    if ($version === this.#version) return;
    this.#desired = section;
    this.#version = $version;
    this.#apply();
  }

  #apply(): void {
    this.#applying ??= this.#applyAll().finally(() => {
      this.#applying = undefined;
    });
  }

  async #applyAll(): Promise<void> {
    const { traits, clock, figures } = this.#o;
    const { signal } = this.#stopping;
    while (this.#version !== this.#state.lastDesired.version && !signal.aborted) {
      // A node that comes up has its images; only changes of a running one take their time.
      const isFirst = this.#state.lastDesired.version === 0;
      if (!isFirst) await clock.sleep(traits.applyMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const options = { nowMs: clock.nowMs(), pullsFail: traits.pullsFail };
      const state = applyDeployment(this.#state, this.#desired, this.#version, options);
      if (state.lastDesired.code === 200) figures.deploymentsApplied += 1;
      else figures.deploymentsFailed += 1;
      this.#settle(state);
    }
  }

  #settle(state: RuntimeState): void {
    this.#state = state;
    this.#section.want(toReported(state));
    this.sendHealth();
    this.#o.onState(state);
  }
}
