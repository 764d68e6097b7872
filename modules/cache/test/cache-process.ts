// A cache in a process of its own, as tests hold it: started, asked for its state, killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fetchRaw } from './test-cache.ts';

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
  /** What it wrote to standard error: a crash says why. */
  errors = '';
  content = 0;
  operations = 0;

  private constructor(env: Record<string, string>) {
    this.child = spawn(
      process.execPath,
      ['--expose-gc', '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'cache-process-target.ts')],
      {
        env: {
          PATH: process.env.PATH,
          CACHE_LISTEN: '127.0.0.1:0',
          CACHE_OPERATIONS_LISTEN: '127.0.0.1:0',
          ...env,
        },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    this.child.stderr?.on('data', (piece: Buffer) => {
      this.errors = (this.errors + piece.toString()).slice(-10_000);
    });
  }

  static async start(env: Record<string, string>): Promise<CacheProcess> {
    const started = new CacheProcess(env);
    const message = once(started.child, 'message') as Promise<[{ content: number; operations: number }]>;
    const exit = once(started.child, 'exit').then(([code]) => {
      throw new Error(`The cache ended with ${code} at its start: ${started.errors}`);
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
