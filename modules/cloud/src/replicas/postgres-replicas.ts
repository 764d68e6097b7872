// Replicas over one PostgreSQL: notices gathered and sent after the commits, the lead, and turns that hold a lock of the database.

import { type Clock, describeError, type Logger, Semaphore } from '@wayside/kit';
import { sql } from 'kysely';
import type { Db } from '../store/tables.ts';
import { type Notice, noticePayloads, sendNotice } from './notices.ts';
import { ALIVE_LOCK, LEAD_LOCK, ReplicaLine } from './replica-line.ts';
import type { NoticeListener, Replicas, Topic, Turn } from './replicas.ts';

/** Ids that wait for the database; beyond it the oldest topic is dropped and every minute's review makes up for it. */
const WAITING_IDS_MAX = 100_000;
const SEND_RETRY_MS = 1_000;
/** First key of the locks of turns ('WAYT'); the second one is made of the name. */
const TURN_LOCK = 0x57_41_59_54;
/** A turn's own limit: it may wait for a long one of another replica. */
const TURN_WAIT_MS_MAX = 120_000;

export interface PostgresReplicasOptions {
  url: string;
  db: Db;
  clock: Clock;
  logger: Logger;
}

interface Led {
  name: string;
  work(signal: AbortSignal): Promise<void>;
  running: Promise<void>;
  done(): void;
}

export class PostgresReplicas implements Replicas {
  readonly #options: PostgresReplicasOptions;
  readonly #line: ReplicaLine;
  readonly #listeners = new Map<Topic, Set<NoticeListener>>();
  readonly #gapListeners = new Set<(sinceMs: number) => void>();
  readonly #waiting = new Map<Topic, Set<string>>();
  readonly #turns = new Map<string, Turn>();
  readonly #led: Led[] = [];
  #leading: AbortController | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  private constructor(options: PostgresReplicasOptions) {
    this.#options = options;
    this.#line = new ReplicaLine({
      ...options,
      onNotice: (notice) => this.#hear(notice),
      onGap: (sinceMs) => {
        for (const listener of this.#gapListeners) listener(sinceMs);
      },
      onLead: (isLeader) => this.#follow(isLeader),
    });
  }

  static async open(options: PostgresReplicasOptions): Promise<PostgresReplicas> {
    const replicas = new PostgresReplicas(options);
    await replicas.#line.open();
    return replicas;
  }

  get number(): number {
    return this.#line.number;
  }

  get isLeader(): boolean {
    return this.#line.isLeader;
  }

  /** The session that holds the lead shows its number by its other lock. */
  async leader(): Promise<number | undefined> {
    if (this.isLeader) return this.number;
    const { rows } = await sql<{ number: number }>`
      select alive.objid::bigint as number from pg_locks lead join pg_locks alive on alive.pid = lead.pid
      where lead.locktype = 'advisory' and lead.granted and lead.classid::bigint = ${LEAD_LOCK}
        and lead.database = (select oid from pg_database where datname = current_database())
        and alive.locktype = 'advisory' and alive.granted and alive.classid::bigint = ${ALIVE_LOCK}`.execute(
      this.#options.db,
    );
    return rows[0]?.number;
  }

  publish(topic: Topic, ids: readonly string[]): void {
    const waiting = this.#waiting.get(topic) ?? new Set();
    if (waiting.size < WAITING_IDS_MAX) for (const id of ids) waiting.add(id);
    this.#waiting.set(topic, waiting);
    this.#sending ??= this.#send();
  }

  on(topic: Topic, listener: NoticeListener): () => void {
    const set = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, set.add(listener));
    return () => set.delete(listener);
  }

  onGap(listener: (sinceMs: number) => void): () => void {
    this.#gapListeners.add(listener);
    return () => this.#gapListeners.delete(listener);
  }

  lead(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const led: Led = { name, work, running: Promise.resolve(), done: resolve };
    this.#led.push(led);
    if (this.#leading) this.#start(led, this.#leading.signal);
    return promise;
  }

  turn(name: string): Turn {
    const known = this.#turns.get(name);
    if (known) return known;
    // In this process first: each name takes one connection of the pool at most.
    const own = new Semaphore(1);
    const turn: Turn = { run: (work) => own.run(() => this.#withLock(name, work)) };
    this.#turns.set(name, turn);
    return turn;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#follow(false);
    await Promise.all(this.#led.map((led) => led.running));
    for (const led of this.#led) led.done();
    await this.#sending;
    await this.#line.close();
  }

  #hear({ topic, ids }: Notice): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(ids);
  }

  /** What comes while one is on its way goes with the next, each id once. */
  async #send(): Promise<void> {
    const { db, clock, logger } = this.#options;
    await new Promise((resolve) => setImmediate(resolve));
    for (const [topic, ids] of this.#waiting) {
      this.#waiting.delete(topic);
      try {
        for (const payload of noticePayloads(this.number, topic, ids)) await sendNotice(db, payload);
      } catch (error) {
        if (this.#isClosed) break;
        logger.error('Cannot tell the other replicas, trying again', { topic, error: describeError(error) });
        const later = this.#waiting.get(topic) ?? new Set();
        this.#waiting.set(topic, later);
        for (const id of ids) later.add(id);
        await clock.sleep(SEND_RETRY_MS);
      }
    }
    this.#sending = undefined;
    if (this.#waiting.size > 0 && !this.#isClosed) this.#sending = this.#send();
  }

  #follow(isLeader: boolean): void {
    if (!isLeader) {
      this.#leading?.abort();
      this.#leading = undefined;
      return;
    }
    if (this.#isClosed) return;
    this.#options.logger.info('This replica leads', { replica: this.number });
    this.#leading = new AbortController();
    for (const led of this.#led) this.#start(led, this.#leading.signal);
  }

  /** After the run before it, which may still be ending. */
  #start(led: Led, signal: AbortSignal): void {
    led.running = led.running
      .then(() => (signal.aborted ? undefined : led.work(signal)))
      .catch((error) =>
        this.#options.logger.error('Work of the leading replica failed', {
          work: led.name,
          error: describeError(error),
        }),
      );
  }

  #withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#options.db.connection().execute(async (connection) => {
      await sql`select set_config('lock_timeout', ${String(TURN_WAIT_MS_MAX)}, false)`.execute(connection);
      await sql`select pg_advisory_lock(${sql.lit(TURN_LOCK)}, hashtext(${name}))`.execute(connection);
      try {
        return await work();
      } finally {
        await sql`select pg_advisory_unlock(${sql.lit(TURN_LOCK)}, hashtext(${name}))`.execute(connection);
        await sql`reset lock_timeout`.execute(connection);
      }
    });
  }
}
