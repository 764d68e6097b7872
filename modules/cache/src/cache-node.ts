// Puts the rooms together: store, fill, deliver, origins, operations. Used by main and by tests over real sockets.

import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { closeServer, type Logger, listen, systemClock } from '@wayside/kit';
import type { CacheConfig } from './config.ts';
import { EgressBudget } from './deliver/egress-budget.ts';
import { Fills } from './fill/fills.ts';
import { Openings } from './fill/openings.ts';
import type { DesiredSettings } from './operate/desired.ts';
import { makeMetrics } from './operate/metrics.ts';
import { makeOperationsApp } from './operate/operations-app.ts';
import { Reporter } from './operate/reporter.ts';
import { SettingsKeeper } from './operate/settings-keeper.ts';
import { TrafficCounters } from './operate/traffic-counters.ts';
import { OriginClient } from './origin/origin-client.ts';
import { OriginGate } from './origin/origin-gate.ts';
import { OriginTable } from './origin/origins.ts';
import { AccessLog } from './request/access-log.ts';
import { ContentHandler } from './request/content-handler.ts';
import { OriginRelay } from './request/origin-relay.ts';
import { ChunkLoader } from './store/chunk-loader.ts';
import { ObjectStore } from './store/object-store.ts';

/** Connections; each costs some KiB. */
export const CONNECTIONS_MAX = 50_000;
/** A request's head must be there by then. */
const REQUEST_HEAD_TIMEOUT_MS = 10_000;
/** Idle connections are kept for the client's next piece. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** A connection on which nothing moves, in either direction. */
const SOCKET_IDLE_TIMEOUT_MS = 120_000;
const REQUEST_HEAD_BYTES_MAX = 16 * 1024;
const LISTEN_BACKLOG = 4096;
const STOP_GRACE_MS = 3000;

export interface CacheNodeOptions {
  config: CacheConfig;
  logger: Logger;
  version: string;
  /** Replaces the system's resolver with the guard around it. */
  lookup?: LookupFunction;
  writeLine?: (line: string) => void;
}

export interface CacheNode {
  content: AddressInfo;
  operations: AddressInfo;
  store: ObjectStore;
  loader: ChunkLoader;
  gate: OriginGate;
  counters: TrafficCounters;
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
}: CacheNodeOptions): Promise<CacheNode> {
  const counters = new TrafficCounters();
  const budget = new EgressBudget();
  budget.setCap(config.maxEgressMbps);
  const store = new ObjectStore(config.drives, logger);
  const loader = new ChunkLoader(store.hotBodies, logger);
  const loopMark = `wayside-${randomBytes(6).toString('hex')}`;
  const client = new OriginClient({
    proxy: config.upstreamProxy,
    via: `1.1 ${loopMark}`,
    userAgent: `wayside-cache/${version}`,
    dnsServers: config.dnsServers,
    ...(lookup === undefined ? {} : { lookup }),
  });
  const origins = new OriginTable({
    custom: config.customOrigins,
    parent: config.upstreamHost,
    fallback: config.origin,
    transfersMax: config.originTransfersMax,
  });
  const gate = new OriginGate({
    client,
    resolve: (host) => origins.resolve(host),
    logger,
    nowMs: () => performance.now(),
  });
  const fills = new Fills({ gate, clock: systemClock, loader, hotBodies: store.hotBodies, store, logger });
  const openings = new Openings({ gate, store, fills, logger, now: Date.now });
  const accessLog = new AccessLog(config.isAccessLogOn, writeLine ?? ((line) => process.stdout.write(`${line}\n`)));
  const relay = new OriginRelay({ gate, store, counters, logger });
  const handler = new ContentHandler({
    origins,
    store,
    openings,
    fills,
    relay,
    counters,
    budget,
    accessLog,
    logger,
    loopMark,
    now: Date.now,
  });
  const apply = (settings: DesiredSettings) => {
    origins.setDesired(settings.origins);
    budget.setCap(settings.maxEgressMbps ?? config.maxEgressMbps);
    handler.isDraining = settings.drain;
  };
  const settings = new SettingsKeeper(store.drives, apply, logger);
  const reporter = new Reporter({ counters, gate, drives: store.drives, logger, now: Date.now });

  store.start();
  await settings.restore();
  await reporter.start();
  const contentServer = makeContentServer(handler);
  const content = await listen(contentServer, config.listen);
  const metrics = makeMetrics({ counters, gate, loader, store, budget, isDraining: () => handler.isDraining });
  const app = makeOperationsApp({
    summary: () => reporter.summary,
    metrics,
    drives: store.drives,
    contentAddress: () => ({ host: config.listen.host ?? '127.0.0.1', port: content.port }),
    isDraining: () => handler.isDraining,
    isSummaryPublic: config.isSummaryPublic,
    isSummaryAccessUnrestricted: config.isSummaryAccessUnrestricted,
    customerKey: config.customerKey,
  });
  const operationsServer = createServer(app);
  const operations = await listen(operationsServer, config.operationsListen);
  return {
    content,
    operations,
    store,
    loader,
    gate,
    counters,
    reporter,
    settings,
    async stop() {
      await Promise.all([closeServer(contentServer, STOP_GRACE_MS), closeServer(operationsServer, STOP_GRACE_MS)]);
      await reporter.stop();
      store.stop();
      await client.close();
    },
  };
}

function makeContentServer(handler: ContentHandler): Server {
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      headersTimeout: REQUEST_HEAD_TIMEOUT_MS,
      requestTimeout: REQUEST_HEAD_TIMEOUT_MS,
      maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
      noDelay: true,
    },
    handler.handle,
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = SOCKET_IDLE_TIMEOUT_MS;
  // The listener's backlog is an option of listen(); kit passes none, so it is fixed here.
  const { listen: listenPlain } = server;
  server.listen = ((options: object, ...rest: unknown[]) =>
    listenPlain.call(
      server,
      { backlog: LISTEN_BACKLOG, ...options } as never,
      ...(rest as []),
    )) as typeof server.listen;
  return server;
}
