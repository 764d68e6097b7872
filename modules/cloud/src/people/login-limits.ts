// Slows down guessing of passwords without locking out those who share an address, or an account whose name a stranger knows.
//
// - (account, address): few failures a minute. Behind one address translation, guesses at one account do not hinder the others.
// - account: failures from addresses it has never logged in from. Its own addresses have a count of their own, so a stranger cannot lock the owner out.
// - address: a token bucket with a generous burst, over all accounts.

import { FailureLimit } from './failure-limit.ts';

export const PAIR_FAILURES_MAX = 10;
const PAIR_WINDOW_MS = 60_000;
export const ACCOUNT_FAILURES_MAX = 50;
const ACCOUNT_WINDOW_MS = 600_000;
/** Tries of one address at once, and how fast they come back: an office that arrives in the morning logs in at once. */
export const ADDRESS_BURST_MAX = 200;
const ADDRESS_REFILL_PER_SEC = 1;
/** Remembered; when full the oldest is forgotten, so memory is bounded whatever is tried. */
const ADDRESSES_MAX = 10_000;
const KNOWN_PAIRS_MAX = 10_000;

export interface LoginWait {
  waitMs: number;
  why: string;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class LoginLimits {
  private readonly pairs = new FailureLimit({ failuresMax: PAIR_FAILURES_MAX, windowMs: PAIR_WINDOW_MS });
  private readonly accounts = new FailureLimit({ failuresMax: ACCOUNT_FAILURES_MAX, windowMs: ACCOUNT_WINDOW_MS });
  private readonly buckets = new Map<string, Bucket>();
  /** `address account` of logins that succeeded. */
  private readonly known = new Set<string>();

  /** Counts a try before it is checked, so that parallel guesses count too; undefined: go on, then `succeed` or leave it. Times are monotonic. */
  begin(account: string, address: string, nowMs: number): LoginWait | undefined {
    const pair = `${address} ${account}`;
    const pairWaitMs = this.pairs.waitMs(pair, nowMs);
    if (pairWaitMs > 0) {
      return { waitMs: pairWaitMs, why: `${PAIR_FAILURES_MAX} logins as ${account} from ${address} failed` };
    }
    const isKnown = this.known.has(pair);
    const accountWaitMs = isKnown ? 0 : this.accounts.waitMs(account, nowMs);
    if (accountWaitMs > 0) return { waitMs: accountWaitMs, why: `too many logins as ${account} failed` };
    const bucketWaitMs = this.take(address, nowMs);
    if (bucketWaitMs > 0) return { waitMs: bucketWaitMs, why: `too many logins come from ${address}` };
    this.pairs.fail(pair, nowMs);
    if (!isKnown) this.accounts.fail(account, nowMs);
    return undefined;
  }

  /** Takes a try back that was not checked. */
  withdraw(account: string, address: string): void {
    const pair = `${address} ${account}`;
    this.pairs.forgive(pair);
    if (!this.known.has(pair)) this.accounts.forgive(account);
  }

  succeed(account: string, address: string): void {
    this.withdraw(account, address);
    const pair = `${address} ${account}`;
    this.known.delete(pair);
    if (this.known.size >= KNOWN_PAIRS_MAX) this.known.delete(this.known.values().next().value as string);
    this.known.add(pair);
  }

  private take(address: string, nowMs: number): number {
    const before = this.buckets.get(address) ?? { tokens: ADDRESS_BURST_MAX, atMs: nowMs };
    const refilled = before.tokens + ((nowMs - before.atMs) / 1000) * ADDRESS_REFILL_PER_SEC;
    const tokens = Math.min(ADDRESS_BURST_MAX, refilled);
    this.buckets.delete(address);
    if (this.buckets.size >= ADDRESSES_MAX) this.buckets.delete(this.buckets.keys().next().value as string);
    const isFree = tokens >= 1;
    this.buckets.set(address, { tokens: isFree ? tokens - 1 : tokens, atMs: nowMs });
    return isFree ? 0 : Math.ceil(((1 - tokens) / ADDRESS_REFILL_PER_SEC) * 1000);
  }
}
