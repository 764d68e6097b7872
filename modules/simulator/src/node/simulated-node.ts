// One simulated node: the connections that a real one has to the cloud ($edgeAgent its own; $edgeHub and each running module through the
// hub, in their own names), what is sent on them, and the faults it was born with.

import { type Clock, describeError } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { Chance } from '../chance/chance.ts';
import type { ModuleKeys } from '../cloud/device-api.ts';
import type { DataPorts } from '../data-port/data-port.ts';
import type { Seat } from '../enroll/seat.ts';
import type { Dialer } from '../fleet/dialer.ts';
import type { Figures } from '../fleet/figures.ts';
import { BgpSessionModel } from './bgp-session.ts';
import { CacheTraffic } from './cache-traffic.ts';
import { EdgeAgent } from './edge-agent.ts';
import { bgpReported, bgpReporter, cacheReported, cacheReporter, EdgeModule, hubReported } from './edge-module.ts';
import { ModuleSession } from './module-session.ts';
import { type RuntimeState, runningNames } from './runtime-state.ts';
import type { Traits } from './traits.ts';

/** The agent asks for 60 s, the SDK's own default is 180 s. */
const AGENT_KEEP_ALIVE_SECS = 60;
const HUB_KEEP_ALIVE_SECS = 180;
const BGP_STATE_MS = 60_000;
const FLAP_MS_MIN = 30_000;
const FLAP_MS_MAX = 120_000;
const AGENT = '$edgeAgent';
const HUB = '$edgeHub';

export interface NodeParts {
  seat: Seat;
  index: number;
  seed: number;
  traits: Traits;
  driveGb: number;
  /** From an address of its own, or from any. */
  localAddress: string | undefined;
  reportMs: number;
  tokenSecs: number;
  dialer: Dialer;
  dataPorts: DataPorts;
  keys: ModuleKeys;
  clock: Clock;
  figures: Figures;
  /** Tells the messages of this run from those of another. */
  run: string;
}

interface Part {
  module: EdgeModule | EdgeAgent;
  session: ModuleSession;
  /** Ends with the module. */
  stopping: AbortController;
}

export class SimulatedNode {
  readonly name: string;
  readonly agent: EdgeAgent;
  readonly #p: NodeParts;
  readonly #parts = new Map<string, Part>();
  readonly #stopping = new AbortController();
  readonly #loops = new Set<Promise<void>>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #chance: Chance;
  /** Of modules that are gone. */
  readonly #ackedBefore = new Map<string, number>();
  #isStale = false;

  constructor(parts: NodeParts) {
    this.#p = parts;
    this.name = parts.seat.name;
    this.#chance = Chance.of(parts.seed, `${this.name}/life`);
    const { traits, clock, figures, run } = parts;
    this.agent = new EdgeAgent({
      traits,
      clock,
      figures,
      run,
      chance: this.#chance,
      onState: (state) => this.#follow(state),
    });
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  /** Its twin was read, and every connection that its deployment asks for is open. */
  get isUp(): boolean {
    const { state } = this.agent;
    const isConnected = (moduleId: string) => this.#parts.get(moduleId)?.session.client !== undefined;
    return state.lastDesired.version > 0 && [AGENT, HUB, ...runningNames(state)].every(isConnected);
  }

  /** Module id -> number of its newest acknowledged message; of a module that was removed and came back, those since then. */
  acked(): Map<string, number> {
    const now = [...this.#parts].map(([moduleId, { module }]) => [moduleId, module.outbox.acked] as const);
    return new Map([...this.#ackedBefore, ...now]);
  }

  start(): void {
    const { traits, reportMs } = this.#p;
    this.#add(AGENT, this.agent, this.#p.seat.moduleKeys[AGENT] ?? '');
    this.#add(HUB, this.#module(hubReported), this.#p.seat.moduleKeys[HUB] ?? '');
    this.#every(reportMs, this.#stopping.signal, () => {
      if (this.agent.state.lastDesired.version > 0) this.agent.sendHealth();
    });
    if (traits.isFlapping) this.#loop(() => this.#flap());
    if (traits.staleAfterMs !== undefined) this.#loop(() => this.#goStale(traits.staleAfterMs as number));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#opening.values()]);
    await this.agent.stop();
    await Promise.all([...this.#parts.keys()].map((moduleId) => this.#remove(moduleId)));
    await Promise.all(this.#loops);
  }

  /** The line breaks: all connections end, none with a goodbye. */
  cut(): void {
    for (const { session } of this.#parts.values()) session.cut();
  }

  /** Modules that run are connected through the hub, those that do not are gone. */
  #follow(state: RuntimeState): void {
    const running = new Set(runningNames(state));
    for (const moduleId of this.#parts.keys()) {
      if (moduleId !== AGENT && moduleId !== HUB && !running.has(moduleId)) this.#loop(() => this.#remove(moduleId));
    }
    for (const moduleId of running) {
      if (this.#parts.has(moduleId) || this.#opening.has(moduleId)) continue;
      const opening = this.#open(moduleId)
        .catch((error) => {
          this.#p.figures.lastFault = describeError(error);
        })
        .finally(() => this.#opening.delete(moduleId));
      this.#opening.set(moduleId, opening);
    }
  }

  /** A module that is new on the node gets its identity first, as the agent has the daemon do. */
  async #open(moduleId: string): Promise<void> {
    const { seat, keys, clock, driveGb, traits, seed } = this.#p;
    seat.moduleKeys[moduleId] ??= await keys.register(moduleId);
    if (this.#stopping.signal.aborted) return;
    const key = seat.moduleKeys[moduleId];
    if (moduleId === 'MCC') {
      const module = this.#module(cacheReported);
      const drive = { path: '/nginx/cache1/', sizeGb: driveGb };
      const traffic = new CacheTraffic(traits, Chance.of(seed, `${this.name}/traffic`), drive);
      this.#every(this.#p.reportMs, this.#add(moduleId, module, key), cacheReporter(module, traffic, clock));
    } else if (moduleId === 'bgp') {
      const session = new BgpSessionModel(Chance.of(seed, `${this.name}/session`), clock.nowMs());
      const module = this.#module(bgpReported, (name, version) =>
        name === 'sessions' ? { ...session.state(clock.nowMs(), version) } : undefined,
      );
      this.#every(BGP_STATE_MS, this.#add(moduleId, module, key), bgpReporter(module, session, clock));
    } else
      this.#add(
        moduleId,
        this.#module(() => ({})),
        key,
      );
  }

  #module(reportedOf: (version: number) => JsonObject, state?: (name: string, version: number) => object | undefined) {
    const { clock, figures, run } = this.#p;
    return new EdgeModule({
      ...{ clock, figures, run, reportedOf },
      method: (name, _payload, version) => {
        const payload = state?.(name, version);
        return payload === undefined ? undefined : { status: 200, payload: payload as Json };
      },
    });
  }

  /** The signal ends with the module. */
  #add(moduleId: string, module: EdgeModule | EdgeAgent, key: string): AbortSignal {
    const { seat, index, localAddress, tokenSecs, dialer, clock, figures } = this.#p;
    const isAgent = moduleId === AGENT;
    const session = new ModuleSession({
      node: { deviceId: this.name, hubHost: seat.hubHost, mqttPort: seat.mqttPort, localAddress, index },
      ...{ moduleId, key, tokenSecs, dialer, clock, figures, chance: this.#chance },
      product: isAgent ? 'wayside-agent simulated' : 'wayside-hub simulated',
      keepAliveSecs: isAgent ? AGENT_KEEP_ALIVE_SECS : HUB_KEEP_ALIVE_SECS,
      connected: async (client, twin) => module.connected(client, twin),
      lost: () => module.lost(),
      desired: (patch) => module.desired(patch),
      method: (name, payload) => module.method(name, payload),
    });
    const part = { module, session, stopping: new AbortController() };
    this.#parts.set(moduleId, part);
    session.start();
    return AbortSignal.any([part.stopping.signal, this.#stopping.signal]);
  }

  async #remove(moduleId: string): Promise<void> {
    const part = this.#parts.get(moduleId);
    if (!part) return;
    this.#parts.delete(moduleId);
    part.stopping.abort();
    await part.session.stop();
    this.#ackedBefore.set(moduleId, part.module.outbox.acked);
  }

  /** The first time after a part of the interval: nodes that start together do not report together. */
  #every(intervalMs: number, signal: AbortSignal, work: () => void): void {
    this.#loop(async () => {
      for (let waitMs = intervalMs * this.#chance.next(); !signal.aborted; waitMs = intervalMs) {
        await this.#p.clock.sleep(waitMs, signal).catch(() => undefined);
        if (!signal.aborted) work();
      }
    });
  }

  async #flap(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#p.clock.sleep(this.#chance.between(FLAP_MS_MIN, FLAP_MS_MAX), signal).catch(() => undefined);
      if (!signal.aborted) this.cut();
    }
  }

  async #goStale(afterMs: number): Promise<void> {
    const { signal } = this.#stopping;
    await this.#p.clock.sleep(afterMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    this.#isStale = true;
    await this.#p.dataPorts.close(this.name);
    await Promise.all([...this.#parts.keys()].map((moduleId) => this.#remove(moduleId)));
  }

  #loop(run: () => Promise<void>): void {
    const loop: Promise<void> = run().finally(() => this.#loops.delete(loop));
    this.#loops.add(loop);
  }
}
