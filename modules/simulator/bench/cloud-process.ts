// The cloud under measurement: one or two processes of the checkout on free ports over one state folder, their CPU and memory from /proc.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = join(import.meta.dirname, '../../cloud/src/main.ts');
const TICKS_PER_SEC = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout.trim() || 100);
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 30_000;
const POLL_MS = 20;

export interface CloudPlace {
  stateDir: string;
  httpsPort: number;
  mqttPort: number;
  /** undefined = SQLite in the state folder. */
  databaseUrl: string | undefined;
}

export class CloudProcess {
  readonly place: CloudPlace;
  readonly #child: ChildProcess;

  private constructor(place: CloudPlace, child: ChildProcess) {
    this.place = place;
    this.#child = child;
  }

  /** Resolves when it listens. */
  static async start(place: CloudPlace): Promise<CloudProcess> {
    const { stateDir, httpsPort, mqttPort, databaseUrl } = place;
    const logFile = join(stateDir, `cloud-${httpsPort}.log`);
    const log = openSync(logFile, 'w');
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        // As in the image.
        NODE_COMPILE_CACHE: join(stateDir, 'compiled'),
        WAYSIDE_CLOUD_STATE_DIR: stateDir,
        WAYSIDE_CLOUD_HOSTNAME: 'localhost',
        WAYSIDE_CLOUD_LISTEN_ADDRESS: '127.0.0.1',
        WAYSIDE_CLOUD_LISTEN_HTTPS_PORT: String(httpsPort),
        WAYSIDE_CLOUD_LISTEN_MQTT_PORT: String(mqttPort),
        WAYSIDE_CLOUD_PUBLIC_HTTPS_PORT: String(httpsPort),
        WAYSIDE_CLOUD_PUBLIC_MQTT_PORT: String(mqttPort),
        WAYSIDE_CLOUD_LOG_LEVEL: 'info',
        ...(databaseUrl === undefined ? {} : { WAYSIDE_CLOUD_DATABASE_URL: databaseUrl }),
      },
    });
    closeSync(log);
    const endMs = Date.now() + START_MS_MAX;
    while (!readFileSync(logFile, 'utf8').includes('Cloud is up')) {
      if (child.exitCode !== null || Date.now() > endMs) {
        child.kill('SIGKILL');
        throw new Error(`The cloud does not start: ${readFileSync(logFile, 'utf8').slice(-2000)}`);
      }
      await sleep(POLL_MS);
    }
    return new CloudProcess(place, child);
  }

  /** User and system seconds since its start. */
  get cpuSecs(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SEC;
  }

  get rssMib(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX);
    this.#child.kill(signal);
    await ended;
    clearTimeout(timer);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
