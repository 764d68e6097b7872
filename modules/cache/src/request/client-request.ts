// A request for content on its way through the cache, shared by those that answer it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Origin } from '../origin/origins.ts';
import type { RangeSpec } from './byte-range.ts';

/** What is known of a request after its head was read. */
export interface ClientRequest {
  request: IncomingMessage;
  response: ServerResponse;
  origin: Origin;
  key: string;
  target: string;
  ranges: RangeSpec[] | undefined;
}
