// Answers from a stored object: conditions, ranges, and the body in one of three ways (memory, one range, several ranges).

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { describeError, type Logger } from '@wayside/kit';
import type { BodyReader } from '../deliver/body-reader.ts';
import { BodySender } from '../deliver/body-sender.ts';
import type { EgressBudget, EgressShare } from '../deliver/egress-budget.ts';
import { MemoryReader } from '../deliver/memory-reader.ts';
import type { TransferSource } from '../fill/transfer.ts';
import type { PacedBody, PaceKeeper } from '../listen/pace-keeper.ts';
import type { TrafficCounters } from '../operate/traffic-counters.ts';
import type { ObjectView } from '../store/object-view.ts';
import { type AccessLog, noteResult } from './access-log.ts';
import { type ByteRange, contentRange, resolveRanges } from './byte-range.ts';
import type { ClientRequest } from './client-request.ts';
import { statusForClient } from './failure-status.ts';
import { forwardedFields } from './forwarded-fields.ts';
import { planMultipart } from './multipart.ts';
import { isBodyless } from './passed-response.ts';
import { isNotModified, rangeCounts } from './precondition.ts';
import { refuse } from './refusal.ts';
import { type CacheResult, notModifiedHead, objectHead, passedMarks } from './response-head.ts';

/** Where the bytes come from: the engine's own fills, or messages to the engine. */
export interface BodySource {
  /**
   * A reader of [start, end) of an object whose file is open; throws when it is not any more.
   * @param source whom to ask for what is missing
   * @param isRange the client asked for a part, so a sequence may be noticed
   */
  reader(object: ObjectView, source: TransferSource, start: number, end: number, isRange: boolean): BodyReader;
}

export interface ObjectDeliveryDeps {
  fills: BodySource;
  counters: TrafficCounters;
  budget: EgressBudget;
  /** Absent: clients may read as slowly as they like. */
  pace?: PaceKeeper | undefined;
  accessLog: AccessLog;
  logger: Logger;
  now: () => number;
  /** Has another thread deliver, the one that holds this client's connection; false when this thread does. */
  divert?: (client: ClientRequest, object: ObjectView, result: CacheResult | null) => boolean;
}

/** A body on its way: what is left of it to be sent, piece by piece. */
interface BodyPart {
  text: Buffer | null;
  range: ByteRange | null;
}

export class ObjectDelivery {
  readonly #deps: ObjectDeliveryDeps;

  constructor(deps: ObjectDeliveryDeps) {
    this.#deps = deps;
  }

  /** @param result null: HIT, PARTIAL or MISS by what is there */
  deliver(client: ClientRequest, object: ObjectView, result: CacheResult | null): void {
    const { request, response, ranges: specs } = client;
    const { headers } = request;
    if (this.#deps.divert?.(client, object, result)) return;
    object.visit();
    if (object.meta.status !== undefined) {
      this.#deliverStatus(client, object, object.meta.status, result);
      return;
    }
    const condition = { ifNoneMatch: headers['if-none-match'], ifModifiedSince: headers['if-modified-since'] };
    if (isNotModified(condition, object.validators)) {
      response.writeHead(304, notModifiedHead(this.#headOf(client, object, this.#count(client, result ?? 'HIT'))));
      response.end();
      return;
    }
    // RFC 9110 14.2: Range is for GET only.
    const isRange =
      specs !== undefined && request.method === 'GET' && rangeCounts(headers['if-range'] as string, object.validators);
    const ranges = isRange ? resolveRanges(specs, object.sizeBytes) : [{ start: 0, end: object.sizeBytes }];
    const [only] = ranges;
    if (only === undefined) {
      this.refuseRange(client, object.sizeBytes);
      return;
    }
    // A miss was not there when the request came, however much of it has come since.
    const present =
      result === 'MISS'
        ? 0
        : ranges.reduce((sum, range) => sum + object.chunks.presentBytes(range.start, range.end), 0);
    const wanted = ranges.reduce((sum, range) => sum + range.end - range.start, 0);
    const found = this.#count(client, result ?? (present === wanted ? 'HIT' : present > 0 ? 'PARTIAL' : 'MISS'));
    if (request.method === 'HEAD') {
      response.writeHead(200, objectHead(this.#headOf(client, object, found), null));
      response.end();
      return;
    }
    if (ranges.length > 1) {
      this.#deliverParts(client, object, ranges, found, present);
      return;
    }
    const head = objectHead(this.#headOf(client, object, found), isRange ? only : null);
    const status = isRange ? 206 : 200;
    if (object.hotBody !== null && !this.#deps.budget.isCapped) {
      object.checkUntouched(performance.now());
      const { hotBody } = object;
      if (hotBody !== null) {
        response.writeHead(status, head);
        response.end(
          only.start === 0 && only.end === hotBody.length ? hotBody : hotBody.subarray(only.start, only.end),
        );
        this.#deps.counters.addBytes(client.origin, present, wanted - present);
        return;
      }
    }
    const share = this.#admit(client);
    if (share === null) return;
    response.writeHead(status, head);
    this.#sendBody(client, object, [{ text: null, range: only }], present, isRange, share);
  }

  /** Anything but 200: whole, and without conditions (RFC 9110 13.2.1, 14.2). */
  #deliverStatus(client: ClientRequest, object: ObjectView, status: number, result: CacheResult | null): void {
    const { request, response, origin } = client;
    const { sizeBytes } = object;
    const present = result === 'MISS' ? 0 : object.chunks.presentBytes(0, sizeBytes);
    const found = this.#count(client, result ?? (present === sizeBytes ? 'HIT' : 'PARTIAL'));
    const shown = statusForClient(status, request.headers['user-agent'], origin);
    if (shown !== status) {
      refuse(response, shown, ['X-Origin-Status', String(status), ...passedMarks(found)]);
      return;
    }
    const head = objectHead(this.#headOf(client, object, found), null);
    if (status === 204) head.splice(head.indexOf('Content-Length'), 2);
    if (isBodyless(status, request.method) || sizeBytes === 0) {
      response.writeHead(status, head);
      response.end();
      return;
    }
    const share = this.#admit(client);
    if (share === null) return;
    response.writeHead(status, head);
    this.#sendBody(client, object, [{ text: null, range: { start: 0, end: sizeBytes } }], present, false, share);
  }

  refuseRange({ response }: ClientRequest, sizeBytes: number): void {
    response.writeHead(416, ['Content-Range', contentRange(null, sizeBytes), 'Content-Length', '0']);
    response.end();
  }

  #deliverParts(
    client: ClientRequest,
    object: ObjectView,
    ranges: ByteRange[],
    found: CacheResult,
    present: number,
  ): void {
    const share = this.#admit(client);
    if (share === null) return;
    const type = object.meta.headers['content-type'];
    const plan = planMultipart(ranges, object.sizeBytes, type, randomBytes(12).toString('hex'));
    const head = this.#headOf(client, object, found);
    const list = objectHead(head, null);
    const kept: string[] = [];
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i] as string;
      if (name !== 'Content-Type' && name !== 'Content-Length') kept.push(name, list[i + 1] as string);
    }
    kept.push('Content-Type', plan.contentType, 'Content-Length', String(plan.sizeBytes));
    client.response.writeHead(206, kept);
    const parts: BodyPart[] = plan.parts.flatMap(({ preamble, range }) => [
      { text: preamble, range: null },
      { text: null, range },
    ]);
    parts.push({ text: plan.closing, range: null });
    this.#sendBody(client, object, parts, present, true, share);
  }

  /** With pipelined requests the socket belongs to the former response until that is done. */
  #sendBody(
    client: ClientRequest,
    object: ObjectView,
    parts: BodyPart[],
    presentBytes: number,
    isRange: boolean,
    share: EgressShare,
  ): void {
    const { response } = client;
    const memory = object.isSmall ? object.hotBody : null;
    const begin = (socket: Socket) => {
      response.flushHeaders();
      new ObjectBody(this.#deps, client, object, memory, parts, presentBytes, isRange, socket, share).start();
    };
    response.once('close', () => share.leave());
    if (response.socket !== null) begin(response.socket);
    else response.once('socket', begin);
  }

  /** A place under the egress cap; null when the request was refused: 503 at once costs a client 0.1 s (connected-cache R3). */
  #admit({ request, response }: ClientRequest): EgressShare | null {
    const share = this.#deps.budget.admit(request.socket.remoteAddress ?? '');
    if (share !== null) return share;
    this.#deps.counters.overloads.egress += 1;
    response.writeHead(503, ['Content-Length', '0']);
    response.end();
    return null;
  }

  #count({ response, origin, startedAtMs }: ClientRequest, result: CacheResult): CacheResult {
    this.#deps.counters.addResult(origin, result);
    if (startedAtMs !== undefined) this.#deps.counters.addTtfb(result, performance.now() - startedAtMs);
    if (this.#deps.accessLog.isOn) noteResult(response, result);
    return result;
  }

  #headOf(client: ClientRequest, object: ObjectView, result: CacheResult) {
    return { object, ttlSecs: client.origin.ttlSecs, result, nowMs: this.#deps.now() };
  }
}

/** Sends the parts of one body one after another and counts what left. */
class ObjectBody {
  readonly #deps: ObjectDeliveryDeps;
  readonly #client: ClientRequest;
  readonly #object: ObjectView;
  readonly #parts: BodyPart[];
  readonly #isRange: boolean;
  /** Of a small object: kept from here on, the object may lose it. */
  readonly #memory: Buffer | null;
  readonly #socket: Socket;
  readonly #share: EgressShare;
  #presentBytes: number;
  /** From the first time on that the client or the origin had to be waited for. */
  #paced: PacedBody | null = null;
  #sender: BodySender | null = null;
  #close: (() => void) | null = null;

  constructor(
    deps: ObjectDeliveryDeps,
    client: ClientRequest,
    object: ObjectView,
    memory: Buffer | null,
    parts: BodyPart[],
    presentBytes: number,
    isRange: boolean,
    socket: Socket,
    share: EgressShare,
  ) {
    this.#deps = deps;
    this.#client = client;
    this.#object = object;
    this.#parts = parts;
    this.#presentBytes = presentBytes;
    this.#isRange = isRange;
    this.#memory = memory;
    this.#socket = socket;
    this.#share = share;
  }

  start(): void {
    this.#client.response.once('close', () => this.#stop());
    this.#next();
  }

  #stop(): void {
    this.#sender?.cancel();
    this.#close?.();
    this.#close = null;
    if (this.#paced !== null) this.#deps.pace?.leave(this.#paced);
    this.#paced = null;
  }

  #next(): void {
    const part = this.#parts.shift();
    const { response } = this.#client;
    if (part === undefined) {
      this.#stop();
      response.end();
    } else if (part.text !== null) {
      this.#count(part.text.length, true);
      response.write(part.text, (error) => (error ? this.#cut(error) : this.#next()));
    } else if (part.range === null || part.range.start === part.range.end) {
      this.#next();
    } else {
      this.#sendRange(part.range);
    }
  }

  #sendRange(range: ByteRange): void {
    const { response } = this.#client;
    let reader: BodyReader;
    try {
      reader = this.#reader(range);
    } catch (error) {
      this.#cut(error as Error);
      return;
    }
    this.#close = () => reader.close();
    this.#sender = new BodySender(response, this.#socket, reader, range, this.#share, {
      onBytes: (count) => this.#count(count, false),
      onDone: (error) => {
        this.#close?.();
        this.#close = null;
        if (error) this.#cut(error);
        else this.#next();
      },
    });
    this.#sender.start();
    if (this.#close !== null) this.#paced ??= this.#deps.pace?.watch(this.#socket) ?? null;
  }

  #reader({ start, end }: ByteRange): BodyReader {
    if (this.#memory !== null) return new MemoryReader(this.#object, this.#memory);
    const source = sourceOf(this.#client, this.#object);
    return this.#deps.fills.reader(this.#object, source, start, end, this.#isRange);
  }

  /** The head promised more than there is: only a cut connection tells the client. */
  #cut(error: Error): void {
    this.#stop();
    if (!this.#socket.destroyed) {
      this.#deps.logger.warn('Delivery was cut', { key: this.#object.key, reason: describeError(error) });
    }
    this.#client.response.destroy();
  }

  /** Bytes that were there when the request came count as hits, first come first. Framing of multipart counts with its origin. */
  #count(bytes: number, isFraming: boolean): void {
    if (this.#paced !== null) this.#paced.bytes += bytes;
    const hit = isFraming ? bytes : Math.min(bytes, this.#presentBytes);
    if (!isFraming) this.#presentBytes -= hit;
    this.#deps.counters.addBytes(this.#client.origin, hit, bytes - hit);
    // What sendfile moves is unknown to the socket's own time limit.
    const { response } = this.#client;
    if (response.noteProgress !== undefined) response.noteProgress();
    else if (this.#socket.timeout) this.#socket.setTimeout(this.#socket.timeout);
  }
}

/** Whom to ask for missing bytes. In a client's name only where that decides what comes, and only when something is missing. */
function sourceOf({ origin, target, request }: ClientRequest, object: ObjectView): TransferSource {
  if (origin.semantics === 'content' || object.chunks.isComplete) return { origin, target };
  return { origin, target, client: forwardedFields(request.rawHeaders, true) };
}
