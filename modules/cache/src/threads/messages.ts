// What the engine and its delivery threads say to each other. Sent in batches, one a turn of the sender; order is kept.
// A hit needs none of these: the thread answers it from its replica and the shared state.

import type { IncomingHttpHeaders } from 'node:http';
import type { LogFields } from '@wayside/kit';
import type { ConnectionLimits } from '../listen/connection-budget.ts';
import type { DesiredSettings } from '../operate/desired.ts';
import type { TrafficSnapshot } from '../operate/traffic-counters.ts';
import type { OriginTableOptions } from '../origin/origins.ts';
import type { AccessLogSettings } from '../request/access-log.ts';
import type { RangeSpec } from '../request/byte-range.ts';
import type { CacheResult } from '../request/response-head.ts';
import type { ObjectMeta } from '../store/object-meta.ts';
import type { PlainError } from './plain-error.ts';

/** What a thread needs to know at its start. */
export interface ThreadStart {
  /** Number of the thread in the state of every object, from 1 on. */
  slot: number;
  /** Threads in all, the engine included. */
  slots: number;
  listen: { host: string | undefined; port: number };
  origins: OriginTableOptions;
  loopMark: string;
  settings: ThreadSettings;
  /** Of SharedEgress. */
  egressMemory: SharedArrayBuffer;
}

/** Settings that change at run time. */
export interface ThreadSettings {
  origins: DesiredSettings['origins'];
  maxEgressMbps: number | null;
  isDraining: boolean;
  /** Only the engine's business: what needs an origin is refused there. */
  isReadOnly: boolean;
  accessLog: AccessLogSettings;
  /** Of each thread. */
  connections: ConnectionLimits;
  clientBytesPerSecMin: number;
}

/** An object as the engine knows it at this moment. */
export interface ObjectDescription {
  id: number;
  key: string;
  sizeBytes: number;
  isSmall: boolean;
  meta: ObjectMeta;
  /** Of the object's ObjectState. */
  memory: ArrayBufferLike;
  version: number;
  /** Body of a small object, one copy for all threads; null when not in memory. */
  hotBody: ArrayBufferLike | null;
}

export interface ForwardedHead {
  method: string;
  url: string;
  httpVersion: string;
  headers: IncomingHttpHeaders;
  rawHeaders: string[];
  remoteAddress: string;
}

/** Who reads what of an object; `host` and `target` say where the missing bytes come from. */
export interface ReaderDescription {
  key: string;
  id: number;
  host: string;
  target: string;
  /** Fields of the client that go upstream, where they do. */
  client: { list: readonly string[]; via: string | undefined } | undefined;
  start: number;
  end: number;
  isRange: boolean;
}

/** `request`, `reader`: numbers given by the thread, never twice. */
export type ToEngine =
  | { kind: 'ready'; address: string; port: number; family: string }
  | { kind: 'startFailed'; error: PlainError }
  /** A request that is no plain hit. Its body follows in pieces, each asked for by `bodyWanted`. */
  | { kind: 'request'; request: number; head: ForwardedHead; hasBody: boolean }
  | { kind: 'body'; request: number; bytes: Uint8Array }
  | { kind: 'bodyEnd'; request: number; isWhole: boolean }
  /** One of the engine's writes left. */
  | { kind: 'written'; request: number }
  /** The response is over, whole or not. */
  | { kind: 'closed'; request: number; status: number }
  /** Somebody reads bytes that are not all there. */
  | { kind: 'reader'; reader: number; description: ReaderDescription }
  | { kind: 'wait'; reader: number; position: number }
  | { kind: 'leave'; reader: number }
  /** A use of an obsolete object was given back. */
  | { kind: 'released' }
  | { kind: 'counters'; snapshot: TrafficSnapshot }
  | { kind: 'log'; level: 'error' | 'warn' | 'info' | 'debug'; message: string; fields: LogFields }
  | { kind: 'accessLine'; line: string }
  | { kind: 'applied'; settings: number }
  | { kind: 'stopped' };

export type ToThread =
  | { kind: 'head'; request: number; status: number; headers: readonly string[] }
  | { kind: 'interim'; request: number; status: number; headers: readonly string[] }
  | { kind: 'write'; request: number; bytes: Uint8Array }
  | { kind: 'end'; request: number; bytes: Uint8Array | null }
  | { kind: 'destroy'; request: number }
  | { kind: 'bodyWanted'; request: number }
  /** The request cannot be served. */
  | { kind: 'failed'; request: number; error: PlainError }
  /** The answer is this object: the thread sends it itself. */
  | {
      kind: 'deliver';
      request: number;
      object: ObjectDescription;
      ranges: RangeSpec[] | undefined;
      result: CacheResult | null;
    }
  | { kind: 'wake'; reader: number; error: PlainError | null }
  | { kind: 'settings'; number: number; settings: ThreadSettings }
  | { kind: 'stop' };
