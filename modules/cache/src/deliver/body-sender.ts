// Sends the bytes of one reader to one client: by sendfile(2) straight from the file to the socket, by stream writes where that is not possible.
// A slow client holds no memory but one small piece: the rest stays in the file until its socket takes more.

import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { ResponseChannel } from '../listen/exchange.ts';
import { chunkOf } from '../store/chunk-map.ts';
import { native } from '../store/native.ts';
import type { BodyReader } from './body-reader.ts';
import type { EgressShare } from './egress-budget.ts';
import { turns } from './turns.ts';

/** One client's share of a turn of the event loop. */
const TURN_BYTES_MAX = 2 * 1024 * 1024;
/** The same while clients connect: each of a crowd gets its first bytes before anybody gets many. */
const ARRIVING_BYTES_MAX = 16 * 1024;
/** When the socket is full, this much is written through the stream; its callback tells when the socket takes more. */
const PROBE_BYTES = 16 * 1024;
/** Piece of the stream way. */
const STREAM_PIECE_BYTES = 128 * 1024;
/** Reads of one body that may fail before the client is cut. */
const READ_FAILURES_MAX = 8;

export interface SenderEvents {
  onBytes(count: number): void;
  /** All bytes were handed to the kernel or the stream; or they never will be. Once. */
  onDone(error?: Error): void;
}

interface HandleWithFd {
  fd?: number;
}

/** Descriptor of a plain TCP socket, -1 where there is none (TLS, another system). */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: HandleWithFd | null };
  return (socket as { encrypted?: boolean }).encrypted === true ? -1 : (handle?.fd ?? -1);
}

export class BodySender {
  readonly #response: ResponseChannel;
  readonly #socket: Socket;
  readonly #reader: BodyReader;
  readonly #budget: EgressShare;
  readonly #events: SenderEvents;
  readonly #last: number;
  #position: number;
  #isOver = false;
  #readFailures = 0;
  readonly #step = () => this.#run();
  /** What wakes many bodies at once (a write of the fill, a full socket's end) only gives each its turn. */
  readonly #resume = (error?: Error | null) => {
    if (error) this.#finish(error);
    else turns.add(this.#step);
  };

  /**
   * The response's head must have been given to the socket, and the socket be the response's own by now.
   * @param range bytes to send; the reader may look further ahead
   */
  constructor(
    response: ResponseChannel,
    socket: Socket,
    reader: BodyReader,
    range: { start: number; end: number },
    budget: EgressShare,
    events: SenderEvents,
  ) {
    this.#response = response;
    this.#socket = socket;
    this.#reader = reader;
    this.#budget = budget;
    this.#events = events;
    this.#position = range.start;
    this.#last = range.end;
  }

  start(): void {
    this.#run();
  }

  /** The client is gone: nothing more is sent or called. */
  cancel(): void {
    this.#isOver = true;
  }

  #run(): void {
    if (this.#isOver) return;
    if (this.#socket.destroyed) {
      this.#finish(new Error('client left'));
      return;
    }
    let turn = turns.isArriving ? ARRIVING_BYTES_MAX : TURN_BYTES_MAX;
    while (this.#position < this.#last) {
      if (turn <= 0) {
        turns.add(this.#step);
        return;
      }
      const readable = Math.min(this.#last, this.#reader.readableEnd(this.#position));
      if (readable <= this.#position) {
        this.#reader.wait(this.#position, this.#resume);
        return;
      }
      const allowed = this.#budget.take(Math.min(readable - this.#position, turn));
      if (allowed === 0) {
        this.#budget.wait(this.#step);
        return;
      }
      const sent = this.#sendfile(allowed);
      turn -= sent;
      if (sent === allowed) continue;
      this.#budget.giveBack(allowed - sent);
      this.#writePiece(readable);
      return;
    }
    this.#finish();
  }

  /** Bytes the kernel took. */
  #sendfile(bytes: number): number {
    const fd = descriptorOf(this.#socket);
    if (native === undefined || fd < 0 || this.#reader.fd < 0 || this.#socket.writableLength > 0) return 0;
    let done = 0;
    while (done < bytes) {
      const sent = native.sendfile(fd, this.#reader.fd, this.#position, bytes - done);
      if (sent <= 0) break;
      done += sent;
      this.#position += sent;
    }
    if (done > 0) this.#events.onBytes(done);
    return done;
  }

  /** One piece through the stream. Its pages are in memory (readableEnd said so), so the read does not wait. */
  #writePiece(readable: number): void {
    const { memory } = this.#reader;
    const isProbe = native !== undefined && memory === undefined && descriptorOf(this.#socket) >= 0;
    const wanted = Math.min(readable - this.#position, isProbe ? PROBE_BYTES : STREAM_PIECE_BYTES);
    const allowed = this.#budget.take(wanted);
    if (allowed === 0) {
      this.#budget.wait(this.#step);
      return;
    }
    if (memory !== undefined) {
      const from = this.#position;
      this.#position += allowed;
      this.#events.onBytes(allowed);
      this.#response.write(memory.subarray(from, from + allowed), this.#resume);
      return;
    }
    const piece = Buffer.allocUnsafeSlow(allowed);
    let got = 0;
    try {
      got = readSync(this.#reader.fd, piece, 0, allowed, this.#position);
    } catch (error) {
      this.#retryRead(error as Error);
      return;
    }
    if (got === 0) {
      this.#retryRead(new Error('stored file is shorter than it was'));
      return;
    }
    this.#position += got;
    this.#events.onBytes(got);
    this.#response.write(got === allowed ? piece : piece.subarray(0, got), this.#resume);
  }

  /** The drive did not give what it had: the chunk counts as unchecked, so that it is read by the engine, and fetched again when that fails too. */
  #retryRead(error: Error): void {
    this.#readFailures += 1;
    if (this.#readFailures > READ_FAILURES_MAX) {
      this.#finish(error);
      return;
    }
    this.#reader.object.state.unsetReady(chunkOf(this.#position));
    this.#reader.wait(this.#position, (failure) => (failure ? this.#finish(failure) : this.#run()));
  }

  #finish(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onDone(error);
  }
}
