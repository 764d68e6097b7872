// A module behind the edge hub of a simulated node, seen from the cloud: MCC with its reports, bgp with its state, edgeHub itself, or any other.

import type { Clock } from '@wayside/kit';
import type { Json, JsonObject, TwinProperties } from '@wayside/protocol';
import type { Figures } from '../fleet/figures.ts';
import type { DeviceClient } from '../mqtt/device-client.ts';
import type { MethodAnswer } from './agent-methods.ts';
import { AGENT_VERSION } from './agent-report.ts';
import type { BgpSessionModel } from './bgp-session.ts';
import type { CacheTraffic } from './cache-traffic.ts';
import { Outbox } from './outbox.ts';
import { ReportedSection } from './reported-section.ts';

/** Messages that wait for the cloud: an hour and a half of a node cut off. */
const MESSAGES_WAITING_MAX = 400;
/** What the SDK answers to a method that nobody registered. */
const STATUS_NOT_IMPLEMENTED = 501;

export interface EdgeModuleOptions {
  clock: Clock;
  figures: Figures;
  run: string;
  /** The module reports what it took from its desired properties. */
  reportedOf(version: number): JsonObject;
  method?(name: string, payload: Json | undefined, appliedVersion: number): MethodAnswer | undefined;
}

export class EdgeModule {
  readonly outbox: Outbox;
  readonly #o: EdgeModuleOptions;
  readonly #section: ReportedSection;
  #appliedVersion = 0;

  constructor(options: EdgeModuleOptions) {
    this.#o = options;
    this.outbox = new Outbox(options.figures, MESSAGES_WAITING_MAX, options.run);
    this.#section = new ReportedSection(options.figures);
  }

  get appliedVersion(): number {
    return this.#appliedVersion;
  }

  connected(client: DeviceClient, twin: TwinProperties): void {
    this.#section.attach(client, twin);
    this.outbox.attach((properties, body) => client.send(properties, body));
    this.#apply(twin.desired.$version);
  }

  lost(): void {
    this.#section.detach();
    this.outbox.detach();
  }

  desired({ $version }: JsonObject & { $version: number }): void {
    if ($version > this.#appliedVersion) this.#apply($version);
  }

  method(name: string, payload: Json | undefined): MethodAnswer {
    const answer = this.#o.method?.(name, payload, this.#appliedVersion);
    return answer ?? { status: STATUS_NOT_IMPLEMENTED, payload: null };
  }

  #apply(version: number): void {
    this.#appliedVersion = version;
    this.#section.want(this.#o.reportedOf(version));
  }
}

/** contracts.md 8. */
export function cacheReported(version: number): JsonObject {
  return {
    ...{ schemaVersion: '1.0', cacheVersion: AGENT_VERSION, appliedVersion: version, problems: [] },
    inForce: { drain: false, readOnly: false, origins: 0, prefetchJobs: 0 },
  };
}

/** iotedge.md 3.9. */
export function hubReported(version: number): JsonObject {
  return {
    schemaVersion: '1.0',
    version: { version: AGENT_VERSION, build: 'simulator', commit: '' },
    lastDesiredVersion: version,
    lastDesiredStatus: { code: 200, description: '' },
  };
}

/** contracts.md 9. */
export function bgpReported(version: number): JsonObject {
  return { schemaVersion: '1.0', bgpVersion: AGENT_VERSION, appliedVersion: version, problems: [] };
}

/** Sends the cache's report of the time since the one before. */
export function cacheReporter(module: EdgeModule, traffic: CacheTraffic, clock: Clock): () => void {
  let fromMs = clock.nowMs();
  return () => {
    const toMs = clock.nowMs();
    if (toMs <= fromMs) return;
    module.outbox.put({
      messageType: 'cacheReport',
      output: 'report',
      body: JSON.stringify(traffic.report(fromMs, toMs)),
    });
    fromMs = toMs;
  };
}

/** Sends the state of the BGP session, one interval on. */
export function bgpReporter(module: EdgeModule, session: BgpSessionModel, clock: Clock): () => void {
  return () => {
    session.next(clock.nowMs());
    const state = session.state(clock.nowMs(), module.appliedVersion);
    module.outbox.put({ messageType: 'bgpState', output: 'state', body: JSON.stringify(state) });
  };
}
