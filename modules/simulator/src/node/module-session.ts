// The connection of one identity for as long as the node runs: opened, received on, renewed with its token, opened again when lost.
//
// INVARIANTS: at most one connection at a time; handlers hear `connected` after the twin was read, so that no patch falls between;
// after stop() nothing is opened any more.

import { backoffDelayMs, type Clock, describeError } from '@wayside/kit';
import type { Json, JsonObject, TwinProperties } from '@wayside/protocol';
import type { Chance } from '../chance/chance.ts';
import type { Dialer } from '../fleet/dialer.ts';
import type { Figures } from '../fleet/figures.ts';
import { DeviceClient, type DeviceEvents } from '../mqtt/device-client.ts';

/** As the agent waits between two connections. */
const RECONNECT_MS_BASE = 1_000;
const RECONNECT_MS_MAX = 30_000;
/** Nodes that lose the same cloud at the same moment must not come back at the same moment. */
const RECONNECT_JITTER = 0.5;
/** The SDK renews a token of an hour after 45 minutes. */
const RENEW_SHARE = 0.75;
const RENEW_JITTER = 0.1;

export interface SessionNode {
  deviceId: string;
  hubHost: string;
  mqttPort: number;
  localAddress: string | undefined;
  index: number;
}

export interface SessionOptions {
  node: SessionNode;
  moduleId: string;
  key: string;
  product: string;
  keepAliveSecs: number;
  tokenSecs: number;
  dialer: Dialer;
  clock: Clock;
  chance: Chance;
  figures: Figures;
  connected(client: DeviceClient, twin: TwinProperties): Promise<void>;
  lost(): void;
  desired(patch: JsonObject & { $version: number }): void;
  method(name: string, payload: Json | undefined): ReturnType<DeviceEvents['method']>;
}

export class ModuleSession {
  readonly #o: SessionOptions;
  readonly #stopping = new AbortController();
  #client: DeviceClient | undefined;
  #running: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#o = options;
  }

  get client(): DeviceClient | undefined {
    return this.#client;
  }

  start(): void {
    if (this.#running) return;
    this.#o.figures.connectionsWanted += 1;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopping.abort();
    await this.#client?.close();
    await this.#running;
    this.#o.figures.connectionsWanted -= 1;
  }

  /** As a line that breaks. */
  cut(): void {
    this.#client?.cut();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, chance, figures } = this.#o;
    for (let attempt = 0; !signal.aborted; ) {
      const outcome = await this.#serve(attempt, signal).catch((error: unknown) => {
        if (signal.aborted) return 'stopped' as const;
        figures.connectFailures += 1;
        figures.lastFault = describeError(error);
        return 'failed' as const;
      });
      if (outcome === 'stopped') return;
      if (outcome === 'renewed') {
        attempt = 0;
        continue;
      }
      attempt = outcome === 'lost' ? 0 : attempt + 1;
      const delayMs = backoffDelayMs({
        ...{ attempt, baseMs: RECONNECT_MS_BASE, maxMs: RECONNECT_MS_MAX },
        ...{ jitter: RECONNECT_JITTER, random: () => chance.next() },
      });
      await clock.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** One connection from the dial to its end. */
  async #serve(attempt: number, signal: AbortSignal): Promise<'lost' | 'renewed' | 'stopped'> {
    const { node, moduleId, key, dialer, clock, figures, product, keepAliveSecs, tokenSecs } = this.#o;
    await dialer.turn(signal);
    const startedMs = performance.now();
    const lost = Promise.withResolvers<'lost'>();
    const client = await DeviceClient.connect(
      dialer.target({ ...node, attempt }),
      { hubHost: node.hubHost, deviceId: node.deviceId, moduleId, key },
      { keepAliveSecs, product, expiresAtSecs: Math.floor(clock.nowMs() / 1000) + tokenSecs },
      {
        desired: (patch) => {
          figures.desiredPatches += 1;
          this.#o.desired(patch);
        },
        method: (name, payload) => {
          figures.methodCalls += 1;
          return this.#o.method(name, payload);
        },
        closed: () => lost.resolve('lost'),
      },
    );
    figures.connectMs.add(performance.now() - startedMs);
    figures.connects += 1;
    figures.connections += 1;
    this.#client = client;
    const ended = new AbortController();
    try {
      await client.receive();
      await this.#o.connected(client, await client.getTwin());
      const outcome = await Promise.race([lost.promise, this.#untilRenewal(AbortSignal.any([signal, ended.signal]))]);
      if (outcome === 'lost') figures.lostConnections += 1;
      if (outcome === 'renewed') figures.renewals += 1;
      return outcome;
    } finally {
      ended.abort();
      this.#client = undefined;
      figures.connections -= 1;
      this.#o.lost();
      await client.close();
    }
  }

  async #untilRenewal(signal: AbortSignal): Promise<'renewed' | 'stopped'> {
    const { clock, chance, tokenSecs } = this.#o;
    const share = RENEW_SHARE * (1 - chance.between(0, RENEW_JITTER));
    return clock.sleep(tokenSecs * 1000 * share, signal).then(
      () => 'renewed' as const,
      () => 'stopped' as const,
    );
  }
}
