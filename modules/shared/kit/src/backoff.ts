// Pauses that double up to a cap, and the loop that uses them.

import { type Clock, systemClock } from './clock.ts';
import { isEdgeError, isRetryable as saysRetryable } from './edge-error.ts';

export interface BackoffOptions {
  /** 0 = the first pause. */
  attempt: number;
  baseMs: number;
  maxMs: number;
  /** Share of the pause that may be taken off at random, 0..1; default 0. */
  jitter?: number;
  /** Default Math.random; 0 <= x < 1. */
  random?: () => number;
}

/** min(baseMs * 2^attempt, maxMs), less up to `jitter` of it; whole milliseconds. */
export function backoffDelayMs({ attempt, baseMs, maxMs, jitter = 0, random = Math.random }: BackoffOptions): number {
  const full = Math.min(baseMs * 2 ** Math.max(0, attempt), maxMs);
  return Math.round(full * (1 - Math.min(Math.max(jitter, 0), 1) * random()));
}

export interface RetryOptions {
  /** Calls in all, the first included. */
  attempts: number | 'infinite';
  baseMs: number;
  maxMs: number;
  jitter?: number;
  random?: () => number;
  clock?: Clock;
  signal?: AbortSignal;
  /** Default: the error says so itself (EdgeError.retry). */
  isRetryable?: (error: unknown) => boolean;
  /** Told before each pause. */
  onRetry?: (failure: { error: unknown; attempt: number; delayMs: number }) => void;
}

/** Calls fn until it succeeds, the attempts are used up, the error is final, or the signal aborts (then its reason is thrown). */
export async function retry<T>(fn: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts, clock = systemClock, signal, isRetryable = saysRetryable, onRetry } = options;
  for (let attempt = 0; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await fn(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      const last = attempts !== 'infinite' && attempt + 1 >= attempts;
      if (last || !isRetryable(error)) throw error;
      const delayMs = Math.max(backoffDelayMs({ ...options, attempt }), wantedDelayMs(error));
      onRetry?.({ error, attempt, delayMs });
      await clock.sleep(delayMs, signal);
    }
  }
}

/** A server's own wish (Retry-After) outranks a shorter pause of ours. */
function wantedDelayMs(error: unknown): number {
  return isEdgeError(error) && typeof error.retry === 'object' ? error.retry.afterMs : 0;
}
