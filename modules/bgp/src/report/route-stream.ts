// Brings the receiver from the routes it holds to those that are wanted, batch by batch, each acknowledged before the next.
//
// INVARIANTS
// - One change is under way at a time; its two sides are frozen when it begins. What is wanted meanwhile comes with the next change.
// - A batch that fails is sent again with the same seq and content until it is acknowledged, or a new epoch takes its place.
// - #held is what the receiver holds after the last whole change.

import { randomUUID } from 'node:crypto';
import { backoffDelayMs, type Clock, describeError, type Logger } from '@wayside/kit';
import { BgpRouteHash, type BgpRoutes, type BgpState } from '@wayside/protocol';
import { differenceOf, isNoDifference } from '../routes/route-difference.ts';
import { emptyTable, type RouteTable } from '../routes/route-table.ts';
import { type Batch, fillBatch, planBatches, type SessionDifference, toMessage } from './route-batches.ts';
import type { StreamMark, StreamStore } from './stream-store.ts';

/** Between two tries to send one batch. */
const SEND_RETRY_BASE_MS = 500;
const SEND_RETRY_MAX_MS = 30_000;

type Tables = ReadonlyMap<string, RouteTable>;

export interface RouteStreamOptions {
  store: StreamStore;
  clock: Clock;
  logger: Logger;
  /** Resolves when edgeHub acknowledged the message. */
  send(message: BgpRoutes): Promise<void>;
  /** After a change was acknowledged as a whole. */
  onAcknowledged(): void;
  /** For tests; default BGP_MESSAGE_BYTES_MAX. */
  batchBytesMax?: number;
}

export class RouteStream {
  readonly #options: RouteStreamOptions;
  readonly #stop = new AbortController();
  #wanted: Tables | undefined;
  #held: Tables = new Map();
  #mark: StreamMark | null = null;
  /** Epoch to begin as soon as the batch under way is settled. */
  #newEpoch: string | null = null;
  /** A snapshot that is under way may lack what was lost: it is no answer to a later wish. */
  #begunEpoch: string | null = null;
  #wake = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: RouteStreamOptions) {
    this.#options = options;
  }

  /** Reads what is on disk and starts the loop; answers the routes the receiver held last, null when nothing is known of them. */
  async start(): Promise<Tables | null> {
    const { mark, tables } = await this.#options.store.load();
    this.#held = tables;
    this.#mark = mark;
    if (mark === null || mark.isSending) this.#newEpoch = randomUUID();
    this.#running = this.#run();
    return mark === null ? null : tables;
  }

  /** These routes are wanted at the receiver. Nothing is sent before the first call. */
  offer(wanted: Tables): void {
    this.#wanted = wanted;
    this.#wake.resolve();
  }

  /** Begins a new epoch with a snapshot; answers the epoch. */
  resync(): string {
    if (this.#newEpoch === null || this.#newEpoch === this.#begunEpoch) this.#newEpoch = randomUUID();
    this.#wake.resolve();
    return this.#newEpoch;
  }

  /** Where the stream ends for certain. */
  get end(): BgpState['stream'] {
    if (this.#mark === null || this.#mark.seq === 0) return null;
    const { epoch, seq, routes, hash } = this.#mark;
    return { epoch, seq, routes, hash };
  }

  /** Routes of a session that the receiver holds. */
  reportedOf(session: string): number {
    return this.#held.get(session)?.size ?? 0;
  }

  async close(): Promise<void> {
    this.#stop.abort(new DOMException('The module ends', 'AbortError'));
    this.#wake.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const wanted = this.#wanted;
      const isDue = wanted !== undefined && (this.#newEpoch !== null || wanted !== this.#held);
      if (!isDue) {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers<void>();
        continue;
      }
      try {
        await this.#bring(wanted);
      } catch (error) {
        if (signal.aborted) return;
        // The disk: without the mark nothing may be sent.
        this.#options.logger.error('Routes cannot be reported', { reason: describeError(error) });
        this.#newEpoch = randomUUID();
        await this.#options.clock.sleep(SEND_RETRY_MAX_MS, signal).catch(() => {});
      }
    }
  }

  /** One change: a snapshot when an epoch begins, else a difference. */
  async #bring(wanted: Tables): Promise<void> {
    const { store, onAcknowledged, logger, batchBytesMax } = this.#options;
    const begins = this.#newEpoch;
    this.#begunEpoch = begins;
    const differences = differencesOf(begins === null ? this.#held : new Map(), wanted);
    if (begins === null && differences.length === 0) {
      this.#held = wanted;
      return;
    }
    const empty: StreamMark = {
      epoch: begins ?? '',
      seq: 0,
      routes: 0,
      hash: new BgpRouteHash().toString(),
      isSending: true,
    };
    let mark: StreamMark = begins === null && this.#mark !== null ? { ...this.#mark, isSending: true } : empty;
    await store.saveMark(mark);
    const batches = planBatches(differences, batchBytesMax);
    const kind = begins === null ? 'delta' : 'snapshot';
    for (const [index, batch] of batches.entries()) {
      const isOvertaken = () => this.#newEpoch !== begins;
      const next = await this.#sendBatch(batch, mark, { kind, part: index + 1, parts: batches.length }, isOvertaken);
      if (next === undefined) return;
      mark = next;
      this.#mark = mark;
    }
    mark = { ...mark, isSending: false };
    await store.saveAll(mark, wanted);
    this.#mark = mark;
    this.#held = wanted;
    if (this.#newEpoch === begins) this.#newEpoch = null;
    logger.info('Routes reported', {
      kind,
      epoch: mark.epoch,
      seq: mark.seq,
      batches: batches.length,
      routes: mark.routes,
    });
    onAcknowledged();
  }

  /** The mark after the batch; undefined when a new epoch is wanted before it was acknowledged. */
  async #sendBatch(
    batch: Batch,
    mark: StreamMark,
    place: Pick<BgpRoutes, 'kind' | 'part' | 'parts'>,
    isOvertaken: () => boolean,
  ): Promise<StreamMark | undefined> {
    const { clock, send, logger } = this.#options;
    const hash = BgpRouteHash.from(mark.hash);
    const { growth, ...content } = fillBatch(batch, hash);
    const routes = mark.routes + growth;
    const atUtc = new Date(clock.nowMs()).toISOString();
    const { epoch } = mark;
    const seq = mark.seq + 1;
    const message = toMessage({ atUtc, epoch, seq, ...place }, content, routes, hash);
    for (let attempt = 0; ; attempt += 1) {
      if (isOvertaken()) return undefined;
      this.#stop.signal.throwIfAborted();
      try {
        await send(message);
        return { epoch, seq, routes, hash: message.hash, isSending: true };
      } catch (error) {
        logger.warn('Routes were not acknowledged, they are sent again', {
          ...{ code: 'BGP_MESSAGE_FAILED', epoch, seq, attempt },
          reason: describeError(error),
        });
        const delayMs = backoffDelayMs({ attempt, baseMs: SEND_RETRY_BASE_MS, maxMs: SEND_RETRY_MAX_MS, jitter: 0.3 });
        await clock.sleep(delayMs, this.#stop.signal);
      }
    }
  }
}

function differencesOf(held: Tables, wanted: Tables): SessionDifference[] {
  const sessions = new Set([...held.keys(), ...wanted.keys()]);
  const differences: SessionDifference[] = [];
  for (const session of [...sessions].sort()) {
    const before = held.get(session);
    const after = wanted.get(session);
    if (before === after) continue;
    const family = after?.family ?? before?.family ?? 4;
    const difference = differenceOf(before ?? emptyTable(family), after ?? emptyTable(family));
    if (!isNoDifference(difference)) differences.push({ session, difference });
  }
  return differences;
}
