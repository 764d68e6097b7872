// The load generator (load.c), compiled when its source changed, run on its own core.

import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Quantiles {
  p50: number;
  p99: number;
  max: number;
}

/** What load.c prints. */
export interface LoadResult {
  secs: number;
  requests: number;
  bytes: number;
  latencyMs: Quantiles;
  firstByteMs: Quantiles;
  errors: number;
  /** Bodies with a wrong byte (with -v). */
  wrong: number;
  aborted: number;
  notPartial: number;
  unfinished: number;
  clientCpuS: number;
}

const SOURCE = join(import.meta.dirname, 'load.c');
const OUTPUT_BYTES_MAX = 1 << 20;
const run = promisify(execFile);

export class Load {
  readonly #program: string;
  readonly #port: number;
  readonly #pin: readonly string[];

  constructor(program: string, port: number, core: number | null) {
    this.#program = program;
    this.#port = port;
    this.#pin = core === null ? [] : ['taskset', '-c', String(core)];
  }

  /** @param options of load.c, without the port */
  async run(...options: string[]): Promise<LoadResult> {
    const [command = '', ...args] = [...this.#pin, this.#program, '-a', String(this.#port), ...options];
    const { stdout, stderr } = await run(command, args, { maxBuffer: OUTPUT_BYTES_MAX });
    if (stderr !== '') process.stderr.write(`  ${stderr.trim().split('\n')[0]}\n`);
    return JSON.parse(stdout) as LoadResult;
  }
}

/** @returns path of the compiled program */
export function compileLoad(folder: string): string {
  const digest = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16);
  const program = join(folder, `load-${digest}`);
  if (existsSync(program)) return program;
  const { status, stderr, error } = spawnSync('gcc', ['-O2', '-Wall', '-o', program, SOURCE], { encoding: 'utf8' });
  if (error !== undefined)
    throw new Error('Cannot compile the load generator: no gcc here (apt-get install gcc libc6-dev)');
  if (status !== 0) throw new Error(`Cannot compile the load generator: ${stderr}`);
  return program;
}
