// Messages of one identity on their way up: one at a time, in order, each again until it is acknowledged, as the edge hub's queue sends them.
//
// INVARIANTS: a message gets its number when it is first sent, 1, 2, 3 ..; the next goes when the one before was acknowledged,
// so that everything up to `acked` is with the cloud; the queue is bounded, the oldest unsent message goes first.

import type { MessageProperties } from '@wayside/protocol';
import type { Figures } from '../fleet/figures.ts';

export interface OutboxMessage {
  messageType: string;
  /** Of a module; edgeAgent has none. */
  output?: string;
  body: string;
}

export type Send = (properties: MessageProperties, body: string) => Promise<void>;

export class Outbox {
  readonly #figures: Figures;
  readonly #depthMax: number;
  readonly #run: string;
  #queue: OutboxMessage[] = [];
  #sent: OutboxMessage | undefined;
  #number = 0;
  #acked = 0;
  #send: Send | undefined;
  #isPumping = false;

  /** `run` tells this run's numbers from those of another. */
  constructor(figures: Figures, depthMax: number, run: string) {
    this.#figures = figures;
    this.#depthMax = depthMax;
    this.#run = run;
  }

  /** Number of the newest acknowledged message; all before it are acknowledged, too. */
  get acked(): number {
    return this.#acked;
  }

  put(message: OutboxMessage): void {
    this.#queue.push(message);
    if (this.#queue.length > this.#depthMax) {
      this.#queue.shift();
      this.#figures.messagesDropped += 1;
    }
    void this.#pump();
  }

  attach(send: Send): void {
    this.#send = send;
    void this.#pump();
  }

  detach(): void {
    this.#send = undefined;
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#send && (this.#sent ?? this.#queue.length > 0)) await this.#sendNext(this.#send);
    } finally {
      this.#isPumping = false;
    }
  }

  async #sendNext(send: Send): Promise<void> {
    if (this.#sent) this.#figures.messagesRepeated += 1;
    else {
      this.#sent = this.#queue.shift() as OutboxMessage;
      this.#number += 1;
    }
    const { messageType, output, body } = this.#sent;
    const system = {
      ...(output === undefined ? {} : { outputName: output }),
      ...{ messageId: `${this.#run}-${this.#number}`, contentType: 'application/json', contentEncoding: 'utf-8' },
    };
    const startedMs = performance.now();
    try {
      await send({ system, app: { messageType } }, body);
    } catch {
      // The connection is gone; the message stays for the next one.
      if (this.#send === send) this.#send = undefined;
      return;
    }
    this.#figures.ackMs.add(performance.now() - startedMs);
    this.#figures.messagesAcked += 1;
    this.#acked = this.#number;
    this.#sent = undefined;
  }
}
