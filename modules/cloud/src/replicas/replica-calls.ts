// Calls from one replica to another: request and answer are rows, the notices carry their ids.
//
// INVARIANTS
// - A call has one answer or one error; when the other replica ends, its callers hear of it at once.
// - Only the replica that a call is for runs it, once.

import { randomUUID } from 'node:crypto';
import { type Clock, describeError, EdgeError, isEdgeError, type Logger } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import type { Db } from '../store/tables.ts';
import type { Replicas } from './replicas.ts';

/** Calls to other replicas that wait at once. */
const CALLS_MAX = 5_000;
/** Rows whose caller never came for the answer. */
const CALL_AGE_MS_MAX = 900_000;

export type CallHandler = (request: JsonObject) => Promise<Json>;

interface CallParts {
  db: Db;
  replicas: Replicas;
  clock: Clock;
  logger: Logger;
}

interface Waiting {
  replica: number;
  resolve(answer: string): void;
  reject(error: Error): void;
}

type Answer = { value: Json } | { code: string; message: string; details: JsonObject | undefined };

export class ReplicaCalls {
  readonly #parts: CallParts;
  readonly #handlers = new Map<string, CallHandler>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Set<Promise<void>>();
  readonly #unsubscribe: (() => void)[];

  constructor(parts: CallParts) {
    this.#parts = parts;
    const { replicas } = parts;
    this.#unsubscribe = [
      replicas.on('call', (ids) => this.#take(ids)),
      replicas.on('answer', (ids) => this.#keep(this.#collect(ids.filter((id) => this.#waiting.has(id))))),
      replicas.on('gone', (ids) => this.#refuse(ids.map(Number))),
      replicas.onGap(() => this.#keep(this.#catchUp())),
    ];
  }

  handle(kind: string, handler: CallHandler): void {
    this.#handlers.set(kind, handler);
  }

  /** CLOUD_REPLICA_GONE when that replica ended or does not answer in time; else what its handler answers or throws. */
  async call(replica: number, kind: string, request: JsonObject, timeoutMs: number): Promise<Json> {
    const { db, replicas, clock } = this.#parts;
    if (this.#waiting.size >= CALLS_MAX) {
      throw new EdgeError('CLOUD_REPLICA_GONE', `Cannot ask replica ${replica}: ${CALLS_MAX} calls wait already`, {
        retry: 'backoff',
        source: 'internal',
      });
    }
    const id = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    promise.catch(() => undefined);
    this.#waiting.set(id, { replica, resolve, reject });
    const done = new AbortController();
    try {
      const row = { id, to_replica: replica, kind, request: JSON.stringify(request), answer: null };
      await db
        .insertInto('replica_call')
        .values({ ...row, at_ms: clock.nowMs() })
        .execute();
      replicas.publish('call', [`${replica}:${id}`]);
      const late = clock.sleep(timeoutMs, done.signal).then(() => {
        throw gone(replica, `no answer within ${timeoutMs / 1000} s`);
      });
      late.catch(() => undefined);
      return readAnswer(await Promise.race([promise, late]));
    } finally {
      done.abort();
      this.#waiting.delete(id);
      this.#keep(this.#forget(id));
    }
  }

  /** Removes what nobody waits for any more. */
  async prune(): Promise<void> {
    const beforeMs = this.#parts.clock.nowMs() - CALL_AGE_MS_MAX;
    await this.#parts.db.deleteFrom('replica_call').where('at_ms', '<', beforeMs).execute();
  }

  async close(): Promise<void> {
    for (const stop of this.#unsubscribe) stop();
    for (const { replica, reject } of this.#waiting.values()) reject(gone(replica, 'this replica ends'));
    await Promise.all(this.#running);
  }

  async #forget(id: string): Promise<void> {
    await this.#parts.db.deleteFrom('replica_call').where('id', '=', id).execute();
  }

  #take(ids: readonly string[]): void {
    const mine = `${this.#parts.replicas.number}:`;
    for (const id of ids) if (id.startsWith(mine)) this.#keep(this.#answer(id.slice(mine.length)));
  }

  async #answer(id: string): Promise<void> {
    const { db, replicas } = this.#parts;
    const row = await db.selectFrom('replica_call').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row || row.answer !== null) return;
    const answer = JSON.stringify(await this.#run(row.kind, JSON.parse(row.request) as JsonObject));
    await db.updateTable('replica_call').set({ answer }).where('id', '=', id).execute();
    replicas.publish('answer', [id]);
  }

  async #run(kind: string, request: JsonObject): Promise<Answer> {
    try {
      const handler = this.#handlers.get(kind);
      if (!handler) throw new Error(`nothing here answers "${kind}"`);
      return { value: await handler(request) };
    } catch (error) {
      if (isEdgeError(error)) {
        return { code: error.code, message: error.message, details: error.details as JsonObject | undefined };
      }
      this.#parts.logger.error('A call of another replica failed', { kind, error: describeError(error) });
      return { code: 'CLOUD_INTERNAL', message: 'Another replica failed, its log says how', details: undefined };
    }
  }

  async #collect(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const rows = await this.#parts.db
      .selectFrom('replica_call')
      .select(['id', 'answer'])
      .where('id', 'in', ids)
      .where('answer', 'is not', null)
      .execute();
    for (const { id, answer } of rows) this.#waiting.get(id)?.resolve(answer!);
  }

  /** Notices were lost: answers that came, and calls for this replica that nobody runs. */
  async #catchUp(): Promise<void> {
    await this.#collect([...this.#waiting.keys()]);
    const { db, replicas } = this.#parts;
    const rows = await db
      .selectFrom('replica_call')
      .select('id')
      .where('to_replica', '=', replicas.number)
      .where('answer', 'is', null)
      .execute();
    for (const { id } of rows) this.#keep(this.#answer(id));
  }

  #refuse(replicas: readonly number[]): void {
    for (const waiting of this.#waiting.values()) {
      if (replicas.includes(waiting.replica)) waiting.reject(gone(waiting.replica, 'it ended'));
    }
  }

  #keep(work: Promise<void>): void {
    const kept = work
      .catch((error) =>
        this.#parts.logger.error('Cannot serve a call between replicas', { error: describeError(error) }),
      )
      .finally(() => this.#running.delete(kept));
    this.#running.add(kept);
  }
}

function readAnswer(text: string): Json {
  const answer = JSON.parse(text) as Answer;
  if ('value' in answer) return answer.value;
  const { code, message, details } = answer;
  throw new EdgeError(code, message, { source: 'downstream', ...(details ? { details } : {}) });
}

function gone(replica: number, why: string): EdgeError {
  return new EdgeError('CLOUD_REPLICA_GONE', `Cannot ask replica ${replica}: ${why}`, {
    source: 'internal',
    retry: 'backoff',
  });
}
