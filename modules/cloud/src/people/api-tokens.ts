// API tokens of users, for programs: `wst_ID_SECRET`, stored as a hash, with a role and scope within the user's own, and an end.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { type Grant, requireGrant } from './grants.ts';
import { lesserRole, type Person } from './roles.ts';
import { readScope } from './scope.ts';
import { hashToken, newToken } from './sessions.ts';
import type { ApiTokenTable } from './tables.ts';

const FORM = /^wst_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const ID_BYTES = 8;
const TOKENS_PER_USER_MAX = 100;
/** How exact "last used" is: a request writes it at most this often. */
const USE_NOTED_EVERY_MS = 60_000;
/** Expired ones are shown this long, then forgotten. */
const ENDED_KEPT_MS = 30 * 86_400_000;

export interface ApiToken extends Grant {
  id: string;
  username: string;
  name: string;
  createdAtMs: number;
  expiresAtMs: number;
  lastUsedAtMs: number | null;
  lastAddress: string;
}

export interface NewApiToken extends Grant {
  name: string;
  lifetimeMs: number;
}

/** The part of a token that is no secret. */
export function apiTokenId(text: string): string | undefined {
  return FORM.exec(text)?.[1];
}

export function isApiToken(text: string): boolean {
  return text.startsWith('wst_');
}

export class ApiTokens {
  private readonly db: NodeDb;
  private readonly clock: Clock;

  constructor(options: { db: NodeDb; clock: Clock }) {
    this.db = options.db;
    this.clock = options.clock;
  }

  /** CLOUD_GRANT_REFUSED, CLOUD_TOKEN_LIMIT. `secret` is the whole token; it is not kept. */
  async create(wanted: NewApiToken, by: Person): Promise<{ token: ApiToken; secret: string }> {
    requireGrant(by, wanted, `make the token "${wanted.name}"`);
    const nowMs = this.clock.nowMs();
    const id = randomBytes(ID_BYTES).toString('hex');
    const secret = newToken();
    const row = {
      ...{ id, secret_hash: hashToken(secret), username: by.username, name: wanted.name, role: wanted.role },
      ...{ scope: JSON.stringify(wanted.scope), created_ms: nowMs, expires_ms: nowMs + wanted.lifetimeMs },
      ...{ last_used_ms: null, last_address: '' },
    };
    await this.db.transaction().execute(async (trx) => {
      await trx
        .deleteFrom('api_token')
        .where('expires_ms', '<=', nowMs - ENDED_KEPT_MS)
        .execute();
      const { count } = await trx
        .selectFrom('api_token')
        .select((of) => of.fn.countAll<number>().as('count'))
        .where('username', '=', by.username)
        .executeTakeFirstOrThrow();
      if (Number(count) >= TOKENS_PER_USER_MAX) {
        throw refusal('CLOUD_TOKEN_LIMIT', `Cannot make a token: ${count} are there, at most ${TOKENS_PER_USER_MAX}`);
      }
      await trx.insertInto('api_token').values(row).execute();
    });
    return { token: toToken(row), secret: `wst_${id}_${secret}` };
  }

  /** By name, expired ones too. */
  async list(username: string): Promise<ApiToken[]> {
    const query = this.db.selectFrom('api_token').selectAll().where('username', '=', username);
    return (await query.orderBy('name').orderBy('created_ms').execute()).map(toToken);
  }

  /** CLOUD_TOKEN_NOT_FOUND. */
  async remove(username: string, id: string): Promise<void> {
    const { numDeletedRows } = await this.db
      .deleteFrom('api_token')
      .where('id', '=', id)
      .where('username', '=', username)
      .executeTakeFirst();
    if (numDeletedRows === 0n) throw refusal('CLOUD_TOKEN_NOT_FOUND', `There is no API token ${JSON.stringify(id)}`);
  }

  /** What the token may do is also bounded by what its user may do at this moment. undefined: unknown, expired, or the user is disabled. */
  async personOf(text: string, address: string): Promise<Person | undefined> {
    const [, id, secret] = FORM.exec(text) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const nowMs = this.clock.nowMs();
    const row = await this.db
      .selectFrom('api_token')
      .innerJoin('person', 'person.username', 'api_token.username')
      .select(['api_token.secret_hash', 'api_token.role', 'api_token.scope', 'api_token.last_used_ms'])
      .select(['person.username', 'person.role as user_role', 'person.scope as user_scope'])
      .where('api_token.id', '=', id)
      .where('api_token.expires_ms', '>', nowMs)
      .where('person.is_disabled', '=', 0)
      .executeTakeFirst();
    if (!row || !timingSafeEqual(Buffer.from(row.secret_hash), Buffer.from(hashToken(secret)))) return undefined;
    if (row.last_used_ms === null || nowMs - row.last_used_ms >= USE_NOTED_EVERY_MS) {
      const used = { last_used_ms: nowMs, last_address: address };
      await this.db.updateTable('api_token').set(used).where('id', '=', id).execute();
    }
    const scopes = [readScope(row.user_scope), readScope(row.scope)];
    return { username: row.username, role: lesserRole(row.user_role, row.role), scopes };
  }
}

function toToken(row: Omit<ApiTokenTable, 'secret_hash' | 'last_address'> & { last_address: string }): ApiToken {
  return {
    ...{ id: row.id, username: row.username, name: row.name, role: row.role, scope: readScope(row.scope) },
    ...{ createdAtMs: row.created_ms, expiresAtMs: row.expires_ms },
    ...{ lastUsedAtMs: row.last_used_ms, lastAddress: row.last_address },
  };
}
