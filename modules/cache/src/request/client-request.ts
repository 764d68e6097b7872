// A request for content on its way through the cache, shared by those that answer it.

import type { RequestHead, ResponseChannel } from '../listen/exchange.ts';
import type { Origin } from '../origin/origins.ts';
import type { RangeSpec } from './byte-range.ts';

/** What is known of a request after its head was read. */
export interface ClientRequest {
  request: RequestHead;
  response: ResponseChannel;
  origin: Origin;
  key: string;
  target: string;
  ranges: RangeSpec[] | undefined;
  /** When its head was there, ms of performance.now(). */
  startedAtMs?: number | undefined;
}
