// Takes out what a purge names: from every drive, from memory, and from what is on its way. The receipt says what went.
//
// INVARIANTS
// - From the moment a purge is accepted, a response that was asked for before it is not kept for those who ask after it.
// - A receipt is on disk before anything goes, and `done` only when the indexes are: a purge that a crash cut short is done again.
// - A drive that was out serves nothing before what it missed is gone from it.

import { randomBytes } from 'node:crypto';
import { type Clock, EdgeError, type Logger } from '@wayside/kit';
import type { Origin } from '../../origin/origins.ts';
import type { Drive } from '../../store/drive.ts';
import type { Selection } from '../../store/index-selection.ts';
import { type DriveReceipt, type PurgeReceipt, readPurgesSync, trimmed, writePurges } from './purge-log.ts';
import { type CompiledPurge, compilePurge, type PurgeRequest, parsePurge } from './purge-request.ts';

/** Rows looked at in one step; other work goes on between two. */
const ROWS_AT_ONCE = 256;
/** Files deleted at the same time. */
const UNLINKS_AT_ONCE = 16;
const IN_USE_KEYS_MAX = 20;
/** Purges remembered for responses that are on their way: the longest of these takes less time than so many purges. */
const RECENT_PURGES_MAX = 256;
/** Purges that wait for the one under way. */
export const PURGES_WAITING_MAX = 32;

export interface PurgerDeps {
  drives: readonly Drive[];
  resolve: (host: string) => Origin | undefined;
  /** Openings that nobody new may join: they were begun before the purge. */
  detach: (matches: (key: string) => boolean) => void;
  clock: Clock;
  logger: Logger;
}

interface InUseCounts {
  inUse: number;
  fillsCut: number;
  keys: string[];
}

export class Purger {
  readonly #deps: PurgerDeps;
  #receipts: PurgeReceipt[] = [];
  readonly #recent: { sequence: number; purge: CompiledPurge }[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isStopped = false;
  #purgedObjects = 0;

  constructor(deps: PurgerDeps) {
    this.#deps = deps;
    for (const drive of deps.drives) drive.onUp = () => this.#onUp(drive);
  }

  /** Of the last purge; what is asked of an origin now carries it. */
  get sequence(): number {
    return this.#receipts.at(-1)?.sequence ?? 0;
  }

  /** Purges that wait or run. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Objects that went since the start. */
  get purgedObjects(): number {
    return this.#purgedObjects;
  }

  /** Newest first. */
  receipts(limit: number): PurgeReceipt[] {
    return this.#receipts.slice(-limit).reverse();
  }

  receipt(id: string): PurgeReceipt | undefined {
    return this.#receipts.find((receipt) => receipt.id === id);
  }

  /** Takes the log over and finishes what a crash cut short. Before the first request, after the drives were started. */
  async start(): Promise<void> {
    const unfinished = this.#receipts.filter(({ state }) => state === 'running');
    for (const receipt of unfinished) await this.#enqueue(receipt, this.#compile(receipt.request));
  }

  /** Waits for the purge under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#queue.catch(() => {});
  }

  /** Whether a response asked for at `since` (sequence) is outdated by a purge accepted after that. */
  isOutdated(key: string, headers: Readonly<Record<string, string>>, since: number): boolean {
    if (since >= this.sequence) return false;
    const oldest = this.#recent[0]?.sequence ?? 0;
    if (since < oldest - 1) return true;
    return this.#recent.some(({ sequence, purge }) => sequence > since && purge.matches(key, headers));
  }

  /**
   * Accepts and runs a purge. `done` settles when it is finished. Rejects with CACHE_PURGE_INVALID, CACHE_PURGE_BUSY, CACHE_PURGE_UNRECORDED.
   * @param by who asked, for the receipt
   */
  async purge(given: unknown, by: string): Promise<{ receipt: PurgeReceipt; done: Promise<void> }> {
    const { request, problems } = parsePurge(given);
    if (problems.length > 0) {
      throw new EdgeError(
        'CACHE_PURGE_INVALID',
        `Cannot purge: ${problems.map(({ path, message }) => `${path === '' ? 'the request' : path} ${message}`).join('; ')}`,
        { source: 'downstream', details: { problems: problems.map(({ path, message }) => ({ path, message })) } },
      );
    }
    if (this.#waiting >= PURGES_WAITING_MAX || this.#isStopped) {
      throw new EdgeError(
        'CACHE_PURGE_BUSY',
        `Cannot purge: ${this.#waiting} purges wait, wanted fewer than ${PURGES_WAITING_MAX}`,
        { retry: 'backoff' },
      );
    }
    const purge = this.#compile(request);
    const receipt = this.#newReceipt(request, by);
    this.#receipts = trimmed([...this.#receipts, receipt]);
    this.#remember(receipt.sequence, purge);
    this.#deps.detach((key) => purge.matches(key, {}));
    await this.#record();
    return { receipt, done: this.#enqueue(receipt, purge) };
  }

  #compile(request: PurgeRequest): CompiledPurge {
    return compilePurge(request, this.#deps.resolve);
  }

  #newReceipt(request: PurgeRequest, by: string): PurgeReceipt {
    const sequence = this.sequence + 1;
    return {
      id: `purge-${sequence}-${randomBytes(4).toString('hex')}`,
      sequence,
      atUtc: new Date(this.#deps.clock.nowMs()).toISOString(),
      finishedAtUtc: null,
      state: 'running',
      by,
      request,
      ...{ objects: 0, bytes: 0, inUse: 0, fillsCut: 0 },
      inUseKeys: [],
      drives: [],
    };
  }

  #remember(sequence: number, purge: CompiledPurge): void {
    this.#recent.push({ sequence, purge });
    if (this.#recent.length > RECENT_PURGES_MAX) this.#recent.shift();
  }

  /** One after another: two at a time would only get in each other's way on the drives. */
  #enqueue(receipt: PurgeReceipt, purge: CompiledPurge): Promise<void> {
    this.#waiting += 1;
    const run = this.#queue.then(() => this.#run(receipt, purge)).finally(() => (this.#waiting -= 1));
    this.#queue = run.catch(() => {});
    return run;
  }

  async #run(receipt: PurgeReceipt, purge: CompiledPurge): Promise<void> {
    const counts: InUseCounts = { inUse: 0, fillsCut: 0, keys: [] };
    const drives: DriveReceipt[] = [];
    for (const drive of this.#deps.drives) drives.push(await this.#purgeDrive(drive, purge, counts));
    Object.assign(receipt, {
      state: 'done',
      finishedAtUtc: new Date(this.#deps.clock.nowMs()).toISOString(),
      objects: drives.reduce((sum, { objects }) => sum + objects, 0),
      bytes: drives.reduce((sum, { bytes }) => sum + bytes, 0),
      ...{ drives, inUse: counts.inUse, fillsCut: counts.fillsCut, inUseKeys: counts.keys },
    });
    this.#purgedObjects += receipt.objects;
    await this.#record();
    const { id, objects, bytes, by } = receipt;
    this.#deps.logger.info('Purged', { id, by, objects, bytes });
  }

  async #purgeDrive(drive: Drive, purge: CompiledPurge, counts: InUseCounts): Promise<DriveReceipt> {
    const receipt: DriveReceipt = { path: drive.path, state: 'done', objects: 0, bytes: 0 };
    if (!drive.isUp) return { ...receipt, state: 'out' };
    const removals: Promise<void>[] = [];
    const remove = async (id: number, storedBytes: number) => {
      receipt.objects += 1;
      receipt.bytes += storedBytes;
      removals.push(this.#remove(drive, id, storedBytes, counts));
      if (removals.length >= UNLINKS_AT_ONCE) await Promise.all(removals.splice(0));
    };
    // What is in memory may not be in the index yet.
    for (const object of [...drive.live.values()]) {
      if (purge.matches(object.key, object.meta.headers)) await remove(object.id, object.storedBytes);
    }
    drive.flush();
    for (const selection of purge.selections) {
      for (let after: number | undefined = 0; after !== undefined; ) {
        const { rows, last } = drive.select(selection, after, ROWS_AT_ONCE);
        for (const { id, storedBytes } of rows) await remove(id, storedBytes);
        after = last;
      }
    }
    await Promise.all(removals);
    const isKept = await drive.committed();
    return isKept && drive.isUp ? receipt : { ...receipt, state: 'out' };
  }

  async #remove(drive: Drive, id: number, storedBytes: number, counts: InUseCounts): Promise<void> {
    const object = drive.live.get(id);
    if (object !== undefined) {
      const isFilling = object.work?.isActive === true;
      if (object.uses > 0 || isFilling) {
        counts.inUse += 1;
        if (counts.keys.length < IN_USE_KEYS_MAX) counts.keys.push(object.key);
      }
      if (isFilling) counts.fillsCut += 1;
    }
    await removeRow(drive, id, storedBytes);
  }

  /** A drive is in service, for the first time or again: before it serves, what it missed goes. */
  #onUp(drive: Drive): void {
    const known = readPurgesSync(drive.path);
    if (known.sequence > this.sequence) {
      this.#receipts = known.receipts;
      for (const other of this.#deps.drives) if (other !== drive && other.isUp) this.#catchUp(other);
    } else if (known.sequence < this.sequence) this.#catchUp(drive, known.sequence);
  }

  #catchUp(drive: Drive, seen = readPurgesSync(drive.path).sequence): void {
    const missed = this.#receipts.filter(({ sequence }) => sequence > seen);
    // When receipts of that time are not kept any more, nobody knows what was to go: everything goes.
    const isKnown = missed[0]?.sequence === seen + 1;
    const selections: Selection[] = isKnown
      ? missed.flatMap(({ request }) => this.#compile(request).selections)
      : [{ kind: 'all' }];
    let objects = 0;
    for (const selection of selections) {
      for (let after: number | undefined = 0; after !== undefined; ) {
        const { rows, last } = drive.select(selection, after, ROWS_AT_ONCE);
        objects += rows.length;
        for (const { id, storedBytes } of rows) void removeRow(drive, id, storedBytes);
        after = last;
      }
    }
    drive.flush();
    const fields = { path: drive.path, purges: missed.length, objects };
    this.#deps.logger.info('A drive missed purges, what they named is gone from it', fields);
    void writePurges(drive.path, this.#receipts).catch(() => {});
  }

  /** On every drive that is there; one is enough. */
  async #record(): Promise<void> {
    const up = this.#deps.drives.filter((drive) => drive.isUp);
    const written = await Promise.allSettled(up.map((drive) => writePurges(drive.path, this.#receipts)));
    if (up.length > 0 && written.every(({ status }) => status === 'rejected')) {
      throw new EdgeError('CACHE_PURGE_UNRECORDED', 'Cannot record the purge: no drive takes its receipt', {
        cause: (written[0] as PromiseRejectedResult).reason,
        retry: 'backoff',
      });
    }
  }
}

/** Marked at once, gone from the disk when it resolves. */
async function removeRow(drive: Drive, id: number, storedBytes: number): Promise<void> {
  const object = drive.live.get(id);
  const removed = drive.removeRow({ id, storedBytes });
  object?.work?.cancel(
    new EdgeError('CACHE_PURGED', `"${object.key}" was purged while it was being fetched`, { source: 'downstream' }),
  );
  await removed;
}
