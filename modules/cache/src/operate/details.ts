// Everything at a glance for the person who looks at one node: GET /details and the direct method of the same name.

import type { EgressBudget } from '../deliver/egress-budget.ts';
import type { Fills } from '../fill/fills.ts';
import type { OriginGate } from '../origin/origin-gate.ts';
import { maskedTarget } from '../request/access-log.ts';
import type { CacheObject } from '../store/cache-object.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Summary } from './reporter.ts';
import type { AppliedSettings } from './settings-keeper.ts';
import { byContentClass, type TrafficSource } from './traffic-counters.ts';

/** Rows of each table. */
const ROWS_MAX = 50;

export interface DetailsDeps {
  version: string;
  startedAtMs: number;
  traffic: TrafficSource;
  summary: () => Summary;
  store: ObjectStore;
  gate: OriginGate;
  fills: Pick<Fills, 'meters'>;
  budget: EgressBudget;
  memory: () => { level: number; limitBytes: number };
  settings: () => AppliedSettings;
  isDraining: () => boolean;
  /** Threads that serve clients. */
  threads: () => number;
  nowMs: () => number;
}

export function makeDetails(deps: DetailsDeps): object {
  const traffic = deps.traffic.snapshot();
  const { store, gate, budget } = deps;
  const bytesOf = ({ hitBytes, missBytes }: { hitBytes: number; missBytes: number }) => hitBytes + missBytes;
  return {
    version: deps.version,
    startedAtUtc: new Date(deps.startedAtMs).toISOString(),
    uptimeSecs: Math.floor((deps.nowMs() - deps.startedAtMs) / 1000),
    draining: deps.isDraining(),
    threads: deps.threads(),
    settings: deps.settings(),
    summary: deps.summary(),
    requests: {
      total: traffic.requests,
      active: traffic.activeRequests,
      errors5xx: traffic.errors5xx,
      refused: traffic.refused,
    },
    results: traffic.results,
    overloads: traffic.overloads,
    connections: traffic.connections,
    egress: {
      capMbps: budget.isCapped ? (budget.bytesPerSec * 8) / 1e6 : null,
      ...{ streams: budget.streams, clients: budget.clients, waiting: budget.waiting },
    },
    memory: { rssBytes: process.memoryUsage.rss(), ...deps.memory() },
    byOrigin: Object.values(traffic.byOrigin)
      .sort((a, b) => bytesOf(b) - bytesOf(a))
      .slice(0, ROWS_MAX),
    byContentClass: [...byContentClass(traffic.byOrigin)].map(([contentClass, sums]) => ({ contentClass, ...sums })),
    origins: gate.lines.sort((a, b) => b.running - a.running).slice(0, ROWS_MAX),
    fills: {
      transfers: gate.transfers,
      finished: deps.fills.meters.finished,
      failed: deps.fills.meters.failed,
      ingressBytes: gate.ingressBytes,
    },
    drives: store.drives.map((drive) => ({
      path: drive.path,
      state: drive.isUp ? 'ok' : 'failed',
      issue: drive.issue,
      reason: drive.issueText || undefined,
      sizeBytes: drive.capBytes,
      usedBytes: drive.usedBytes,
      objects: drive.objectCount,
      evictedObjects: drive.evictedObjects,
    })),
    liveObjects: store.liveCount,
    topObjects: topObjects(store),
  };
}

/** Objects with most readers now, largest first among equals. Keys without what could be a signature. */
function topObjects(store: ObjectStore): object[] {
  const inUse: CacheObject[] = [];
  for (const drive of store.drives) {
    for (const object of drive.live.values()) if (object.uses > 0 || object.work?.isActive === true) inUse.push(object);
  }
  return inUse
    .sort((a, b) => b.uses - a.uses || b.sizeBytes - a.sizeBytes)
    .slice(0, ROWS_MAX)
    .map((object) => ({
      key: maskedKey(object.key),
      drive: object.drive.path,
      uses: object.uses,
      filling: object.work?.isActive === true,
      sizeBytes: object.sizeBytes,
      presentBytes: object.chunks.presentBytes(0, object.sizeBytes),
    }));
}

function maskedKey(key: string): string {
  const { path, query } = maskedTarget(key.split(' ', 1)[0] as string);
  return query === undefined ? path : `${path}?${query}`;
}
