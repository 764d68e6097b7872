// Users as administrators see and change them.
//
// INVARIANTS
// - Nobody changes a user who has more than they have, nor gives more than they have (grants.ts).
// - There is always an enabled administrator of all nodes: checked in the transaction that changes.
// - A user who is disabled, or whose password another one reset, has no session left.

import type { Clock } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { type Grant, mayGrant, requireGrant } from './grants.ts';
import type { Person } from './roles.ts';
import { isAll, readScope, type Scope } from './scope.ts';
import type { Sessions } from './sessions.ts';

export interface User extends Grant {
  username: string;
  isDisabled: boolean;
  createdAtMs: number;
  passwordChangedAtMs: number;
  /** '' = made by the cloud itself. */
  invitedBy: string;
}

export interface UserChange {
  role?: string;
  scope?: Scope;
  isDisabled?: boolean;
}

export class Users {
  private readonly db: NodeDb;
  private readonly clock: Clock;
  private readonly sessions: Sessions;

  constructor(options: { db: NodeDb; clock: Clock; sessions: Sessions }) {
    this.db = options.db;
    this.clock = options.clock;
    this.sessions = options.sessions;
  }

  async find(username: string): Promise<User | undefined> {
    return readUser(this.db, username);
  }

  /** Those who have no more than `by`, by name. */
  async list(by: Person): Promise<User[]> {
    const rows = await this.db.selectFrom('person').selectAll().orderBy('username').execute();
    return rows.map(toUser).filter((user) => mayGrant(by, user));
  }

  /** CLOUD_USER_NOT_FOUND, also for one who has more than `by`: the answer is the same. */
  async get(username: string, by: Person): Promise<User> {
    return requireUser(await this.find(username), username, by);
  }

  /** CLOUD_USER_EXISTS. `db` may be a transaction of the caller. */
  async add(user: Grant & { username: string; invitedBy: string }, passwordHash: string, db: NodeDb): Promise<void> {
    const nowMs = this.clock.nowMs();
    const added = await db
      .insertInto('person')
      .values({
        username: user.username,
        password_hash: passwordHash,
        role: user.role,
        scope: JSON.stringify(user.scope),
        invited_by: user.invitedBy,
        created_ms: nowMs,
        password_changed_ms: nowMs,
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (added.numInsertedOrUpdatedRows === 0n) {
      throw refusal('CLOUD_USER_EXISTS', `Cannot make the user "${user.username}": the name is taken`);
    }
  }

  /** CLOUD_USER_NOT_FOUND, CLOUD_GRANT_REFUSED, CLOUD_LAST_ADMIN. */
  change(username: string, change: UserChange, by: Person): Promise<User> {
    return this.db.transaction().execute(async (trx) => {
      const before = requireUser(await readUser(trx, username), username, by);
      const after: User = { ...before, ...change };
      requireGrant(by, after, `change the user "${username}"`);
      const isDisabled = after.isDisabled ? 1 : 0;
      await trx
        .updateTable('person')
        .set({ role: after.role, scope: JSON.stringify(after.scope), is_disabled: isDisabled })
        .where('username', '=', username)
        .execute();
      await requireAdmin(trx, `change the user "${username}"`);
      if (after.isDisabled) await this.sessions.endAll(username, undefined, trx);
      return after;
    });
  }

  /** Sessions, tokens and invitations of the user go with it; the audit log keeps the name. */
  remove(username: string, by: Person): Promise<void> {
    return this.db.transaction().execute(async (trx) => {
      requireUser(await readUser(trx, username), username, by);
      await trx.deleteFrom('person').where('username', '=', username).execute();
      await trx.deleteFrom('invitation').where('username', '=', username).where('is_reset', '=', 1).execute();
      await requireAdmin(trx, `delete the user "${username}"`);
    });
  }

  /** Ends the sessions of the user but for the one with the token `keep`. */
  async setPassword(username: string, passwordHash: string, keep: string | undefined, db: NodeDb): Promise<void> {
    await db
      .updateTable('person')
      .set({ password_hash: passwordHash, password_changed_ms: this.clock.nowMs() })
      .where('username', '=', username)
      .execute();
    await this.sessions.endAll(username, keep, db);
  }
}

async function readUser(db: NodeDb, username: string): Promise<User | undefined> {
  const row = await db.selectFrom('person').selectAll().where('username', '=', username).executeTakeFirst();
  return row && toUser(row);
}

function requireUser(user: User | undefined, username: string, by: Person): User {
  if (user && mayGrant(by, user)) return user;
  throw refusal('CLOUD_USER_NOT_FOUND', `There is no user "${username}"`);
}

async function requireAdmin(db: NodeDb, what: string): Promise<void> {
  const admins = await db
    .selectFrom('person')
    .select('scope')
    .where('role', '=', 'admin')
    .where('is_disabled', '=', 0)
    .execute();
  if (admins.some((row) => isAll(readScope(row.scope)))) return;
  throw refusal('CLOUD_LAST_ADMIN', `Cannot ${what}: no enabled administrator of all nodes would be left`);
}

function toUser(row: {
  username: string;
  role: string;
  scope: string;
  is_disabled: 0 | 1;
  created_ms: number;
  password_changed_ms: number;
  invited_by: string;
}): User {
  return {
    ...{ username: row.username, role: row.role, scope: readScope(row.scope), isDisabled: row.is_disabled === 1 },
    ...{ createdAtMs: row.created_ms, passwordChangedAtMs: row.password_changed_ms, invitedBy: row.invited_by },
  };
}
