// The one error class of the system: a code from a module's catalogue, plain details, and what the caller may do about it.

import { redactSecrets } from './redact.ts';

/** JSON as it goes into details; kit knows no domain types. */
export type ErrorDetail = null | boolean | number | string | ErrorDetail[] | { [key: string]: ErrorDetail };
export type ErrorDetails = { [key: string]: ErrorDetail };

/** May the same call be tried again? `backoff`: yes, with growing pauses; `afterMs`: not before that many milliseconds. */
export type RetryAdvice = 'never' | 'backoff' | { afterMs: number };

/** Where the fault lies. `downstream` is who called us, `upstream` whom we called. */
export type ErrorSource = 'config' | 'upstream' | 'downstream' | 'internal';

export interface EdgeErrorOptions {
  cause?: unknown;
  /** Current and wanted values; no secrets. */
  details?: ErrorDetails;
  /** Default `never`. */
  retry?: RetryAdvice;
  /** Default `internal`. */
  source?: ErrorSource;
}

/** Causes below causes are followed this deep at most. */
const CAUSE_DEPTH_MAX = 8;

/** Text form: what could not be done, colon, current and wanted value, no full stop. */
export class EdgeError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;
  readonly retry: RetryAdvice;
  readonly source: ErrorSource;

  constructor(code: string, message: string, options: EdgeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EdgeError';
    this.code = code;
    this.details = options.details ?? {};
    this.retry = options.retry ?? 'never';
    this.source = options.source ?? 'internal';
  }
}

/** True for our errors; with `code`, only for that one. */
export function isEdgeError(error: unknown, code?: string): error is EdgeError {
  return error instanceof EdgeError && (code === undefined || error.code === code);
}

/** True when the error itself says that trying again can help. Errors of others say nothing and are not retried. */
export function isRetryable(error: unknown): boolean {
  return error instanceof EdgeError && error.retry !== 'never';
}

/** One line: message, code, and the messages of its causes; secrets and credentials in URLs are taken out. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  let current: unknown = error;
  while (current !== undefined && current !== null && !seen.has(current) && seen.size < CAUSE_DEPTH_MAX) {
    seen.add(current);
    const text = describeOne(current);
    if (text !== '' && !parts.at(-1)?.includes(text)) parts.push(text);
    current = current instanceof Error ? current.cause : undefined;
  }
  return redactSecrets(parts.join(': '));
}

function describeOne(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.slice(0, CAUSE_DEPTH_MAX).map(describeOne).join('; ');
  }
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    const shown = error.message === '' ? error.name : error.message;
    return typeof code === 'string' && !shown.includes(code) ? `${shown} (${code})` : shown;
  }
  return typeof error === 'string' ? error : String(error);
}
