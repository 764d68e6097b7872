// What a run of the command touches of the process it lives in; tests hand in their own.

import type { Readable, Writable } from 'node:stream';
import type { Clock } from '@wayside/kit';

export interface Io {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable;
  env: { readonly [name: string]: string | undefined };
  clock: Clock;
  /** Ends what runs on and on (`monitor`, `logs --follow`). */
  signal: AbortSignal;
}
