// Puts the rooms together: store, fill, deliver, origins, operations. Used by main and by tests over real sockets.

import { randomBytes } from 'node:crypto';
import type { AddressInfo, LookupFunction } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { type Logger, systemClock } from '@wayside/kit';
import type { CacheConfig } from './config.ts';
import { EgressBudget } from './deliver/egress-budget.ts';
import { Fills } from './fill/fills.ts';
import { Openings } from './fill/openings.ts';
import { ConnectionBudget } from './listen/connection-budget.ts';
import { PaceKeeper } from './listen/pace-keeper.ts';
import { AccessLines } from './operate/access-lines.ts';
import { MemoryBudget } from './operate/memory-budget.ts';
import { Operations } from './operate/operations.ts';
import { Purger } from './operate/purge/purger.ts';
import type { Reporter } from './operate/reporter.ts';
import { NO_DESIRED, threadSettings } from './operate/settings-in-force.ts';
import type { SettingsKeeper } from './operate/settings-keeper.ts';
import { TrafficCounters } from './operate/traffic-counters.ts';
import { OriginClient } from './origin/origin-client.ts';
import { OriginGate } from './origin/origin-gate.ts';
import { OriginTable } from './origin/origins.ts';
import { AccessLog } from './request/access-log.ts';
import { OriginRelay } from './request/origin-relay.ts';
import type { ChunkLoader } from './store/chunk-loader.ts';
import { ENGINE_SLOT } from './store/object-state.ts';
import { ObjectStore } from './store/object-store.ts';
import { Scrubber } from './store/scrubber.ts';
import { ContentService } from './threads/content-service.ts';
import { SharedEgress } from './threads/shared-egress.ts';
import { VariantIndex } from './variants/variant-index.ts';

export interface CacheNodeOptions {
  config: CacheConfig;
  logger: Logger;
  version: string;
  /** Replaces the system's resolver with the guard around it. */
  lookup?: LookupFunction;
  writeLine?: (line: string) => void;
  /** Awaited when content is served, before what no hit needs is loaded: that holds up the event loop. */
  settle?: () => Promise<void>;
  /** Delivery threads that were started ahead (startDeliveryWorker). */
  workers?: Worker[];
}

export interface CacheNode {
  content: AddressInfo;
  operations: AddressInfo;
  store: ObjectStore;
  loader: ChunkLoader;
  scrubber: Scrubber;
  service: ContentService;
  gate: OriginGate;
  counters: TrafficCounters;
  operate: Operations;
  reporter: Reporter;
  settings: SettingsKeeper;
  stop(): Promise<void>;
}

export async function startCacheNode({
  config,
  logger,
  version,
  lookup,
  writeLine,
  settle,
  workers,
}: CacheNodeOptions): Promise<CacheNode> {
  const counters = new TrafficCounters();
  // The engine and its delivery threads; alone it needs nothing shared.
  const slots = config.threads === 1 ? 1 : config.threads + 1;
  const egressMemory = slots === 1 ? null : SharedEgress.memory(slots);
  const egress = egressMemory === null ? null : new SharedEgress(egressMemory, ENGINE_SLOT);
  const budget = egress === null ? new EgressBudget() : new EgressBudget(egress, egress);
  const store = new ObjectStore(config.drives, logger, slots);
  const { loader } = store;
  const loopMark = `wayside-${randomBytes(6).toString('hex')}`;
  const client = new OriginClient({
    proxy: config.upstreamProxy,
    via: `1.1 ${loopMark}`,
    userAgent: `wayside-cache/${version}`,
    dnsServers: config.dnsServers,
    ...(lookup === undefined ? {} : { lookup }),
  });
  const originOptions = {
    custom: config.customOrigins,
    parent: config.upstreamHost,
    fallback: config.origin,
    transfersMax: config.originTransfersMax,
  };
  const origins = new OriginTable(originOptions);
  const gate = new OriginGate({
    client,
    resolve: (host) => origins.resolve(host),
    logger,
    nowMs: () => performance.now(),
  });
  const fills = new Fills({ gate, clock: systemClock, loader, hotBodies: store.hotBodies, store, logger });
  const variants = new VariantIndex(store);
  const purger = new Purger({
    drives: store.drives,
    resolve: (host) => origins.resolve(host),
    detach: (matches) => openings.detach(matches),
    clock: systemClock,
    logger,
  });
  const openings: Openings = new Openings({ gate, store, fills, variants, purges: purger, logger, now: Date.now });
  const scrubber = new Scrubber({
    drives: store.drives,
    find: (key) => store.find(key),
    trafficBytes: () => {
      const { hitBytes, missBytes } = service.traffic.snapshot();
      return hitBytes + missBytes + gate.ingressBytes;
    },
    onLost: (object, chunk) => fills.repair(object, chunk),
    figures: store.scrubFigures,
    clock: systemClock,
    logger,
  });
  const accessLines = new AccessLines(config, logger, writeLine);
  const initial = threadSettings(config, NO_DESIRED);
  const accessLog = new AccessLog(initial.accessLog, accessLines.write);
  const connections = new ConnectionBudget(initial.connections, counters.connections);
  const pace = new PaceKeeper(initial.clientBytesPerSecMin, counters.connections);
  const memory = new MemoryBudget({
    limitBytes: config.memoryMaxMb === null ? null : config.memoryMaxMb * 1e6,
    dropBodies: () => store.hotBodies.dropAll(),
    logger,
  });
  const relay = new OriginRelay({ gate, store, openings, variants, counters, budget, logger });
  const { threads, listen: contentListen } = config;
  const service: ContentService = new ContentService(
    {
      ...{ origins, store, variants, openings, fills, relay, counters, budget, accessLog, logger },
      ...{ connections, pace, memory },
      writeLine: accessLines.write,
    },
    { threads, listen: contentListen, origins: originOptions, loopMark, settings: initial, egressMemory, workers },
  );
  const operate = new Operations({
    ...{ config, version, logger, store, loader, gate, fills, budget, connections, memory, purger },
    traffic: { snapshot: () => service.traffic.snapshot() },
    accessLog: () => accessLines.figures,
    handle: service.handler.handle,
    apply: (settings) => service.apply(threadSettings(config, settings)),
    setScrubRate: (bytesPerSec) => scrubber.setRate(bytesPerSec),
    ...{ origins, openings },
    isDraining: () => service.handler.isDraining,
    threads: () => threads,
  });

  const stop = async () => {
    await Promise.all([service.stop(), operate.closeListeners()]);
    await operate.stop();
    await accessLines.stop();
    await scrubber.stop();
    await store.settle();
    store.stop();
    await client.close();
  };
  const start = async () => {
    store.start();
    scrubber.start();
    await service.apply(initial);
    await operate.restore();
    const content = await service.start();
    await settle?.();
    client.prepare();
    return { content, operations: await operate.open(content) };
  };
  // A start that fails (a port that is taken) leaves nothing running.
  const { content, operations } = await start().catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    content,
    operations,
    store,
    loader,
    scrubber,
    service,
    gate,
    counters,
    operate,
    reporter: operate.reporter,
    settings: operate.settings,
    stop,
  };
}
