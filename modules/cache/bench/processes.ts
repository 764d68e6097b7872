// Server processes of the benchmarks: started pinned to a core, found with all their children, their CPU and memory read from /proc, ended by a signal.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Unit of /proc/PID/stat. */
const TICKS_PER_SEC = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout.trim() || 100);
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;
const POLL_MS = 10;

export interface CpuSeconds {
  user: number;
  system: number;
}

export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** @param core null = anywhere */
  static async start(
    command: readonly string[],
    port: number,
    core: number | null,
    logFile: string,
  ): Promise<ServerProcess> {
    const priority = process.getuid?.() === 0 ? ['nice', '-n', '-10'] : [];
    const [program = '', ...args] = [
      ...(core === null ? [] : ['taskset', '-c', String(core)]),
      ...priority,
      ...command,
    ];
    const log = openSync(logFile, 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, NODE_OPTIONS: '' } });
    closeSync(log);
    const started = new ServerProcess(child, port);
    const endMs = Date.now() + START_MS_MAX;
    while (!(await isListening(port))) {
      if (child.exitCode !== null || Date.now() > endMs) {
        await started.end('SIGKILL');
        throw new Error(`${command[0]} does not serve on port ${port}: ${readFileSync(logFile, 'utf8').slice(-1000)}`);
      }
      await sleep(POLL_MS);
    }
    return started;
  }

  get pids(): number[] {
    return treeOf(this.#child.pid as number);
  }

  get cpu(): CpuSeconds {
    const sum = { user: 0, system: 0 };
    for (const pid of this.pids) {
      const fields = read(`/proc/${pid}/stat`)
        .replace(/^.*\) /s, '')
        .split(' ');
      sum.user += Number(fields[11] ?? 0) / TICKS_PER_SEC;
      sum.system += Number(fields[12] ?? 0) / TICKS_PER_SEC;
    }
    return sum;
  }

  get rssMib(): number {
    return this.pids.reduce(
      (sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024,
      0,
    );
  }

  /** All of them; resolves when none is left. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { pids } = this;
    const endMs = Date.now() + STOP_MS_MAX;
    const first = signal === 'SIGTERM' ? [this.#child.pid as number] : pids;
    for (const pid of first) killOne(pid, signal);
    while (pids.some((pid) => existsSync(`/proc/${pid}`) && !read(`/proc/${pid}/stat`).includes(') Z '))) {
      if (Date.now() > endMs) for (const pid of pids) killOne(pid, 'SIGKILL');
      await sleep(POLL_MS);
    }
  }
}

function killOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function treeOf(pid: number): number[] {
  if (!existsSync(`/proc/${pid}`)) return [];
  let tasks: string[] = [];
  try {
    tasks = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  const children = tasks.flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).trim().split(/\s+/).filter(Boolean),
  );
  return [pid, ...children.flatMap((child) => treeOf(Number(child)))];
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
