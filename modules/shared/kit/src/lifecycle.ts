// How a process starts and ends: one log line and the right exit code on failure, one orderly shutdown on SIGTERM or SIGINT.

import { ConfigError } from './config.ts';
import { describeError, isEdgeError } from './edge-error.ts';
import { EXIT_CONFIG_INVALID, EXIT_FAILURE } from './exit-codes.ts';
import { formatLogLine, type LogFields, type Logger } from './logger.ts';

export interface ShutdownOptions {
  /** Default SHUTDOWN_MS_MAX. The longest of all registered limits counts. */
  timeLimitMs?: number;
  logger?: Logger;
}

/** Docker sends SIGKILL 10 s after SIGTERM; half of that leaves room for a late start. */
export const SHUTDOWN_MS_MAX = 8000;

interface Registration {
  fn: (signal: NodeJS.Signals) => unknown;
  options: ShutdownOptions;
}

const registrations: Registration[] = [];
let shuttingDown = false;

/** Runs fn once on SIGTERM or SIGINT, the latest registered first, then ends the process: 0 when all went well, 1 when not or too late. A second signal ends it at once. Returns a function that takes the registration back. */
export function onShutdown(fn: (signal: NodeJS.Signals) => unknown, options: ShutdownOptions = {}): () => void {
  if (registrations.length === 0) {
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  }
  const registration = { fn, options };
  registrations.push(registration);
  return () => {
    const index = registrations.indexOf(registration);
    if (index >= 0) registrations.splice(index, 1);
    if (registrations.length === 0) {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    }
  };
}

function onSignal(signal: NodeJS.Signals): void {
  if (shuttingDown) {
    complain('Ended by a second signal', { signal });
    process.exit(EXIT_FAILURE);
  }
  shuttingDown = true;
  void shutDown(signal);
}

async function shutDown(signal: NodeJS.Signals): Promise<void> {
  const limitMs = Math.max(...registrations.map((r) => r.options.timeLimitMs ?? SHUTDOWN_MS_MAX));
  setTimeout(() => {
    complain('Shutdown took too long', { code: 'KIT_SHUTDOWN_TIMEOUT', limitMs });
    process.exit(EXIT_FAILURE);
  }, limitMs).unref();
  let exitCode = 0;
  for (const { fn, options } of registrations.toReversed()) {
    try {
      await fn(signal);
    } catch (error) {
      exitCode = EXIT_FAILURE;
      if (options.logger === undefined) complain('Shutdown failed', { error });
      else options.logger.error('Shutdown failed', { error });
    }
  }
  process.exit(exitCode);
}

/** Runs a program's main function. A ConfigError ends the process with 153 after one line a problem, any other error with 1 and one line; so do errors nobody caught. */
export async function runMain(main: () => Promise<void> | void): Promise<void> {
  process.on('uncaughtException', (error) => fail(error, 'Uncaught error'));
  process.on('unhandledRejection', (error) => fail(error, 'Unhandled rejection'));
  try {
    await main();
  } catch (error) {
    fail(error, 'Cannot start');
  }
}

function fail(error: unknown, what: string): never {
  if (error instanceof ConfigError) {
    complain(error.message.split('\n', 1)[0] as string, { code: error.code });
    for (const problem of error.problems) complain(`Problem: ${problem.path}: ${problem.message}`);
    process.exit(EXIT_CONFIG_INVALID);
  }
  if (isEdgeError(error)) complain(describeError(error), { code: error.code });
  else complain(what, { error, at: firstFrame(error) });
  process.exit(EXIT_FAILURE);
}

/** The line the error came from: the rest of a stack would be further log lines. */
function firstFrame(error: unknown): string | undefined {
  return error instanceof Error
    ? error.stack
        ?.split('\n')
        .find((line) => line.startsWith('    at '))
        ?.trim()
        .slice(3)
    : undefined;
}

/** Straight to standard error: a logger may not exist yet, and the process is about to end. */
function complain(message: string, fields: LogFields = {}): void {
  process.stderr.write(`${formatLogLine('error', message, fields, Date.now())}\n`);
}
