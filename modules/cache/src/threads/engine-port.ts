// A delivery thread's side of the messages: hands over requests that are no plain hits, carries out what the engine answers, and keeps the
// replicas and the waiting readers.

import type { BodyReader } from '../deliver/body-reader.ts';
import type { TransferSource } from '../fill/transfer.ts';
import type { ClientRequest } from '../request/client-request.ts';
import type { BodySource } from '../request/object-delivery.ts';
import type { CacheResult } from '../request/response-head.ts';
import type { ObjectView } from '../store/object-view.ts';
import type { ObjectDescription, ThreadStart, ToEngine, ToThread } from './messages.ts';
import { asBuffer, type Outbox } from './outbox.ts';
import { fromPlainError } from './plain-error.ts';
import { type ReaderPort, RemoteReader } from './remote-reader.ts';
import { Replica } from './replica.ts';
import type { Replicas } from './replicas.ts';
import { sendBodyPiece } from './request-body-sender.ts';

export interface EnginePortDeps {
  outbox: Outbox<ToEngine>;
  replicas: Replicas;
  start: Pick<ThreadStart, 'slot' | 'slots'>;
  deliver(client: ClientRequest, object: Replica, result: CacheResult | null): void;
}

/** A request in the engine's hands. */
interface Forwarded {
  client: ClientRequest;
  resolve(): void;
  reject(error: Error): void;
}

export class EnginePort implements BodySource {
  readonly #deps: EnginePortDeps;
  readonly #forwarded = new Map<number, Forwarded>();
  readonly #readers = new Map<number, RemoteReader>();
  #nextNumber = 1;
  #hasReleased = false;

  constructor(deps: EnginePortDeps) {
    this.#deps = deps;
  }

  /** Requests in the engine's hands. */
  get forwarded(): number {
    return this.#forwarded.size;
  }

  /** Gives a request to the engine. Resolves when the response is over, rejects with the reason why it cannot be answered. */
  serve(client: ClientRequest): Promise<void> {
    const { outbox } = this.#deps;
    const { request, response } = client;
    const number = this.#nextNumber++;
    const { method = '', url = '', httpVersion, headers, rawHeaders, socket } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
    const remoteAddress = socket.remoteAddress ?? '';
    const head = { method, url, httpVersion, headers: { ...headers }, rawHeaders, remoteAddress };
    return new Promise((resolve, reject) => {
      this.#forwarded.set(number, { client, resolve, reject });
      response.once('close', () => {
        this.#forwarded.delete(number);
        outbox.send({ kind: 'closed', request: number, status: response.statusCode });
        resolve();
      });
      outbox.send({ kind: 'request', request: number, head, hasBody });
    });
  }

  reader(view: ObjectView, source: TransferSource, start: number, end: number, isRange: boolean): BodyReader {
    const object = view as Replica;
    object.checkUntouched(performance.now());
    const number = this.#nextNumber++;
    const { outbox } = this.#deps;
    const port: ReaderPort = {
      open: (reader) => {
        this.#readers.set(number, reader);
        const { key, id } = object;
        const { origin, target, client } = source;
        const description = { key, id, host: origin.host, target, client, start, end, isRange };
        outbox.send({ kind: 'reader', reader: number, description });
      },
      wait: (position) => outbox.send({ kind: 'wait', reader: number, position }),
      leave: () => {
        this.#readers.delete(number);
        outbox.send({ kind: 'leave', reader: number });
      },
    };
    return new RemoteReader(object, start, end, isRange, port);
  }

  /** Carries out what concerns requests and readers. */
  take(message: ToThread): void {
    if (message.kind === 'wake') {
      const error = message.error === null ? undefined : fromPlainError(message.error);
      this.#readers.get(message.reader)?.wake(error);
    } else if ('request' in message) {
      const forwarded = this.#forwarded.get(message.request);
      if (forwarded !== undefined) this.#answer(forwarded, message);
    }
  }

  #answer(forwarded: Forwarded, message: Extract<ToThread, { request: number }>): void {
    const { client } = forwarded;
    const { response } = client;
    switch (message.kind) {
      case 'head':
        if (!response.headersSent && !response.destroyed) response.writeHead(message.status, message.headers);
        return;
      case 'interim':
        if (!response.headersSent) response.writeInformation?.(message.status, [...message.headers]);
        return;
      case 'write':
        response.write(asBuffer(message.bytes), () => {
          this.#deps.outbox.send({ kind: 'written', request: message.request });
        });
        return;
      case 'end':
        response.end(message.bytes === null ? undefined : asBuffer(message.bytes));
        return;
      case 'destroy':
        response.destroy();
        return;
      case 'bodyWanted':
        sendBodyPiece(client.request, message.request, this.#deps.outbox);
        return;
      case 'failed':
        forwarded.reject(fromPlainError(message.error));
        return;
      case 'deliver': {
        const { object, ranges, result } = message;
        this.#deliver({ ...client, key: object.key, ranges }, object, result, forwarded);
      }
    }
  }

  #deliver(
    client: ClientRequest,
    description: ObjectDescription,
    result: CacheResult | null,
    forwarded: Forwarded,
  ): void {
    if (client.response.destroyed) return;
    try {
      this.#deps.deliver(client, this.#replicaOf(description), result);
    } catch (error) {
      forwarded.reject(error as Error);
    }
  }

  #replicaOf(description: ObjectDescription): Replica {
    const known = this.#deps.replicas.find(description.key);
    if (known !== undefined && known.id === description.id) return known;
    const { slot, slots } = this.#deps.start;
    const replica = new Replica(description, slots, slot, () => this.#noteReleased());
    if (replica.isCurrent) this.#deps.replicas.put(replica);
    return replica;
  }

  /** One message a turn, however many readers leave obsolete objects. */
  #noteReleased(): void {
    if (this.#hasReleased) return;
    this.#hasReleased = true;
    queueMicrotask(() => {
      this.#hasReleased = false;
      this.#deps.outbox.send({ kind: 'released' });
    });
  }
}
