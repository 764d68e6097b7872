// A reader of a body that is in memory as a whole: a small object's. It holds the body, whatever becomes of the object.

import type { ObjectView } from '../store/object-view.ts';
import type { BodyReader } from './body-reader.ts';

export class MemoryReader implements BodyReader {
  readonly object: ObjectView;
  readonly fd = -1;
  readonly memory: Buffer;

  constructor(object: ObjectView, memory: Buffer) {
    this.object = object;
    this.memory = memory;
  }

  readableEnd(): number {
    return this.memory.length;
  }

  /** Never needed: all of it is there. */
  wait(_position: number, wake: (error?: Error) => void): void {
    wake();
  }

  close(): void {}
}
