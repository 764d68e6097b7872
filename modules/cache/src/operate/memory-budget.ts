// Keeps the process below its memory limit: first no new misses (503, clients take the CDN), then the bodies in memory go.

import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { Logger } from '@wayside/kit';

const CHECK_INTERVAL_MS = 1000;
/** Shares of the limit: from here on misses are refused; from here on bodies in memory are dropped; below this everything is as before. */
const TIGHT_SHARE = 0.85;
const SCARCE_SHARE = 0.95;
const RELAXED_SHARE = 0.8;
/** Share of what the container or the machine has, when no limit is set. */
const DEFAULT_SHARE = 0.8;

/** 0: normal. 1: new misses are refused. 2: bodies in memory were dropped too. */
export type MemoryLevel = 0 | 1 | 2;

/** Pure: the level after a look at the resident set. Between the thresholds the former level stays. */
export function nextLevel(level: MemoryLevel, rssBytes: number, limitBytes: number): MemoryLevel {
  const share = rssBytes / limitBytes;
  if (share >= SCARCE_SHARE) return 2;
  if (share >= TIGHT_SHARE) return level === 2 ? 2 : 1;
  return share < RELAXED_SHARE ? 0 : level;
}

export interface MemoryBudgetDeps {
  /** Bytes; null = a share of what the container or the machine has. */
  limitBytes: number | null;
  dropBodies: () => void;
  logger: Logger;
  rssBytes?: () => number;
}

export class MemoryBudget {
  limitBytes: number;
  readonly #deps: MemoryBudgetDeps;
  readonly #rssBytes: () => number;
  #level: MemoryLevel = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: MemoryBudgetDeps) {
    this.#deps = deps;
    this.#rssBytes = deps.rssBytes ?? (() => process.memoryUsage.rss());
    this.limitBytes = deps.limitBytes ?? Math.floor(availableBytes() * DEFAULT_SHARE);
  }

  get level(): MemoryLevel {
    return this.#level;
  }

  /** Whether a request that needs an origin may begin. */
  get takesMisses(): boolean {
    return this.#level === 0;
  }

  start(): void {
    this.#timer = setInterval(() => this.check(), CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  check(): void {
    const rssBytes = this.#rssBytes();
    const level = nextLevel(this.#level, rssBytes, this.limitBytes);
    if (level === 2) this.#deps.dropBodies();
    if (level === this.#level) return;
    const fields = { level, rssBytes, limitBytes: this.limitBytes, code: 'CACHE_MEMORY_SHORT' };
    if (level > this.#level)
      this.#deps.logger.warn('Memory is short: requests that need an origin are refused', fields);
    else this.#deps.logger.info('Memory suffices again', { ...fields, code: undefined });
    this.#level = level;
  }
}

/** Limit of the container's control group, or the machine's memory. */
function availableBytes(): number {
  for (const path of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const bytes = Number(readFileSync(path, 'utf8').trim());
      if (Number.isFinite(bytes) && bytes > 0 && bytes < totalmem()) return bytes;
    } catch {
      // Not this version of control groups.
    }
  }
  return totalmem();
}
