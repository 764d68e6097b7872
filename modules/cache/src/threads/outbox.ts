// Collects the messages of one turn of the event loop and posts them together: what a message between threads costs is mostly the waking of
// the other one.

export class Outbox<T> {
  #messages: T[] = [];
  #transfer: ArrayBuffer[] = [];
  readonly #post: (messages: T[], transfer: ArrayBuffer[]) => void;
  /** After all sockets that were ready in this turn. */
  readonly #onTurnEnd = () => this.flush();

  constructor(post: (messages: T[], transfer: ArrayBuffer[]) => void) {
    this.#post = post;
  }

  send(message: T, transfer?: ArrayBuffer): void {
    if (this.#messages.push(message) === 1) setImmediate(this.#onTurnEnd);
    if (transfer !== undefined) this.#transfer.push(transfer);
  }

  flush(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    const transfer = this.#transfer;
    this.#messages = [];
    this.#transfer = [];
    this.#post(messages, transfer);
  }
}

/** Bytes in memory of their own, to be handed over: cloning a piece of a pooled buffer would copy the whole pool. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** The same bytes as a Buffer, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
