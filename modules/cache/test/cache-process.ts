// A cache in a process of its own, as tests hold it: started, asked for its state, killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fetchRaw } from './test-cache.ts';

const OUTPUT_KEPT = 20_000;

export interface ProcessState {
  rssBytes: number;
  heapBytes: number;
  externalBytes: number;
  descriptors: number;
  /** Names asked for, with TEST_NO_DNS set. */
  lookedUp: string[];
}

export class CacheProcess {
  readonly child: ChildProcess;
  /** The end of what it wrote: a crash says why, and with TEST_LOG set it says what it does. */
  output = '';
  content = 0;
  operations = 0;

  private constructor(env: Record<string, string>) {
    this.child = spawn(
      process.execPath,
      ['--expose-gc', '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'cache-process-target.ts')],
      {
        env: {
          PATH: process.env.PATH,
          TEST_LOG: process.env.TEST_LOG,
          CACHE_LISTEN: '127.0.0.1:0',
          CACHE_OPERATIONS_LISTEN: '127.0.0.1:0',
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      },
    );
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (piece: Buffer) => {
        this.output = (this.output + piece.toString()).slice(-OUTPUT_KEPT);
      });
    }
  }

  static async start(env: Record<string, string>): Promise<CacheProcess> {
    const started = new CacheProcess(env);
    const message = once(started.child, 'message') as Promise<[{ content: number; operations: number }]>;
    const exit = once(started.child, 'exit').then(([code]) => {
      throw new Error(`The cache ended with ${code} at its start: ${started.output}`);
    });
    const [ports] = await Promise.race([message, exit]);
    exit.catch(() => {});
    Object.assign(started, ports);
    return started;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async state(): Promise<ProcessState> {
    const answer = once(this.child, 'message') as Promise<[ProcessState]>;
    this.child.send('state');
    return (await answer)[0];
  }

  /** Sum of a Prometheus metric over its labels. */
  async metric(name: string): Promise<number> {
    const { body } = await fetchRaw(this.operations, '/metrics', 'GET', {});
    const lines = body
      .toString()
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (lines.length === 0) throw new Error(`There is no metric ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.isRunning) return;
    const exit = once(this.child, 'exit');
    this.child.kill(signal);
    await exit;
  }
}
