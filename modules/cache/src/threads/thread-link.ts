// The engine's end of one delivery thread: answers what the thread hands over, follows its readers, and gives everything back when it dies.

import { EdgeError } from '@wayside/kit';
import type { BodyReader } from '../deliver/body-reader.ts';
import type { Fills } from '../fill/fills.ts';
import type { OriginTable } from '../origin/origins.ts';
import type { Admissions } from '../request/admission.ts';
import { lastRangeHeader, parseRange } from '../request/byte-range.ts';
import type { ClientRequest } from '../request/client-request.ts';
import type { SlowPath } from '../request/content-handler.ts';
import type { CacheResult } from '../request/response-head.ts';
import type { CacheObject } from '../store/cache-object.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { ForwardedRequest } from './forwarded-request.ts';
import { ForwardedResponse } from './forwarded-response.ts';
import type { ForwardedHead, ObjectDescription, ReaderDescription, ToEngine, ToThread } from './messages.ts';
import type { Outbox } from './outbox.ts';
import { toPlainError } from './plain-error.ts';

export interface ThreadLinkDeps {
  store: Pick<ObjectStore, 'peek' | 'heldObject' | 'closeReleased'>;
  fills: Pick<Fills, 'reader'>;
  origins: Pick<OriginTable, 'resolve'>;
  admissions: Pick<Admissions, 'admit'>;
  slow: SlowPath;
}

interface Forwarded {
  request: ForwardedRequest;
  response: ForwardedResponse;
}

export class ThreadLink {
  readonly #deps: ThreadLinkDeps;
  readonly #outbox: Outbox<ToThread>;
  readonly #forwarded = new Map<number, Forwarded>();
  readonly #readers = new Map<number, BodyReader>();

  constructor(deps: ThreadLinkDeps, outbox: Outbox<ToThread>) {
    this.#deps = deps;
    this.#outbox = outbox;
  }

  get readers(): number {
    return this.#readers.size;
  }

  get forwarded(): number {
    return this.#forwarded.size;
  }

  take(message: ToEngine): void {
    switch (message.kind) {
      case 'request':
        this.#serve(message.request, message.head, message.hasBody);
        break;
      case 'body':
        this.#forwarded.get(message.request)?.request.takeBody(message.bytes);
        break;
      case 'bodyEnd':
        this.#forwarded.get(message.request)?.request.endBody(message.isWhole);
        break;
      case 'written':
        this.#forwarded.get(message.request)?.response.noteWritten();
        break;
      case 'closed':
        this.#close(message.request, message.status);
        break;
      case 'reader':
        this.#openReader(message.reader, message.description);
        break;
      case 'wait':
        this.#wait(message.reader, message.position);
        break;
      case 'leave':
        this.#readers.get(message.reader)?.close();
        this.#readers.delete(message.reader);
        break;
      case 'released':
        this.#deps.store.closeReleased();
        break;
    }
  }

  /** The thread is no more: nobody waits for anything of it. */
  end(): void {
    for (const number of [...this.#forwarded.keys()]) this.#close(number, 0);
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }

  /** Has the thread send an object to the client whose connection it holds. */
  deliver(response: ForwardedResponse, object: CacheObject, client: ClientRequest, result: CacheResult | null): void {
    response.hold(object);
    const { request } = response;
    this.#outbox.send({ kind: 'deliver', request, object: describeObject(object), ranges: client.ranges, result });
  }

  #serve(number: number, head: ForwardedHead, hasBody: boolean): void {
    const outbox = this.#outbox;
    const wantBody = hasBody ? () => outbox.send({ kind: 'bodyWanted', request: number }) : null;
    const request = new ForwardedRequest(head, wantBody);
    const response = new ForwardedResponse(number, outbox, this);
    this.#forwarded.set(number, { request, response });
    this.#answer(request, response).catch((error) => {
      outbox.send({ kind: 'failed', request: number, error: toPlainError(error) });
    });
  }

  async #answer(request: ForwardedRequest, response: ForwardedResponse): Promise<void> {
    const admitted = this.#deps.admissions.admit(request.url, request.headers.host);
    if ('refused' in admitted) {
      // The thread admitted it a moment ago: the settings changed in between.
      throw new EdgeError('CACHE_ORIGIN_REFUSED', `Cannot serve "${request.headers.host}": it is not served any more`);
    }
    const { origin, key, target } = admitted;
    const ranges = parseRange(lastRangeHeader(request.rawHeaders));
    const client: ClientRequest = { request, response, origin, key, target, ranges };
    if (request.method === 'GET' || request.method === 'HEAD') await this.#deps.slow.serve(client);
    else await this.#deps.slow.change(client);
  }

  #close(number: number, status: number): void {
    const found = this.#forwarded.get(number);
    if (found === undefined) return;
    this.#forwarded.delete(number);
    found.response.noteClosed(status);
    found.request.destroy();
  }

  #openReader(number: number, description: ReaderDescription): void {
    const { key, host, target, client, start, end, isRange } = description;
    const object = this.#find(description);
    const origin = this.#deps.origins.resolve(host);
    if (object === undefined || object.fd < 0 || origin === undefined) {
      const error = toPlainError(new Error(`"${key}" is not stored any more`));
      this.#outbox.send({ kind: 'wake', reader: number, error });
      return;
    }
    this.#readers.set(number, this.#deps.fills.reader(object, { origin, target, client }, start, end, isRange));
  }

  /** The object itself: another one may have its key by now. */
  #find({ key, id }: ReaderDescription): CacheObject | undefined {
    const live = this.#deps.store.peek(key);
    return live?.id === id ? live : this.#deps.store.heldObject(key, id);
  }

  #wait(number: number, position: number): void {
    const reader = this.#readers.get(number);
    if (reader === undefined) {
      const error = toPlainError(new Error('the stored object is gone'));
      this.#outbox.send({ kind: 'wake', reader: number, error });
      return;
    }
    const wake = (error?: Error) => {
      this.#outbox.send({ kind: 'wake', reader: number, error: error === undefined ? null : toPlainError(error) });
    };
    // Bytes may have come while the message was on its way.
    if (reader.readableEnd(position) > position) wake();
    else reader.wait(position, wake);
  }
}

function describeObject(object: CacheObject): ObjectDescription {
  const { id, key, sizeBytes, isSmall, meta, state } = object;
  // Another thread may have noticed that somebody wrote to the file.
  if (state.takeTampered()) object.hotBody = null;
  const { version, memory } = state;
  return { id, key, sizeBytes, isSmall, meta, memory, version, hotBody: object.hotBody?.buffer ?? null };
}
