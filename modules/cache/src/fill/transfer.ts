// One stretch of an object on its way from the origin into the file: asks, checks that it is the same representation, resumes after a break.

import { type Clock, EdgeError } from '@wayside/kit';
import type { ClientFields } from '../origin/origin-client.ts';
import type { OpenResponse, OriginGate } from '../origin/origin-gate.ts';
import type { Origin } from '../origin/origins.ts';
import { hasPromisedLength, parseContentRange } from '../request/byte-range.ts';
import type { CacheObject } from '../store/cache-object.ts';
import type { ChunkLoader } from '../store/chunk-loader.ts';
import { chunkStart } from '../store/chunk-map.ts';
import type { HotBodies } from '../store/hot-bodies.ts';
import { validatorsOf } from '../store/object-meta.ts';
import { ChunkWriter } from './chunk-writer.ts';
import type { ChunkSpan } from './segments.ts';

/**
 * A try that would begin later than this after the last new byte is not made: with it (connect and head take up to 12 s) readers would hear
 * nothing for 20 s, and their clients would avoid this cache for all origins (connected-cache 3.5, R4).
 */
const RETRY_WITHIN_MS = 6500;
/** Breaks of one transfer: an origin that brings a few bytes each time is none. */
const BREAKS_MAX = 32;
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 2000;
/** Errors that another try may cure; the others say that the object itself is not to be had. */
const PASSING_ERRORS = ['CACHE_ORIGIN_UNREACHABLE', 'CACHE_ORIGIN_TIMEOUT', 'CACHE_ORIGIN_OUT', 'CACHE_ORIGIN_BUSY'];
/** Answers that say nothing about the object; anything else means it is gone or changed. */
const isPassing = (status: number) => status >= 500 || status === 408 || status === 429;

export interface TransferDeps {
  gate: OriginGate;
  clock: Clock;
  loader: ChunkLoader;
  hotBodies: HotBodies;
}

export interface TransferSource {
  origin: Origin;
  /** Target of the newest request: signed links expire. */
  target: string;
  /** Fields of the client that selected this representation. */
  client?: ClientFields | undefined;
}

export class Transfer {
  readonly span: ChunkSpan;
  readonly #object: CacheObject;
  readonly #deps: TransferDeps;
  readonly #source: () => TransferSource;
  readonly #onProgress: (transfer: Transfer) => void;
  readonly #abort = new AbortController();
  #writer: ChunkWriter;
  #response: OpenResponse | null = null;
  /** When the last byte was written. */
  #progressAtMs = 0;

  constructor(
    object: CacheObject,
    span: ChunkSpan,
    deps: TransferDeps,
    source: () => TransferSource,
    onProgress: (transfer: Transfer) => void,
  ) {
    this.span = span;
    this.#object = object;
    this.#deps = deps;
    this.#source = source;
    this.#onProgress = onProgress;
    this.#writer = this.#newWriter();
  }

  /** Offset up to which the stretch is in the file. */
  get mark(): number {
    return this.#writer.mark;
  }

  get start(): number {
    return chunkStart(this.span.from);
  }

  get end(): number {
    return this.#object.chunks.chunkEnd(this.span.to - 1);
  }

  /** Nothing more is written; what was not completed is not readable any more. */
  stop(): void {
    this.#writer.stop();
  }

  /** Ends the transfer; run() rejects with the reason. */
  cancel(reason: Error): void {
    this.#abort.abort(reason);
  }

  /**
   * Brings the stretch. Rejects with CACHE_ORIGIN_CHANGED when the origin has another representation by now.
   * @param first a response already under way, with the number of its bytes to leave out in front
   */
  async run(first?: { response: OpenResponse; skipBytes: number }): Promise<void> {
    const { clock } = this.#deps;
    let next = first;
    let fruitless = 0;
    this.#progressAtMs = clock.monotonicMs();
    for (let breaks = 0; ; breaks += 1) {
      const before = this.#writer.received;
      try {
        const { response, skipBytes } = next ?? (await this.#open());
        next = undefined;
        await this.#receive(response, skipBytes);
        return;
      } catch (error) {
        this.#abort.signal.throwIfAborted();
        const hasNews = this.#writer.received > before;
        fruitless = hasNews ? 0 : fruitless + 1;
        const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** fruitless);
        const silenceMs = clock.monotonicMs() + delayMs - this.#progressAtMs;
        if (!isPassingError(error) || breaks >= BREAKS_MAX || silenceMs > RETRY_WITHIN_MS) throw error;
        await clock.sleep(delayMs, this.#abort.signal);
      }
    }
  }

  #newWriter(): ChunkWriter {
    return new ChunkWriter(this.#object, this.start, this.#deps.hotBodies, () => this.#deps.loader.warmUntil(), {
      onProgress: () => {
        this.#progressAtMs = this.#deps.clock.monotonicMs();
        this.#onProgress(this);
      },
      onBackpressure: (isPaused) => (isPaused ? this.#response?.pause() : this.#response?.resume()),
      onError: (error) => this.#abort.abort(driveError(error, this.#object)),
    });
  }

  async #open(): Promise<{ response: OpenResponse; skipBytes: number }> {
    await this.#writer.drain();
    const { meta } = this.#object;
    const validator = this.#object.rangeValidator;
    const { origin, target, client } = this.#source();
    if (!meta.ranged) {
      // The origin answers no ranges: everything again, over the same bytes.
      if (validator === null) throw changed(this.#object, 'there is no validator to go on with');
      this.#writer.stop();
      this.#writer = this.#newWriter();
    }
    const from = this.#writer.mark;
    const range = ['Range', `bytes=${from}-${this.end - 1}`, 'If-Range', validator ?? ''];
    const headers = meta.ranged ? range : [];
    const response = await this.#deps.gate.open({
      origin,
      method: 'GET',
      target,
      headers,
      client,
    });
    if (this.#abort.signal.aborted) {
      response.abort();
      this.#abort.signal.throwIfAborted();
    }
    try {
      return { response, skipBytes: this.#check(response, from) };
    } catch (error) {
      response.abort();
      throw error;
    }
  }

  /** Bytes to leave out in front; throws when the response is not the rest of our representation. */
  #check(response: OpenResponse, from: number): number {
    const { status, headers } = response.head;
    if (isPassing(status)) {
      throw new EdgeError(
        'CACHE_ORIGIN_UNREACHABLE',
        `Cannot go on with "${this.#object.key}": origin answered ${status}`,
        {
          source: 'upstream',
          retry: 'backoff',
        },
      );
    }
    const { etag, lastModified } = validatorsOf(headers);
    const stored = this.#object.validators;
    const isSame = etag !== null || stored.etag !== null ? etag === stored.etag : lastModified === stored.lastModified;
    if (status === 206) {
      const range = parseContentRange(headers['content-range']);
      const fits =
        range !== undefined &&
        'start' in range &&
        range.start === from &&
        range.size === this.#object.sizeBytes &&
        range.end <= this.end &&
        hasPromisedLength(headers['content-length'], range.end - range.start);
      if (!fits || !isSame) throw changed(this.#object, `Content-Range is "${headers['content-range']}", ETag ${etag}`);
      return 0;
    }
    // RFC 9110 14.2: a server may ignore Range; the same validator and length mean the same bytes.
    if (status === 200 && isSame && Number(headers['content-length']) === this.#object.sizeBytes) return from;
    throw changed(this.#object, `origin answered ${status}, ETag ${etag}`);
  }

  #receive(response: OpenResponse, skipBytes: number): Promise<void> {
    const { signal } = this.#abort;
    const writer = this.#writer;
    const { end } = this;
    this.#response = response;
    return new Promise((resolve, reject) => {
      let skip = skipBytes;
      const finish = (error?: unknown) => {
        signal.removeEventListener('abort', onAbort);
        this.#response = null;
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = () => {
        response.abort();
        writer.stop();
        finish(signal.reason);
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort);
      const complete = () => void writer.drain().then(() => finish());
      response.attach({
        onData(piece) {
          const from = Math.min(skip, piece.length);
          skip -= from;
          const room = end - writer.received;
          if (room <= 0) return;
          writer.write(from === 0 && piece.length <= room ? piece : piece.subarray(from, from + room));
          if (writer.received >= end && piece.length - from > room) {
            response.abort();
            complete();
          }
        },
        onEnd() {
          if (writer.received >= end) return complete();
          finish(
            new EdgeError('CACHE_ORIGIN_UNREACHABLE', 'The origin ended the body early', {
              source: 'upstream',
              retry: 'backoff',
            }),
          );
        },
        onError: (error) => (writer.received >= end ? complete() : finish(error)),
      });
    });
  }
}

function isPassingError(error: unknown): boolean {
  return error instanceof EdgeError && PASSING_ERRORS.includes(error.code);
}

function changed(object: CacheObject, why: string): EdgeError {
  return new EdgeError('CACHE_ORIGIN_CHANGED', `Cannot go on with "${object.key}": ${why}`, {
    source: 'upstream',
    retry: 'backoff',
  });
}

function driveError(error: Error, object: CacheObject): EdgeError {
  object.drive.writeFailed(object, error);
  return new EdgeError('CACHE_DRIVE_FAILED', `Cannot write to drive ${object.drive.path}`, { cause: error });
}
