// Serves clients: on this thread alone, or on delivery threads with this one as their engine.

import type { AddressInfo } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { closeServer, type Logger, listen } from '@wayside/kit';
import type { EgressBudget } from '../deliver/egress-budget.ts';
import type { Fills } from '../fill/fills.ts';
import type { Openings } from '../fill/openings.ts';
import type { ConnectionBudget } from '../listen/connection-budget.ts';
import { makeContentServer } from '../listen/content-server.ts';
import type { PaceKeeper } from '../listen/pace-keeper.ts';
import type { Overload, TrafficCounters, TrafficSource } from '../operate/traffic-counters.ts';
import type { OriginTable, OriginTableOptions } from '../origin/origins.ts';
import type { AccessLog } from '../request/access-log.ts';
import { Admissions } from '../request/admission.ts';
import { ACTIVE_REQUESTS_MAX, ContentHandler, type SlowPath } from '../request/content-handler.ts';
import { MissPath } from '../request/miss-path.ts';
import { ObjectDelivery } from '../request/object-delivery.ts';
import type { OriginRelay } from '../request/origin-relay.ts';
import type { CacheObject } from '../store/cache-object.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { VariantIndex } from '../variants/variant-index.ts';
import { DeliveryThreads } from './delivery-threads.ts';
import { ForwardedResponse } from './forwarded-response.ts';
import type { ThreadSettings } from './messages.ts';

const STOP_GRACE_MS = 3000;

export interface ContentServiceDeps {
  origins: OriginTable;
  store: ObjectStore;
  variants: VariantIndex;
  openings: Openings;
  fills: Fills;
  relay: OriginRelay;
  counters: TrafficCounters;
  budget: EgressBudget;
  accessLog: AccessLog;
  logger: Logger;
  writeLine: (line: string) => void;
  connections: ConnectionBudget;
  pace: PaceKeeper;
  memory: { readonly takesMisses: boolean };
}

export interface ContentServiceOptions {
  /** 1: this thread does everything. More: so many delivery threads, and this one as the engine. */
  threads: number;
  listen: { host: string | undefined; port: number };
  origins: OriginTableOptions;
  loopMark: string;
  settings: ThreadSettings;
  /** Of SharedEgress, for several threads. */
  egressMemory: SharedArrayBuffer | null;
  /** Started ahead, for the first threads. */
  workers?: Worker[] | undefined;
}

export class ContentService {
  /** Handles requests on this thread: all of them when it is the only one, otherwise those of its own listeners. */
  readonly handler: ContentHandler;
  readonly #deps: ContentServiceDeps;
  readonly #options: ContentServiceOptions;
  readonly #slow: SlowPath;
  #threads: DeliveryThreads | null = null;
  #server: ReturnType<typeof makeContentServer> | null = null;
  #settings: ThreadSettings;

  constructor(deps: ContentServiceDeps, options: ContentServiceOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#settings = options.settings;
    const { store, variants, counters, origins, accessLog, logger } = deps;
    const delivery = new ObjectDelivery({ ...deps, now: Date.now, divert });
    const misses = { refusedBy: () => this.#refusal() };
    const missPath = new MissPath({ ...deps, delivery, misses, now: Date.now });
    this.#slow = {
      serve: (client) => missPath.serve(client),
      change: (client) => missPath.change(client),
    };
    this.handler = new ContentHandler({
      origins,
      objects: {
        peek: (key) => store.peek(key),
        peekVariant: (mark, request) => variants.peek(mark as CacheObject, request),
      },
      delivery,
      slow: this.#slow,
      counters,
      accessLog,
      logger,
      loopMark: options.loopMark,
      activeRequestsMax: ACTIVE_REQUESTS_MAX,
      now: Date.now,
    });
  }

  /** Why no origin may be asked at the moment; null when it may. */
  #refusal(): Overload | null {
    if (this.#settings.isReadOnly) return 'readOnly';
    return this.#deps.memory.takesMisses ? null : 'memory';
  }

  /** Figures of all threads. */
  get traffic(): TrafficSource {
    return this.#threads ?? this.#deps.counters;
  }

  /** The delivery threads, null when this thread does everything. */
  get threads(): DeliveryThreads | null {
    return this.#threads;
  }

  /** Resolves with the address when clients can connect. */
  async start(): Promise<AddressInfo> {
    const { threads, egressMemory, listen: address } = this.#options;
    if (threads === 1 || egressMemory === null) {
      this.#server = makeContentServer(this.handler.handle);
      this.#deps.connections.guard(this.#server, true);
      return listen(this.#server, address);
    }
    this.#threads = new DeliveryThreads(
      { ...this.#deps, admissions: new Admissions(this.#deps.origins), slow: this.#slow },
      { ...this.#options, egressMemory, settings: this.#settings, workers: this.#options.workers ?? [] },
    );
    return this.#threads.start();
  }

  /** Puts settings in force; resolves when every thread works by them. */
  async apply(settings: ThreadSettings): Promise<void> {
    this.#settings = settings;
    this.#deps.origins.setDesired(settings.origins);
    this.#deps.budget.setCap(settings.maxEgressMbps);
    this.handler.isDraining = settings.isDraining;
    this.#deps.accessLog.configure(settings.accessLog);
    this.#deps.connections.limits = settings.connections;
    this.#deps.pace.bytesPerSecMin = settings.clientBytesPerSecMin;
    await this.#threads?.apply(settings);
  }

  async stop(): Promise<void> {
    if (this.#server !== null) await closeServer(this.#server, STOP_GRACE_MS);
    await this.#threads?.stop();
  }
}

/** A client whose connection another thread holds gets its object from there. */
function divert(...[client, object, result]: Parameters<ObjectDelivery['deliver']>): boolean {
  const { response } = client;
  if (!(response instanceof ForwardedResponse)) return false;
  response.thread.deliver(response, object as CacheObject, client, result);
  return true;
}
