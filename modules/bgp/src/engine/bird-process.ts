// BIRD as a child process: started with a configuration, started again when it ends, its log in ours.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { backoffDelayMs, type Clock, describeError, type Logger, writeFileAtomic } from '@wayside/kit';
import { ControlSocket } from './control-socket.ts';

/** Between two starts. */
const START_RETRY_BASE_MS = 1000;
const START_RETRY_MAX_MS = 30_000;
/** A run of this length makes the next failure the first one again. */
const STEADY_RUN_MS = 60_000;
/** SIGTERM, then SIGKILL. */
const END_MS_MAX = 5000;
/** Lines of BIRD that are logged in a minute: a router that knocks every second must not fill the disk. */
const LOG_LINES_PER_MINUTE_MAX = 60;
const MINUTE_MS = 60_000;
/** bird's own limit for the path of its socket is that of the system: 107 bytes. */
const CONFIG_FILE = 'bird.conf';
const SOCKET_FILE = 'bird.ctl';

export interface BirdOptions {
  /** Folder of configuration and socket. */
  folder: string;
  /** Program and leading arguments, e.g. ['bird'] or ['ip', 'netns', 'exec', NAME, 'bird']. */
  command: readonly [string, ...string[]];
  clock: Clock;
  logger: Logger;
  /** The process began or ended. */
  onChange(): void;
}

export class BirdProcess {
  readonly socket: ControlSocket;
  readonly #options: BirdOptions;
  readonly #stop = new AbortController();
  #child: ChildProcess | undefined;
  #loop: Promise<void> | undefined;
  /** Text that the running process was started with or took last. */
  #config: string | undefined;
  #logBudget = { untilMs: 0, left: 0 };

  constructor(options: BirdOptions) {
    this.#options = options;
    this.socket = new ControlSocket(join(options.folder, SOCKET_FILE));
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Puts a configuration in force: the first one starts BIRD, later ones are checked and taken by `configure`, which leaves sessions that did not
   * change alone. BGP_ENGINE_REFUSED: the one before stays.
   */
  async configure(text: string): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    const path = join(this.#options.folder, CONFIG_FILE);
    const before = this.#config;
    await writeFileAtomic(path, text);
    if (this.#child !== undefined && before !== undefined && before !== text) {
      try {
        await this.socket.lines('configure');
      } catch (error) {
        // A restart must not meet what was refused.
        await writeFileAtomic(path, before);
        throw error;
      }
    }
    this.#config = text;
    this.#loop ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const child = this.#child;
    if (child !== undefined) {
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
      child.kill('SIGTERM');
      await this.#loop;
      clearTimeout(timer);
    }
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, logger, onChange } = this.#options;
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      const startedAtMs = clock.monotonicMs();
      const why = await this.#runOnce();
      this.#child = undefined;
      onChange();
      if (this.#stop.signal.aborted) return;
      if (clock.monotonicMs() - startedAtMs >= STEADY_RUN_MS) attempt = 0;
      const delayMs = backoffDelayMs({ attempt, baseMs: START_RETRY_BASE_MS, maxMs: START_RETRY_MAX_MS });
      logger.error('BIRD ended, it is started again', { code: 'BGP_ENGINE_FAILED', reason: why, delayMs });
      await clock.sleep(delayMs, this.#stop.signal).catch(() => {});
    }
  }

  /** Why it ended. */
  #runOnce(): Promise<string> {
    const { folder, command, onChange, logger } = this.#options;
    const [program, ...leading] = command;
    const args = [...leading, '-f', '-c', join(folder, CONFIG_FILE), '-s', join(folder, SOCKET_FILE)];
    return new Promise((resolve) => {
      // TZ: times in its answers are UTC.
      const env = { PATH: process.env.PATH, TZ: 'UTC' };
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
      child.once('error', (error) => resolve(describeError(error)));
      child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => this.#log(line));
      }
      if (child.pid === undefined) return;
      this.#child = child;
      logger.info('BIRD started', { pid: child.pid });
      onChange();
    });
  }

  #log(line: string): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#logBudget.untilMs) {
      this.#logBudget = { untilMs: nowMs + MINUTE_MS, left: LOG_LINES_PER_MINUTE_MAX };
    }
    if (this.#logBudget.left === 0) return;
    this.#logBudget.left -= 1;
    const [, level = 'INFO', text = line] = /^\S+ \S+ <(\w+)> (.*)$/.exec(line) ?? [];
    if (level === 'FATAL' || level === 'BUG' || level === 'ERR') logger.error(`BIRD: ${text}`);
    else if (level === 'WARN') logger.warn(`BIRD: ${text}`);
    else logger.info(`BIRD: ${text}`);
  }
}
