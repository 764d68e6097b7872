// A daemon as its own process over a directory of its own, and an HTTP client for its sockets.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
export const API = 'api-version=2022-08-03';

export interface Answer {
  status: number;
  headers: { [name: string]: string | string[] | undefined };
  bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of many shapes
  json: any;
}

/** One HTTP request over a unix socket; the api-version is added unless the path has a query with one. */
export function call(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const full = path.includes('api-version') ? path : `${path}${path.includes('?') ? '&' : '?'}${API}`;
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path: full, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, json: parse(bytes) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

/** Waits until the condition gives something; a condition that throws is not met yet. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const endMs = Date.now() + limitMs;
  let last: unknown;
  while (Date.now() < endMs) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value as T;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Not within ${limitMs} ms: ${what}${last === undefined ? '' : ` (${last})`}`);
}

export class DaemonProcess {
  readonly directory: string;
  #child: ChildProcess | undefined;
  log = '';

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async prepare(): Promise<DaemonProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-daemon-'));
    await mkdir(join(directory, 'etc'));
    return new DaemonProcess(directory);
  }

  get managementSocket(): string {
    return join(this.directory, 'run', 'mgmt', 'mgmt.sock');
  }

  workloadSocket(module: string): string {
    return join(this.directory, 'run', 'workload', module, 'workload.sock');
  }

  configure(toml: string): Promise<void> {
    return writeFile(join(this.directory, 'etc', 'config.toml'), toml, { mode: 0o600 });
  }

  configuration(): Promise<string> {
    return readFile(join(this.directory, 'etc', 'config.toml'), 'utf8');
  }

  file(name: string, text: string): Promise<void> {
    return writeFile(join(this.directory, 'etc', name), text);
  }

  /** Starts it without waiting. */
  spawn(): ChildProcess {
    const { directory } = this;
    const child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env.PATH,
        WAYSIDE_CONFIG_DIR: join(directory, 'etc'),
        WAYSIDE_STATE_DIR: join(directory, 'var'),
        WAYSIDE_RUN_DIR: join(directory, 'run'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const gather = (chunk: Buffer) => {
      this.log += chunk.toString();
    };
    child.stdout?.on('data', gather);
    child.stderr?.on('data', gather);
    this.#child = child;
    return child;
  }

  /** Starts it and waits until the management API answers. */
  async start(): Promise<void> {
    const child = this.spawn();
    await until(`the daemon is up; log:\n${this.log}`, async () => {
      if (child.exitCode !== null) throw new Error(`exit ${child.exitCode}:\n${this.log}`);
      return (await call(this.managementSocket, 'GET', '/systeminfo')).status === 200;
    });
  }

  /** Exit code when the process has ended by itself. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    const code = await this.ended();
    this.#child = undefined;
    return code;
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }

  manage(method: string, path: string, body?: unknown): Promise<Answer> {
    return call(this.managementSocket, method, path, body);
  }
}
