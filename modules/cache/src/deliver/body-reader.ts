// One client's way through an object's bytes, as the sender needs it: on the engine's own thread, or with the engine behind messages.

import type { ObjectView } from '../store/object-view.ts';

export interface BodyReader {
  readonly object: ObjectView;
  /** The object's file, in use by this reader until close(); -1 where the body is in memory. */
  readonly fd: number;
  /** The whole body, instead of a file. */
  readonly memory?: Buffer;
  /** Offset up to which bytes from `position` on can be sent right now; `position` when none. */
  readableEnd(position: number): number;
  /** Calls back once when `position` is readable, or with the reason why it will not be. Not called after close(). */
  wait(position: number, wake: (error?: Error) => void): void;
  close(): void;
}
