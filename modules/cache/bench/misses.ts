// Misses: many clients on one cold object, ranges, an abort, small objects, restarts; with what it cost the origin. The origin sends 50 MB/s in all.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load, LoadResult } from './load.ts';
import { type Origin, THROTTLED_MB_PER_SEC, UNLIMITED_MB_PER_SEC } from './origin-control.ts';
import type { ServerProcess } from './processes.ts';

const MIB = 1024 * 1024;
const LARGE = 256 * MIB;
const SMALL_BYTES = 4096;
const SETTLE_MS = 15_000;
const TIMEOUT_S = '120';
/** How long an abandoned fill is watched before it is looked at. */
const AFTER_ABORT_MS = 1500;
const SAMPLE = 2000;

export interface CrowdRow {
  firstByteP50Ms: number;
  firstByteP99Ms: number;
  doneP50Ms: number;
  doneP99Ms: number;
  answered: number;
  failed: number;
  wrong: number;
  originRequests: number;
  originMib: number;
  usefulMib: number;
  cpuSecs: number;
}

export interface Misses {
  crowd: CrowdRow;
  ranges: CrowdRow;
  oneRange: { firstByteMs: number; doneMs: number; originMib: number; againOriginMib: number; againMs: number };
  abort: { originMibAtAbort: number; later: number; inTheEnd: number; againOriginMib: number; wrong: number };
  fill: { objects: number; secs: number; perSec: number; cpuUsEach: number; errors: number };
  restarts: {
    signal: string;
    stopAndStartMs: number;
    firstAnswerMs: number;
    hitRatio: number;
    errors: number;
    wrong: number;
  }[];
}

const newId = () => randomBytes(6).toString('hex');

export class MissBench {
  readonly #load: Load;
  readonly #origin: Origin;
  readonly #restart: (signal: 'SIGTERM' | 'SIGKILL') => Promise<ServerProcess>;
  #server: ServerProcess;

  /** @param restart ends the server and starts it again on what it kept */
  constructor(
    server: ServerProcess,
    load: Load,
    origin: Origin,
    restart: (signal: 'SIGTERM' | 'SIGKILL') => Promise<ServerProcess>,
  ) {
    this.#server = server;
    this.#load = load;
    this.#origin = origin;
    this.#restart = restart;
  }

  /** @param objects small objects to fill and to find again after restarts */
  async measure(objects: number): Promise<Misses> {
    await this.#origin.setRate(THROTTLED_MB_PER_SEC);
    const crowd = await this.#crowd(64, ['-c', '200', '-1', '-p', `/obj/${64 * MIB}/${newId()}`]);
    const ranges = await this.#crowd(200, [
      '-c',
      '200',
      '-1',
      '-v',
      '-p',
      `/obj/${LARGE}/${newId()}`,
      '-r',
      `${MIB}:${LARGE}:shuffled`,
    ]);
    const oneRange = await this.#oneRange();
    const abort = await this.#abort();
    await this.#origin.setRate(UNLIMITED_MB_PER_SEC);
    const path = `/obj/${SMALL_BYTES}/${newId()}-%d`;
    const fill = await this.#fill(path, objects);
    const restarts = [await this.#restarted('SIGTERM', path, objects), await this.#restarted('SIGKILL', path, objects)];
    return { crowd, ranges, oneRange, abort, fill, restarts };
  }

  get server(): ServerProcess {
    return this.#server;
  }

  async #crowd(usefulMib: number, options: string[]): Promise<CrowdRow> {
    await this.#origin.reset();
    const before = this.#cpuSecs();
    const result = await this.#load.run(...options, '-t', TIMEOUT_S);
    const { requests, bodyBytes } = await this.#origin.settle(SETTLE_MS);
    return {
      firstByteP50Ms: result.firstByteMs.p50,
      firstByteP99Ms: result.firstByteMs.p99,
      doneP50Ms: result.latencyMs.p50,
      doneP99Ms: result.latencyMs.p99,
      answered: result.requests,
      failed: result.errors + result.unfinished,
      wrong: result.wrong,
      originRequests: requests,
      originMib: bodyBytes / MIB,
      usefulMib,
      cpuSecs: this.#cpuSecs() - before,
    };
  }

  #cpuSecs(): number {
    const { user, system } = this.#server.cpu;
    return user + system;
  }

  async #oneRange(): Promise<Misses['oneRange']> {
    const options = [
      '-c',
      '1',
      '-1',
      '-v',
      '-p',
      `/obj/${LARGE}/${newId()}`,
      '-R',
      `${200 * MIB}-${201 * MIB - 1}`,
      '-t',
      TIMEOUT_S,
    ];
    await this.#origin.reset();
    const first = await this.#load.run(...options);
    const cold = await this.#origin.settle(SETTLE_MS);
    await this.#origin.reset();
    const second = await this.#load.run(...options);
    const warm = await this.#origin.settle(SETTLE_MS);
    return {
      firstByteMs: first.firstByteMs.p50,
      doneMs: first.latencyMs.p50,
      originMib: cold.bodyBytes / MIB,
      againOriginMib: warm.bodyBytes / MIB,
      againMs: second.latencyMs.p50,
    };
  }

  async #abort(): Promise<Misses['abort']> {
    const path = ['-p', `/obj/${LARGE}/${newId()}`, '-t', TIMEOUT_S];
    await this.#origin.reset();
    await this.#load.run('-c', '1', '-n', '1', '-x', String(32 * MIB), ...path);
    const at = await this.#origin.figures();
    await sleep(AFTER_ABORT_MS);
    const later = await this.#origin.figures();
    const end = await this.#origin.settle(SETTLE_MS);
    await this.#origin.reset();
    const again = await this.#load.run('-c', '1', '-1', '-v', ...path);
    const refetched = await this.#origin.settle(SETTLE_MS);
    return {
      originMibAtAbort: at.bodyBytes / MIB,
      later: later.bodyBytes / MIB,
      inTheEnd: end.bodyBytes / MIB,
      againOriginMib: refetched.bodyBytes / MIB,
      wrong: again.wrong,
    };
  }

  async #fill(path: string, objects: number): Promise<Misses['fill']> {
    await this.#origin.reset();
    const before = this.#cpuSecs();
    const result = await this.#load.run(
      '-c',
      '64',
      '-n',
      String(objects),
      '-k',
      String(objects),
      '-q',
      '-p',
      path,
      '-t',
      '300',
    );
    const cpuSecs = this.#cpuSecs() - before;
    return {
      objects: result.requests,
      secs: result.secs,
      perSec: result.requests / result.secs,
      cpuUsEach: (cpuSecs * 1e6) / Math.max(1, result.requests),
      errors: result.errors,
    };
  }

  async #restarted(signal: 'SIGTERM' | 'SIGKILL', path: string, objects: number): Promise<Misses['restarts'][number]> {
    const beganMs = performance.now();
    this.#server = await this.#restart(signal);
    const stopAndStartMs = performance.now() - beganMs;
    const one = ['-c', '1', '-n', '1', '-k', String(objects), '-p', path, '-t', '60'];
    let first: LoadResult = await this.#load.run(...one, '-s', String(Date.now()));
    while (first.requests === 0) first = await this.#load.run(...one, '-s', String(Date.now()));
    const firstAnswerMs = performance.now() - beganMs;
    await this.#origin.reset();
    const sample = ['-c', '16', '-n', String(SAMPLE), '-k', String(objects), '-p', path, '-t', '60', '-v'];
    const result = await this.#load.run(...sample, '-s', String(Date.now() + 7));
    const { requests } = await this.#origin.figures();
    return {
      signal: signal.slice(3),
      stopAndStartMs,
      firstAnswerMs,
      hitRatio: 1 - requests / Math.max(1, result.requests),
      errors: result.errors,
      wrong: result.wrong,
    };
  }
}
