// What a check is and how it answers (iotedge.md 5.4).

import type { Json } from '@wayside/protocol';
import type { CheckContext } from './context.ts';

export type CheckOutcome =
  | { result: 'ok' }
  /** Does not apply here: never shown. */
  | { result: 'ignored' }
  /** An earlier failure took away what this check needs. */
  | { result: 'skipped' }
  | { result: 'skippedBecause'; reason: string }
  | { result: 'warning' | 'error' | 'fatal'; error: Error };

export interface Check {
  /** Stable name, for --dont-run and the JSON report. */
  readonly id: string;
  readonly description: string;
  /** Throwing counts as an error. `note()` leaves facts for additional_info. */
  run(context: CheckContext, note: (facts: { [name: string]: Json }) => void): Promise<CheckOutcome>;
}

export interface CheckSection {
  readonly name: string;
  readonly checks: readonly Check[];
}

export const OK: CheckOutcome = { result: 'ok' };
export const IGNORED: CheckOutcome = { result: 'ignored' };
export const SKIPPED: CheckOutcome = { result: 'skipped' };

/** The message says what is wrong and what to do; `cause` shows with --verbose. */
export function warning(message: string, cause?: unknown): CheckOutcome {
  return { result: 'warning', error: toError(message, cause) };
}

export function failure(message: string, cause?: unknown): CheckOutcome {
  return { result: 'error', error: toError(message, cause) };
}

/** Ends the whole run: later checks would all fail for the same reason. */
export function fatal(message: string, cause?: unknown): CheckOutcome {
  return { result: 'fatal', error: toError(message, cause) };
}

function toError(message: string, cause: unknown): Error {
  return cause === undefined ? new Error(message) : new Error(message, { cause });
}
