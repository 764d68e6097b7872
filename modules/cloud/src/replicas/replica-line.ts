// One replica's line to the others: a connection of PostgreSQL that listens, shows by a lock that the replica is alive, and holds the lead.
//
// INVARIANTS
// - Locks of the session go with the connection: a replica that is killed leads nothing and is nobody's owner a moment later.
// - After every break the listeners are told since when notices may be missing, before any later notice.

import { hostname } from 'node:os';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import pg from 'pg';
import { connectionSettings, SESSION_SETTINGS } from '../store/postgres-dialect.ts';
import { NOTICE_CHANNEL, type Notice, readNotice } from './notices.ts';

/** Keys of session locks: ('WAYA', number) = this replica is alive, ('WAYL', 0) = it leads. */
export const ALIVE_LOCK = 0x57_41_59_41;
export const LEAD_LOCK = 0x57_41_59_4c;
/** How often it asks for the lead and whether the connection is alive. */
const CHECK_MS = 1_000;
const ANSWER_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 500;

export interface LineOptions {
  url: string;
  clock: Clock;
  logger: Logger;
  onNotice(notice: Notice): void;
  onGap(sinceMs: number): void;
  onLead(isLeader: boolean): void;
}

export class ReplicaLine {
  readonly #options: LineOptions;
  readonly #closing = new AbortController();
  #client: pg.Client | undefined;
  #number = 0;
  #isLeader = false;
  #heardAtMs = 0;
  #running: Promise<void> | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get number(): number {
    return this.#number;
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** Connects and keeps connected. Throws when the first connection fails. */
  async open(): Promise<void> {
    await this.#connect();
    await this.#seekLead();
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#client?.query('delete from replica where number = $1', [this.#number]).catch(() => undefined);
    await this.#drop();
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(this.#client ? CHECK_MS : RECONNECT_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (this.#client) await this.#seekLead();
        else await this.#reconnect();
      } catch (error) {
        logger.error('The line to the other replicas broke, connecting again', { error: describeError(error) });
        await this.#drop();
      }
    }
  }

  async #reconnect(): Promise<void> {
    const sinceMs = this.#heardAtMs;
    await this.#connect();
    this.#options.logger.info('The line to the other replicas is up again', {});
    this.#options.onGap(sinceMs);
    await this.#seekLead();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      ...connectionSettings(this.#options.url, 'wayside-cloud-replica'),
      query_timeout: ANSWER_TIMEOUT_MS,
    });
    client.on('error', () => void (this.#client === client && this.#drop()));
    client.on('end', () => void (this.#client === client && this.#drop()));
    client.on('notification', ({ payload }) => {
      const notice = payload === undefined ? undefined : readNotice(payload);
      if (notice && notice.from !== this.#number) this.#options.onNotice(notice);
    });
    try {
      await client.connect();
      await client.query(SESSION_SETTINGS);
      await this.#register(client);
      await client.query(`listen ${NOTICE_CHANNEL}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    this.#heardAtMs = this.#options.clock.nowMs();
  }

  /** The same number after a break: the others may have taken this replica for dead and removed its row. */
  async #register(client: pg.Client): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    if (this.#number === 0) {
      const made = await client.query<{ number: number }>(
        'insert into replica (host, started_ms) values ($1, $2) returning number',
        [hostname(), nowMs],
      );
      this.#number = made.rows[0]!.number;
    }
    await client.query('select pg_advisory_lock($1::int, $2::int)', [ALIVE_LOCK, this.#number]);
    await client.query(
      'insert into replica (number, host, started_ms) values ($1, $2, $3) on conflict (number) do nothing',
      [this.#number, hostname(), nowMs],
    );
  }

  async #seekLead(): Promise<void> {
    if (!this.#client) return;
    const query = this.#isLeader ? 'select true as got' : `select pg_try_advisory_lock(${LEAD_LOCK}, 0) as got`;
    const { rows } = await this.#client.query<{ got: boolean }>(query);
    this.#heardAtMs = this.#options.clock.nowMs();
    if (rows[0]?.got && !this.#isLeader) this.#setLeader(true);
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#setLeader(false);
    // A connection whose far end is gone would never say goodbye.
    const ended = client?.end().catch(() => undefined);
    if (client && ended) {
      const { clock } = this.#options;
      await Promise.race([ended, clock.sleep(RECONNECT_MS)]);
    }
  }

  #setLeader(isLeader: boolean): void {
    if (this.#isLeader === isLeader) return;
    this.#isLeader = isLeader;
    this.#options.onLead(isLeader);
  }
}
