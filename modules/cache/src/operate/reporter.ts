// Every 15 s: closes an interval, renews the summary, hands the report to whoever sends it, and saves the totals of this module's life.

import { join } from 'node:path';
import { type Logger, readJsonFile, writeJsonFile } from '@wayside/kit';
import type { CacheReport } from '@wayside/protocol';
import type { OriginGate } from '../origin/origin-gate.ts';
import type { Drive } from '../store/drive.ts';
import { hitRatio, makeReport } from './cache-report.ts';
import type { OriginBytes, TrafficSnapshot, TrafficSource } from './traffic-counters.ts';

/** connected-cache 2.3. */
const REPORT_INTERVAL_MS = 15_000;
const TOTALS_FILE = 'totals.json';

/** Names of connected-cache 2.3, `eggressBytes` with the original's spelling. */
export interface Summary {
  hitBytes: number;
  missBytes: number;
  eggressBytes: number;
  hitRatioBytes: number;
  period: {
    fromUtc: string;
    toUtc: string;
    hitBytes: number;
    missBytes: number;
    eggressBytes: number;
    hitRatioBytes: number;
  };
}

export interface ReporterDeps {
  counters: TrafficSource;
  gate: OriginGate;
  drives: readonly Drive[];
  logger: Logger;
  now: () => number;
}

export class Reporter {
  readonly #deps: ReporterDeps;
  #before: TrafficSnapshot;
  #ingressBefore = 0;
  #fromMs: number;
  #earlier: OriginBytes = { hitBytes: 0, missBytes: 0 };
  #timer: NodeJS.Timeout | null = null;
  summary: Summary;
  onReport: (report: CacheReport) => void = () => {};

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
    this.#before = deps.counters.snapshot();
    this.#fromMs = deps.now();
    this.summary = this.#summarize(this.#make(this.#fromMs));
  }

  /** Reads the totals of earlier lives from the first drive that has them, then reports at the interval. */
  async start(): Promise<void> {
    for (const drive of this.#deps.drives) {
      const saved = await readJsonFile<OriginBytes>(join(drive.path, TOTALS_FILE)).catch(() => undefined);
      if (saved === undefined || saved.hitBytes + saved.missBytes <= this.#earlier.hitBytes + this.#earlier.missBytes)
        continue;
      this.#earlier = { hitBytes: saved.hitBytes, missBytes: saved.missBytes };
    }
    this.summary = this.#summarize(this.#make(this.#deps.now()));
    this.#timer = setInterval(() => this.tick(), REPORT_INTERVAL_MS);
  }

  /** Closes the interval. */
  tick(): CacheReport {
    const nowMs = this.#deps.now();
    const report = this.#make(nowMs);
    this.#before = this.#deps.counters.snapshot();
    this.#ingressBefore = this.#deps.gate.ingressBytes;
    this.#fromMs = nowMs;
    this.summary = this.#summarize(report);
    void this.#save(report);
    this.onReport(report);
    return report;
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#save(this.#make(this.#deps.now()));
  }

  #make(toMs: number): CacheReport {
    return makeReport({
      fromMs: this.#fromMs,
      toMs,
      before: this.#before,
      after: this.#deps.counters.snapshot(),
      ingressBytes: this.#deps.gate.ingressBytes - this.#ingressBefore,
      earlier: this.#earlier,
      drives: this.#deps.drives,
    });
  }

  #summarize({ totals, fromUtc, toUtc, hitBytes, missBytes }: CacheReport): Summary {
    return {
      hitBytes: totals.hitBytes,
      missBytes: totals.missBytes,
      eggressBytes: totals.egressBytes,
      hitRatioBytes: totals.hitRatioBytes,
      period: {
        fromUtc,
        toUtc,
        hitBytes,
        missBytes,
        eggressBytes: hitBytes + missBytes,
        hitRatioBytes: hitRatio(hitBytes, missBytes),
      },
    };
  }

  async #save({ totals }: CacheReport): Promise<void> {
    const drive = this.#deps.drives.find((d) => d.isUp);
    if (drive === undefined) return;
    const { hitBytes, missBytes } = totals;
    await writeJsonFile(join(drive.path, TOTALS_FILE), { hitBytes, missBytes }).catch((error) => {
      this.#deps.logger.warn('Totals could not be saved', { error });
    });
  }
}
