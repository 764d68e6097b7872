// Gathers the packets of one tick into one write: a hundred PUBACKs after a group commit become one TLS record instead of a hundred.

import type { Duplex } from 'node:stream';

export class BatchedWriter {
  readonly #stream: Duplex;
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #scheduled = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /** Bytes not yet taken by the system. */
  get pendingBytes(): number {
    return this.#batchBytes + this.#stream.writableLength;
  }

  write(packet: Buffer): void {
    this.#batch.push(packet);
    this.#batchBytes += packet.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    if (!this.#stream.writable) return;
    this.#stream.write(batch.length === 1 ? batch[0]! : Buffer.concat(batch));
  }
}
