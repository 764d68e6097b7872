// Runs programs as an operator does and waits for what they bring about.

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, STACK_ENV } from './settings.ts';

export interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
  seconds: number;
}

const COMMAND_TIMEOUT_MS = 120_000;
const POLL_MS = 250;

/** Runs a program in the checkout with the stack's environment. */
export function run(command: string, args: readonly string[], timeoutMs = COMMAND_TIMEOUT_MS): Promise<Ran> {
  const beganMs = performance.now();
  const child = spawn(command, args, {
    cwd: ROOT,
    env: STACK_ENV as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      const [stdout, stderr] = [Buffer.concat(out).toString(), Buffer.concat(err).toString()];
      resolve({ exitCode: code ?? -1, stdout, stderr, seconds: (performance.now() - beganMs) / 1000 });
    });
  });
}

/** Runs and throws with both outputs unless it exits 0. */
export async function mustRun(command: string, args: readonly string[], timeoutMs?: number): Promise<Ran> {
  const ran = await run(command, args, timeoutMs);
  if (ran.exitCode !== 0)
    throw new Error(`${command} ${args.join(' ')} exited with ${ran.exitCode}\n${ran.stdout}\n${ran.stderr}`);
  return ran;
}

/** The product's command line from the checkout. */
export const wayside = (...args: string[]): Promise<Ran> => run('scripts/wayside', args);
export const mustWayside = (...args: string[]): Promise<Ran> =>
  mustRun('scripts/wayside', args, 10 * COMMAND_TIMEOUT_MS);

/** Asks again and again until `look` gives something; its last error or the words of `what` stand in the failure. Returns with the seconds it took. */
export async function until<T>(
  what: string,
  limitSecs: number,
  look: () => Promise<T | undefined | false>,
): Promise<{ value: T; seconds: number }> {
  const beganMs = performance.now();
  let last: unknown;
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return { value, seconds: (performance.now() - beganMs) / 1000 };
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() - beganMs > limitSecs * 1000)
      throw new Error(`${what}: not within ${limitSecs} s`, last === undefined ? undefined : { cause: last });
    await sleep(POLL_MS);
  }
}
