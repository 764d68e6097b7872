// The room's own composition: reports, settings, purge, certificates and figures, behind the operations port and as commands for the hub.

import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { closeServer, type Logger, listen, systemClock } from '@wayside/kit';
import type { Request } from 'express';
import type { CacheConfig } from '../config.ts';
import type { EgressBudget } from '../deliver/egress-budget.ts';
import type { Fills } from '../fill/fills.ts';
import type { Openings } from '../fill/openings.ts';
import type { ConnectionBudget } from '../listen/connection-budget.ts';
import type { ContentListener } from '../listen/content-server.ts';
import type { OriginGate } from '../origin/origin-gate.ts';
import type { Origin } from '../origin/origins.ts';
import type { ChunkLoader } from '../store/chunk-loader.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { SCRUB_BYTES_PER_SEC } from '../store/scrubber.ts';
import { certificateCommands } from '../tls/certificate-commands.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import { HttpsListener } from '../tls/https-listener.ts';
import { type Command, type CommandAnswer, runCommand } from './commands.ts';
import type { DesiredSettings } from './desired.ts';
import { makeDetails } from './details.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { MetricsDeps } from './metrics.ts';
import { tokenReader } from './operations-access.ts';
import type { CommandRoute } from './operations-app.ts';
import { prefetchCommands } from './prefetch/prefetch-commands.ts';
import { Prefetcher } from './prefetch/prefetcher.ts';
import { purgeCommands } from './purge/purge-commands.ts';
import type { Purger } from './purge/purger.ts';
import { Reporter } from './reporter.ts';
import { NO_DESIRED, threadSettings } from './settings-in-force.ts';
import { SettingsKeeper } from './settings-keeper.ts';
import type { TrafficSource } from './traffic-counters.ts';

// Not imported: see content-server.ts.
const { createServer } = process.getBuiltinModule('node:http');

const STOP_GRACE_MS = 3000;
/** Problems in the reported properties: a twin has 32 KB. */
const PROBLEMS_REPORTED_MAX = 20;

export interface OperationsParts {
  config: CacheConfig;
  version: string;
  logger: Logger;
  store: ObjectStore;
  loader: ChunkLoader;
  gate: OriginGate;
  fills: Fills;
  traffic: TrafficSource;
  budget: EgressBudget;
  connections: ConnectionBudget;
  memory: MemoryBudget;
  purger: Purger;
  accessLog: () => { written: number; dropped: number };
  /** Answers requests of the HTTPS listener. */
  handle: ContentListener;
  /** Puts desired settings in force everywhere else. */
  apply: (settings: DesiredSettings) => Promise<void>;
  setScrubRate: (bytesPerSec: number) => void;
  origins: { resolve(host: string): Origin | undefined };
  openings: Openings;
  isDraining: () => boolean;
  threads: () => number;
}

/** Everything an operator sees and does. */
export class Operations {
  readonly reporter: Reporter;
  readonly settings: SettingsKeeper;
  readonly https: HttpsListener | null;
  /** By name, for direct methods. */
  readonly commands: Readonly<Record<string, Command>>;
  readonly #parts: OperationsParts;
  readonly #certificates: CertificateStore;
  readonly #prefetcher: Prefetcher;
  #inForce: DesiredSettings = NO_DESIRED;
  readonly #startedAtMs = Date.now();
  readonly #server = createServer();

  constructor(parts: OperationsParts) {
    this.#parts = parts;
    const { config, store, gate, traffic, logger, purger } = parts;
    this.reporter = new Reporter({ counters: traffic, gate, drives: store.drives, logger, now: Date.now });
    this.settings = new SettingsKeeper(store.drives, (settings) => this.#apply(settings), logger);
    this.#prefetcher = new Prefetcher({
      ...{ store, gate, fills: parts.fills, openings: parts.openings, clock: systemClock, logger, nowMs: Date.now },
      resolve: (host) => parts.origins.resolve(host),
    });
    const { tlsCertificateFile: certificateFile, tlsKeyFile: keyFile } = config;
    const directory = config.tlsDirectory ?? join(config.drives[0]?.path ?? '/', 'tls');
    this.#certificates = new CertificateStore({ certificateFile, keyFile, directory }, Date.now);
    this.https =
      config.tlsListen === null
        ? null
        : new HttpsListener({
            address: config.tlsListen,
            certificates: this.#certificates,
            ...{ handle: parts.handle, connections: parts.connections, logger },
          });
    this.commands = {
      ...purgeCommands(purger),
      ...prefetchCommands(this.#prefetcher),
      ...certificateCommands(this.#certificates, this.https),
      details: () => ({ status: 200, payload: this.details() }),
      summary: () => ({ status: 200, payload: this.reporter.summary }),
    };
  }

  details(): object {
    const { version, traffic, store, gate, fills, budget, memory, isDraining, threads } = this.#parts;
    return makeDetails({
      ...{ version, traffic, store, gate, fills, budget, isDraining, threads },
      startedAtMs: this.#startedAtMs,
      summary: () => this.reporter.summary,
      memory: () => ({ level: memory.level, limitBytes: memory.limitBytes }),
      settings: () => this.settings.applied,
      nowMs: Date.now,
    });
  }

  /** The last good settings, totals and unfinished purges; before the first client. The store has started. */
  async restore(): Promise<void> {
    this.#prefetcher.open();
    await this.settings.restore();
    await this.reporter.start();
    await this.#parts.purger.start();
  }

  /** Opens the operations port and, with a certificate, the HTTPS listener. */
  async open(content: AddressInfo): Promise<AddressInfo> {
    const { config, store, isDraining, logger } = this.#parts;
    // Loaded when content is served already: they take longer than everything before.
    const { makeMetrics } = await import('./metrics.ts');
    const { makeOperationsApp } = await import('./operations-app.ts');
    const app = makeOperationsApp({
      summary: () => this.reporter.summary,
      details: () => this.details(),
      metrics: makeMetrics(this.#metricsDeps()),
      drives: store.drives,
      contentAddress: () => ({ host: config.listen.host ?? '127.0.0.1', port: content.port }),
      isDraining,
      routes: this.#routes(),
      access: {
        isSummaryPublic: config.isSummaryPublic,
        isSummaryAccessUnrestricted: config.isSummaryAccessUnrestricted,
        customerKey: config.customerKey,
        token: tokenReader(config.operationsToken, config.operationsTokenFile),
      },
      logger,
    });
    this.#server.on('request', app);
    this.#parts.memory.start();
    this.#prefetcher.start();
    await this.https?.start();
    return listen(this.#server, config.operationsListen as { host: string; port: number });
  }

  async #apply(settings: DesiredSettings): Promise<void> {
    await this.#parts.apply(settings);
    const { operations } = settings;
    this.#parts.setScrubRate(operations.scrubBytesPerSec ?? SCRUB_BYTES_PER_SEC);
    this.#inForce = settings;
    try {
      this.#prefetcher.setDesired(operations.prefetch);
    } catch (error) {
      this.#parts.logger.error('Desired prefetch jobs are not made', { error });
    }
  }

  /** Reported properties of the module twin: what of the desired ones is in force, and what was wrong with the last (contracts 8). */
  reported(): object {
    const { version: appliedVersion, problems } = this.settings.applied;
    const { config, version: cacheVersion } = this.#parts;
    const { isDraining, isReadOnly, maxEgressMbps, accessLog, clientBytesPerSecMin } = threadSettings(
      config,
      this.#inForce,
    );
    const { operations, origins } = this.#inForce;
    return {
      ...{ schemaVersion: '1.0', cacheVersion, appliedVersion },
      problems: problems.slice(0, PROBLEMS_REPORTED_MAX),
      inForce: {
        ...{ drain: isDraining, readOnly: isReadOnly, maxEgressMbps, clientBytesPerSecMin },
        accessLog: { on: accessLog.isOn, share: accessLog.share, slowMs: accessLog.slowMs },
        connectionsMax: operations.connectionsMax ?? config.connectionsMax,
        connectionsPerClientMax: operations.connectionsPerClientMax ?? config.connectionsPerClientMax,
        scrubBytesPerSec: operations.scrubBytesPerSec ?? SCRUB_BYTES_PER_SEC,
        origins: origins.length,
        prefetchJobs: operations.prefetch.size,
      },
    };
  }

  /** The commands as direct methods of the module. */
  methods(): Record<string, (payload: unknown) => Promise<CommandAnswer>> {
    const { logger } = this.#parts;
    return Object.fromEntries(
      Object.entries(this.commands).map(([name, command]) => [
        name,
        (payload: unknown) => runCommand(command, payload, 'method', logger),
      ]),
    );
  }

  #metricsDeps(): MetricsDeps {
    const { traffic, gate, fills, loader, store, budget, memory, purger, accessLog, isDraining } = this.#parts;
    return {
      ...{ traffic, gate, fills, loader, store, budget, accessLog, isDraining },
      memoryLevel: () => memory.level,
      purges: () => ({ waiting: purger.waiting, objects: purger.purgedObjects }),
      prefetch: () => this.#prefetcher.totals(),
      certificateSecs: () => {
        const end = this.https?.facts?.notAfterUtc;
        return end === undefined ? null : (Date.parse(end) - Date.now()) / 1000;
      },
    };
  }

  #routes(): CommandRoute[] {
    const command = (name: string) => this.commands[name] as Command;
    return [
      { method: 'post', path: '/purge', command: command('purge') },
      { method: 'get', path: '/purges', command: command('purges') },
      { method: 'get', path: '/purges/:id', command: command('purges') },
      { method: 'post', path: '/prefetch', command: command('prefetch'), payload: prefetchPayload },
      { method: 'get', path: '/prefetch', command: command('prefetchJobs') },
      { method: 'get', path: '/prefetch/:id', command: command('prefetchJobs') },
      { method: 'delete', path: '/prefetch/:id', command: command('cancelPrefetch') },
      { method: 'get', path: '/certificate', command: command('certificate') },
      { method: 'post', path: '/certificate/request', command: command('requestCertificate') },
      { method: 'put', path: '/certificate', command: command('importCertificate') },
      { method: 'delete', path: '/certificate', command: command('disableTls') },
    ];
  }

  /** Listeners first: what is under way at the drives ends afterwards. */
  async closeListeners(): Promise<void> {
    await Promise.all([closeServer(this.#server, STOP_GRACE_MS), this.https?.stop()]);
  }

  async stop(): Promise<void> {
    this.#parts.memory.stop();
    await this.#prefetcher.stop();
    await this.#parts.purger.stop();
    await this.reporter.stop();
  }
}

/** A manifest as the body is put beside what the query says of window, rate and name. */
function prefetchPayload({ body, query }: Request): unknown {
  if (typeof body === 'string') return { ...query, manifest: body };
  if (Array.isArray(body)) return { ...query, urls: body };
  return { ...query, ...(body as object | undefined) };
}
