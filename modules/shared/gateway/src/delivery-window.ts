// QoS 1 deliveries of one connection: packet ids, PUBACKs, timeouts.
//
// INVARIANTS: a packet id stays taken until its PUBACK came or the connection ended, also after a timeout, so that a late PUBACK can
// never acknowledge another message. Every promise handed out settles.

import type { DeliveryResult } from './host.ts';

const PACKET_ID_MAX = 65_535;

interface Pending {
  settle(result: DeliveryResult): void;
  timer: NodeJS.Timeout;
  timedOut: boolean;
}

export class DeliveryWindow {
  readonly #pending = new Map<number, Pending>();
  readonly #sizeMax: number;
  readonly #ackTimeoutMs: number;
  #lastId = 0;
  #timedOut = 0;

  constructor(sizeMax: number, ackTimeoutMs: number) {
    this.#sizeMax = sizeMax;
    this.#ackTimeoutMs = ackTimeoutMs;
  }

  get isFull(): boolean {
    return this.#pending.size >= this.#sizeMax;
  }

  /** Every place is held by a delivery whose time ran out: the client acknowledges nothing any more. */
  get isStuck(): boolean {
    return this.#timedOut >= this.#sizeMax;
  }

  /** Takes a packet id and waits for its acknowledgement. The caller has looked at isFull. */
  open(): { messageId: number; result: Promise<DeliveryResult> } {
    const messageId = this.#freeId();
    const { promise, resolve } = Promise.withResolvers<DeliveryResult>();
    const timer = setTimeout(() => {
      const pending = this.#pending.get(messageId);
      if (!pending) return;
      pending.timedOut = true;
      this.#timedOut++;
      resolve('timeout');
    }, this.#ackTimeoutMs);
    timer.unref();
    this.#pending.set(messageId, { settle: resolve, timer, timedOut: false });
    return { messageId, result: promise };
  }

  acknowledge(messageId: number): void {
    const pending = this.#pending.get(messageId);
    if (!pending) return;
    this.#pending.delete(messageId);
    if (pending.timedOut) this.#timedOut--;
    clearTimeout(pending.timer);
    pending.settle('acked');
  }

  /** The connection ended. */
  close(): void {
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.settle('gone');
    }
    this.#pending.clear();
  }

  #freeId(): number {
    do {
      this.#lastId = (this.#lastId % PACKET_ID_MAX) + 1;
    } while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}
