// PUBACKs leave in the order of their PUBLISH packets [MQTT-4.6.0-2], although the host may settle them in any order.

interface Slot {
  readonly messageId: number;
  done: boolean;
}

export class AckQueue {
  readonly #slots: Slot[] = [];
  readonly #send: (messageId: number) => void;

  constructor(send: (messageId: number) => void) {
    this.#send = send;
  }

  /** Takes the place in line; the returned function acknowledges it, at once or when those before it are done. */
  reserve(messageId: number): () => void {
    const slot: Slot = { messageId, done: false };
    this.#slots.push(slot);
    return () => {
      slot.done = true;
      this.#drain();
    };
  }

  #drain(): void {
    let ready = 0;
    while (this.#slots[ready]?.done) {
      this.#send(this.#slots[ready]!.messageId);
      ready++;
    }
    if (ready > 0) this.#slots.splice(0, ready);
  }
}
