// Sessions of users: a random token each, stored as a hash, that ends by itself, by its user or by an administrator.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '@wayside/kit';
import type { NodeDb } from '../nodes/tables.ts';
import type { Person } from './roles.ts';
import { readScope } from './scope.ts';

const TOKEN_BYTES = 32;
/** Logins of one user at a time; a further one ends the oldest. */
const SESSIONS_PER_PERSON_MAX = 100;
/** How exact "last used" is: a request writes it at most this often. */
const USE_NOTED_EVERY_MS = 60_000;
const AGENT_CHARACTERS_MAX = 200;

/** Where a session was opened from. */
export interface SessionSource {
  address: string;
  /** User-Agent: the client's own claim, only shown. */
  agent: string;
}

export interface Session extends SessionSource {
  id: string;
  createdAtMs: number;
  lastUsedAtMs: number;
  expiresAtMs: number;
}

export interface OpenedSession {
  /** Secret. */
  token: string;
  expiresAtMs: number;
}

/** SHA-256, hex: tokens have 256 random bits, so a slow hash would add nothing. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

export class Sessions {
  private readonly db: NodeDb;
  private readonly clock: Clock;
  private readonly lifetimeMs: number;

  constructor(options: { db: NodeDb; clock: Clock; lifetimeMs: number }) {
    this.db = options.db;
    this.clock = options.clock;
    this.lifetimeMs = options.lifetimeMs;
  }

  async open(username: string, source: SessionSource): Promise<OpenedSession> {
    const token = newToken();
    const nowMs = this.clock.nowMs();
    const expiresAtMs = nowMs + this.lifetimeMs;
    await this.db.transaction().execute(async (trx) => {
      await trx.deleteFrom('login_session').where('expires_ms', '<=', nowMs).execute();
      const kept = await trx
        .selectFrom('login_session')
        .select('token_hash')
        .where('username', '=', username)
        .orderBy('created_ms', 'desc')
        .limit(SESSIONS_PER_PERSON_MAX - 1)
        .execute();
      let surplus = trx.deleteFrom('login_session').where('username', '=', username);
      if (kept.length > 0)
        surplus = surplus.where(
          'token_hash',
          'not in',
          kept.map((row) => row.token_hash),
        );
      await surplus.execute();
      await trx
        .insertInto('login_session')
        .values({
          token_hash: hashToken(token),
          id: randomUUID(),
          username,
          created_ms: nowMs,
          last_used_ms: nowMs,
          expires_ms: expiresAtMs,
          address: source.address,
          agent: source.agent.slice(0, AGENT_CHARACTERS_MAX),
        })
        .execute();
    });
    return { token, expiresAtMs };
  }

  /** undefined when the token is unknown or expired, or its user disabled. */
  async personOf(token: string): Promise<Person | undefined> {
    const hash = hashToken(token);
    const nowMs = this.clock.nowMs();
    const row = await this.db
      .selectFrom('login_session')
      .innerJoin('person', 'person.username', 'login_session.username')
      .select(['person.username', 'person.role', 'person.scope', 'login_session.last_used_ms'])
      .where('token_hash', '=', hash)
      .where('expires_ms', '>', nowMs)
      .where('is_disabled', '=', 0)
      .executeTakeFirst();
    if (!row) return undefined;
    if (nowMs - row.last_used_ms >= USE_NOTED_EVERY_MS) {
      await this.db.updateTable('login_session').set({ last_used_ms: nowMs }).where('token_hash', '=', hash).execute();
    }
    return { username: row.username, role: row.role, scopes: [readScope(row.scope)] };
  }

  /** Those that still hold, the newest first; `current` marks the one with this token. */
  async list(username: string, token = ''): Promise<(Session & { current: boolean })[]> {
    const rows = await this.db
      .selectFrom('login_session')
      .selectAll()
      .where('username', '=', username)
      .where('expires_ms', '>', this.clock.nowMs())
      .orderBy('created_ms', 'desc')
      .execute();
    const current = hashToken(token);
    return rows.map((row) => ({
      ...{ id: row.id, address: row.address, agent: row.agent, current: row.token_hash === current },
      ...{ createdAtMs: row.created_ms, lastUsedAtMs: row.last_used_ms, expiresAtMs: row.expires_ms },
    }));
  }

  async endByToken(token: string): Promise<void> {
    await this.db.deleteFrom('login_session').where('token_hash', '=', hashToken(token)).execute();
  }

  /** false: the user has no such session. */
  async end(username: string, id: string): Promise<boolean> {
    const { numDeletedRows } = await this.db
      .deleteFrom('login_session')
      .where('username', '=', username)
      .where('id', '=', id)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }

  /** All of a user, but for the one with the token `keep`. Joins a transaction of the caller. */
  async endAll(username: string, keep?: string, db: NodeDb = this.db): Promise<void> {
    let query = db.deleteFrom('login_session').where('username', '=', username);
    if (keep !== undefined) query = query.where('token_hash', '!=', hashToken(keep));
    await query.execute();
  }
}
