// Store and forward: a message lies once on disk, a queue row per endpoint points to it. Rows leave on acknowledgement, expiry or overflow,
// and their space goes back to the file system in the same breath.
//
// INVARIANTS: add() resolves after the commit; counters equal the committed rows; a message without rows does not exist.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Clock, EdgeError, type Logger } from '@wayside/kit';
import type { MessageProperties } from '@wayside/protocol';
import type { HubMessage } from '../message.ts';
import { GroupCommit } from './group-commit.ts';

/** One place in one queue. `queue` is what one consumer reads in order; `endpoint` is what limits and metrics count. */
export interface QueuePlace {
  readonly queue: string;
  readonly endpoint: string;
  readonly priority: number;
  /** 0 = never expires. */
  readonly timeToLiveSecs: number;
}

export interface QueuedMessage extends HubMessage {
  /** Id of the queue row: what is acknowledged. */
  readonly id: number;
  readonly priority: number;
}

export type OverflowPolicy = 'drop-oldest' | 'reject';

export interface StoreOptions {
  /** Bytes (bodies and properties) that wait for one endpoint. */
  readonly endpointBytesMax: number;
  readonly overflow: OverflowPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told about every message that left undelivered. */
  readonly onDropped: (reason: 'ttl_expiry' | 'queue_full', endpoint: string, sender: string, source: string) => void;
}

interface Row {
  id: number;
  priority: number;
  sender: string;
  source: string;
  properties: string;
  body: Uint8Array;
  enqueued_at_ms: number;
}
interface DropRow {
  id: number;
  message_id: number;
  endpoint: string;
  priority: number;
  bytes: number;
  sender: string;
  source: string;
}

/** Counted beside body and properties: what a row costs on disk. */
const ROW_OVERHEAD_BYTES = 128;
/** Expired rows removed in one transaction, so that a large backlog does not hold up the senders. */
const EXPIRY_ROWS_MAX = 1000;
/** Oldest rows looked at in one go when room is made. */
const OVERFLOW_ROWS = 100;
/** Free pages (4 KiB each) given back after one commit at most. */
const VACUUM_PAGES_MAX = 2048;
/** Fewer free pages are kept for the next messages. */
const VACUUM_PAGES_MIN = 64;

const DROP_COLUMNS = 'q.id, q.message_id, q.endpoint, q.priority, q.bytes, m.sender, m.source';

export class MessageStore {
  readonly commits: GroupCommit;
  readonly #db: DatabaseSync;
  readonly #options: StoreOptions;
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #bytes = new Map<string, number>();
  readonly #lengths = new Map<string, number>();
  readonly #listeners = new Map<string, () => void>();
  #touched = new Set<string>();
  #freed = false;
  /** A piece of work failed after it had begun to count. */
  #isTorn = false;

  constructor(db: DatabaseSync, options: StoreOptions) {
    this.#db = db;
    this.#options = options;
    this.#sql = prepareAll(db);
    this.commits = new GroupCommit(db, {
      committed: () => this.#committed(),
      rolledBack: (all) => this.#rolledBack(all),
    });
    this.#recount();
  }

  /** Stores the message for every place; resolves when it is on disk. Rejects with HUB_STORE_FULL under policy `reject`. */
  add(message: HubMessage, places: readonly QueuePlace[]): Promise<void> {
    const properties = JSON.stringify(message.properties);
    const bytes = message.body.length + Buffer.byteLength(properties) + ROW_OVERHEAD_BYTES;
    return this.commits.commit(() => {
      for (const place of places) this.#requireRoom(place.endpoint, bytes);
      try {
        this.#insert(message, places, properties, bytes);
      } catch (error) {
        this.#isTorn = true;
        throw error;
      }
    });
  }

  #insert(message: HubMessage, places: readonly QueuePlace[], properties: string, bytes: number): void {
    for (const place of places) this.#makeRoom(place.endpoint, bytes);
    const { sender, source, body, enqueuedAtMs } = message;
    const { lastInsertRowid } = this.#sql.insertMessage.run(
      ...[sender, source, properties, body, enqueuedAtMs, bytes, places.length],
    );
    for (const place of places) {
      const expiresAtMs = place.timeToLiveSecs > 0 ? enqueuedAtMs + place.timeToLiveSecs * 1000 : null;
      this.#sql.insertQueued.run(place.queue, place.endpoint, place.priority, lastInsertRowid, bytes, expiresAtMs);
      this.#count(place.endpoint, place.priority, 1, bytes);
      this.#touched.add(place.queue);
    }
  }

  /** The first messages of a queue: best priority first, oldest first. Expired ones are passed over. */
  peek(queue: string, limit: number): QueuedMessage[] {
    const rows = this.#sql.peek.all(queue, this.#options.clock.nowMs(), limit) as unknown as Row[];
    return rows.map((row) => ({
      id: row.id,
      priority: row.priority,
      sender: row.sender,
      source: row.source,
      properties: JSON.parse(row.properties) as MessageProperties,
      body: Buffer.from(row.body.buffer, row.body.byteOffset, row.body.byteLength),
      enqueuedAtMs: row.enqueued_at_ms,
    }));
  }

  /** Delivered, or given up: the rows leave their queue. */
  async remove(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    await this.commits.commit(() => {
      for (const id of ids) {
        const row = this.#sql.findQueued.get(id) as DropRow | undefined;
        if (row) this.#drop(row);
      }
    });
  }

  /** Removes up to EXPIRY_ROWS_MAX expired rows; true when there may be more. */
  expire(): Promise<boolean> {
    return this.commits.commit(() => {
      const rows = this.#sql.expired.all(this.#options.clock.nowMs(), EXPIRY_ROWS_MAX) as unknown as DropRow[];
      for (const row of rows) {
        this.#drop(row);
        this.#options.onDropped('ttl_expiry', row.endpoint, row.sender, row.source);
      }
      return rows.length === EXPIRY_ROWS_MAX;
    });
  }

  /** An endpoint no route leads to any more: its queue is deleted. */
  deleteEndpoint(endpoint: string): Promise<number> {
    return this.commits.commit(() => {
      const rows = this.#sql.ofEndpoint.all(endpoint, -1) as unknown as DropRow[];
      for (const row of rows) this.#drop(row);
      return rows.length;
    });
  }

  /** Called after a commit that put something into the queue. One listener a queue. */
  onAdded(queue: string, listener: () => void): () => void {
    this.#listeners.set(queue, listener);
    return () => {
      if (this.#listeners.get(queue) === listener) this.#listeners.delete(queue);
    };
  }

  /** Every queue that has something in it. */
  queues(): { queue: string; endpoint: string }[] {
    return this.#sql.queues.all() as { queue: string; endpoint: string }[];
  }

  endpoints(): string[] {
    return [...this.#bytes].filter(([, bytes]) => bytes > 0).map(([endpoint]) => endpoint);
  }

  isEmpty(queue: string): boolean {
    return this.#sql.peek.get(queue, 0, 1) === undefined;
  }

  /** [endpoint, priority, messages]. */
  lengths(): [string, number, number][] {
    return [...this.#lengths].map(([key, length]) => {
      const cut = key.lastIndexOf('\n');
      return [key.slice(0, cut), Number(key.slice(cut + 1)), length];
    });
  }

  bytesOf(endpoint: string): number {
    return this.#bytes.get(endpoint) ?? 0;
  }

  /** Enqueue time of the oldest message that waits for the endpoint; undefined when none does. */
  oldestAtMs(endpoint: string): number | undefined {
    const row = this.#sql.oldest.get(endpoint) as { at: number | null } | undefined;
    return row?.at ?? undefined;
  }

  close(): void {
    this.commits.close();
  }

  /** Throws HUB_STORE_FULL when the policy is to refuse, before anything was changed. */
  #requireRoom(endpoint: string, bytes: number): void {
    const max = this.#options.endpointBytesMax;
    const used = this.bytesOf(endpoint);
    if (used + bytes <= max || (this.#options.overflow === 'drop-oldest' && bytes <= max)) return;
    throw new EdgeError(
      'HUB_STORE_FULL',
      `Cannot queue for ${endpoint}: ${used} of ${max} bytes are used, wanted ${bytes} more`,
      { details: { endpoint, usedBytes: used, bytesMax: max }, retry: 'backoff' },
    );
  }

  #makeRoom(endpoint: string, bytes: number): void {
    const max = this.#options.endpointBytesMax;
    while (this.bytesOf(endpoint) + bytes > max) {
      const rows = this.#sql.ofEndpoint.all(endpoint, OVERFLOW_ROWS) as unknown as DropRow[];
      if (rows.length === 0) return;
      for (const row of rows) {
        if (this.bytesOf(endpoint) + bytes <= max) return;
        this.#drop(row);
        this.#options.onDropped('queue_full', endpoint, row.sender, row.source);
      }
    }
  }

  #drop(row: DropRow): void {
    this.#sql.deleteQueued.run(row.id);
    this.#sql.release.run(row.message_id);
    this.#sql.deleteMessage.run(row.message_id);
    this.#count(row.endpoint, row.priority, -1, -row.bytes);
    this.#freed = true;
  }

  #count(endpoint: string, priority: number, messages: number, bytes: number): void {
    const key = `${endpoint}\n${priority}`;
    this.#lengths.set(key, (this.#lengths.get(key) ?? 0) + messages);
    this.#bytes.set(endpoint, (this.#bytes.get(endpoint) ?? 0) + bytes);
  }

  /** A refusal happens before anything is counted; only a failure in the middle leaves the counters wrong. */
  #rolledBack(all: boolean): void {
    if (all || this.#isTorn) this.#recount();
    this.#isTorn = false;
  }

  /** The counters after a start or a roll-back: what the rows say. */
  #recount(): void {
    for (const key of this.#lengths.keys()) this.#lengths.set(key, 0);
    this.#bytes.clear();
    for (const row of this.#sql.totals.all()) {
      const { endpoint, priority, n, bytes } = row as { endpoint: string; priority: number; n: number; bytes: number };
      this.#count(endpoint, priority, n, bytes);
    }
  }

  #committed(): void {
    const touched = this.#touched;
    this.#touched = new Set();
    for (const queue of touched) this.#listeners.get(queue)?.();
    if (!this.#freed) return;
    this.#freed = false;
    const { freelist_count: free } = this.#sql.freePages.get() as { freelist_count: number };
    if (free > VACUUM_PAGES_MIN) this.#db.exec(`PRAGMA incremental_vacuum(${Math.min(free, VACUUM_PAGES_MAX)})`);
  }
}

function prepareAll(db: DatabaseSync) {
  const prepare = (sql: string): StatementSync => db.prepare(sql);
  return {
    insertMessage: prepare(
      'INSERT INTO message(sender, source, properties, body, enqueued_at_ms, bytes, refs) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    insertQueued: prepare(
      'INSERT INTO queued(queue, endpoint, priority, message_id, bytes, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    peek: prepare(
      `SELECT q.id, q.priority, m.sender, m.source, m.properties, m.body, m.enqueued_at_ms
       FROM queued q JOIN message m ON m.id = q.message_id
       WHERE q.queue = ? AND (q.expires_at_ms IS NULL OR q.expires_at_ms > ?) ORDER BY q.priority, q.id LIMIT ?`,
    ),
    findQueued: prepare(`SELECT ${DROP_COLUMNS} FROM queued q JOIN message m ON m.id = q.message_id WHERE q.id = ?`),
    expired: prepare(
      `SELECT ${DROP_COLUMNS} FROM queued q JOIN message m ON m.id = q.message_id WHERE q.expires_at_ms <= ? ORDER BY q.expires_at_ms LIMIT ?`,
    ),
    ofEndpoint: prepare(
      `SELECT ${DROP_COLUMNS} FROM queued q JOIN message m ON m.id = q.message_id WHERE q.endpoint = ? ORDER BY q.priority DESC, q.id LIMIT ?`,
    ),
    deleteQueued: prepare('DELETE FROM queued WHERE id = ?'),
    release: prepare('UPDATE message SET refs = refs - 1 WHERE id = ?'),
    deleteMessage: prepare('DELETE FROM message WHERE id = ? AND refs <= 0'),
    queues: prepare('SELECT DISTINCT queue, endpoint FROM queued'),
    oldest: prepare(
      'SELECT min(m.enqueued_at_ms) at FROM message m WHERE m.id = (SELECT min(message_id) FROM queued WHERE endpoint = ?)',
    ),
    totals: prepare('SELECT endpoint, priority, count(*) n, sum(bytes) bytes FROM queued GROUP BY 1, 2'),
    freePages: prepare('PRAGMA freelist_count'),
  };
}
