// Invitations: a link with a token that works once and for a while makes a user, or gives one a new password.

import { randomUUID } from 'node:crypto';
import type { Clock } from '@wayside/kit';
import { EdgeError } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { FailureLimit } from './failure-limit.ts';
import { type Grant, mayGrant, requireGrant } from './grants.ts';
import type { PasswordGate } from './password-gate.ts';
import { checkNewPassword, checkUsername } from './password-rules.ts';
import { mayDo, type Person } from './roles.ts';
import { readScope } from './scope.ts';
import { hashToken, newToken } from './sessions.ts';
import type { InvitationTable } from './tables.ts';
import type { Users } from './users.ts';

const TOKEN_PREFIX = 'wsi_';
/** Open ones at a time. */
const INVITATIONS_MAX = 1_000;
/** Used and expired ones are shown this long, then forgotten. */
const ENDED_KEPT_MS = 30 * 86_400_000;
const FAILURES_MAX = 20;
const FAILURES_WINDOW_MS = 60_000;

export interface Invitation extends Grant {
  id: string;
  /** null: whoever has the link chooses. */
  username: string | null;
  /** A new password for a user who is there. */
  isReset: boolean;
  invitedBy: string;
  createdAtMs: number;
  expiresAtMs: number;
  usedAtMs: number | null;
}

export interface NewInvitation extends Grant {
  username: string | null;
  lifetimeMs: number;
}

export interface InvitationParts {
  db: NodeDb;
  clock: Clock;
  users: Users;
  gate: PasswordGate;
}

export class Invitations {
  private readonly parts: InvitationParts;
  private readonly limit = new FailureLimit({ failuresMax: FAILURES_MAX, windowMs: FAILURES_WINDOW_MS });

  constructor(parts: InvitationParts) {
    this.parts = parts;
  }

  /** CLOUD_GRANT_REFUSED, CLOUD_USER_EXISTS, CLOUD_TOKEN_LIMIT. The token is secret and not kept. */
  async invite(wanted: NewInvitation, by: Person): Promise<{ invitation: Invitation; token: string }> {
    requireGrant(by, wanted, 'invite a user');
    if (wanted.username !== null) {
      checkUsername(wanted.username);
      if (await this.parts.users.find(wanted.username)) {
        throw refusal('CLOUD_USER_EXISTS', `Cannot invite "${wanted.username}": the name is taken`);
      }
    }
    return this.insert({ ...wanted, isReset: false }, by);
  }

  /** A link that sets a new password; the old one works until it is used. CLOUD_USER_NOT_FOUND. */
  async inviteToReset(username: string, lifetimeMs: number, by: Person) {
    const { role, scope } = await this.parts.users.get(username, by);
    return this.insert({ username, role, scope, lifetimeMs, isReset: true }, by);
  }

  /** Those that `by` could have given, the newest first. */
  async list(by: Person): Promise<Invitation[]> {
    const { db, clock } = this.parts;
    const oldestMs = clock.nowMs() - ENDED_KEPT_MS;
    const query = db.selectFrom('invitation').selectAll().where('expires_ms', '>', oldestMs);
    const rows = await query.orderBy('created_ms', 'desc').orderBy('id').execute();
    return rows.map(toInvitation).filter((invitation) => mayGrant(by, invitation));
  }

  /** CLOUD_TOKEN_NOT_FOUND. */
  async withdraw(id: string, by: Person): Promise<Invitation> {
    const invitation = (await this.list(by)).find((one) => one.id === id);
    if (!invitation) throw refusal('CLOUD_TOKEN_NOT_FOUND', `There is no invitation ${JSON.stringify(id)}`);
    await this.parts.db.deleteFrom('invitation').where('id', '=', id).execute();
    return invitation;
  }

  /** Makes the user or sets the password. CLOUD_INVITATION_INVALID, CLOUD_INVITATION_LIMITED, CLOUD_USER_INVALID, CLOUD_USER_EXISTS. */
  async accept(o: { token: string; username?: string; password: string }, address: string): Promise<Invitation> {
    const nowMs = this.parts.clock.monotonicMs();
    const waitMs = this.limit.waitMs(address, nowMs);
    if (waitMs > 0) throw limited(address, waitMs);
    this.limit.fail(address, nowMs);
    const invitation = await this.requireOpen(this.parts.db, o.token);
    this.limit.forgive(address);
    const username = invitation.username ?? o.username ?? '';
    checkUsername(username);
    checkNewPassword(username, o.password);
    const passwordHash = await this.parts.gate.hash(o.password);
    return this.parts.db.transaction().execute(async (trx) => {
      const { usedAtMs: _open, ...open } = await this.requireOpen(trx, o.token);
      const usedAtMs = this.parts.clock.nowMs();
      const used = trx.updateTable('invitation').set({ used_ms: usedAtMs }).where('id', '=', open.id);
      const { numUpdatedRows } = await used.where('used_ms', 'is', null).executeTakeFirst();
      if (numUpdatedRows === 0n) throw invalid();
      if (open.isReset) await this.parts.users.setPassword(username, passwordHash, undefined, trx);
      else await this.parts.users.add({ ...open, username }, passwordHash, trx);
      return { ...open, username, usedAtMs };
    });
  }

  /** Whoever gave it must still be able to: a demoted administrator's invitations end with the rank. */
  private async requireOpen(db: NodeDb, token: string): Promise<Invitation> {
    const row = await db
      .selectFrom('invitation')
      .selectAll()
      .where('token_hash', '=', hashToken(token))
      .where('used_ms', 'is', null)
      .where('expires_ms', '>', this.parts.clock.nowMs())
      .executeTakeFirst();
    if (!row) throw invalid();
    const giver = await db
      .selectFrom('person')
      .select(['role', 'scope'])
      .where('username', '=', row.invited_by)
      .where('is_disabled', '=', 0)
      .executeTakeFirst();
    const invitation = toInvitation(row);
    // A link for oneself is made by `wayside-cloud reset-password` on the machine of the cloud.
    const isForSelf = row.is_reset === 1 && row.invited_by === row.username;
    const isStillAllowed = giver !== undefined && (isForSelf || mayDo(giver, 'admin'));
    if (!isStillAllowed || !mayGrant({ role: giver.role, scopes: [readScope(giver.scope)] }, invitation))
      throw invalid();
    return invitation;
  }

  private async insert(wanted: NewInvitation & { isReset: boolean }, by: Person) {
    const { db, clock } = this.parts;
    const nowMs = clock.nowMs();
    const token = TOKEN_PREFIX + newToken();
    const row: InvitationTable = {
      token_hash: hashToken(token),
      id: randomUUID(),
      username: wanted.username,
      is_reset: wanted.isReset ? 1 : 0,
      role: wanted.role,
      scope: JSON.stringify(wanted.scope),
      invited_by: by.username,
      created_ms: nowMs,
      expires_ms: nowMs + wanted.lifetimeMs,
      used_ms: null,
    };
    await db.transaction().execute(async (trx) => {
      await trx
        .deleteFrom('invitation')
        .where('expires_ms', '<=', nowMs - ENDED_KEPT_MS)
        .execute();
      const { count } = await trx
        .selectFrom('invitation')
        .select((of) => of.fn.countAll<number>().as('count'))
        .where('used_ms', 'is', null)
        .executeTakeFirstOrThrow();
      if (Number(count) >= INVITATIONS_MAX) {
        throw refusal('CLOUD_TOKEN_LIMIT', `Cannot invite: ${count} invitations are open, at most ${INVITATIONS_MAX}`);
      }
      await trx.insertInto('invitation').values(row).execute();
    });
    return { invitation: toInvitation(row), token };
  }
}

function toInvitation(row: InvitationTable): Invitation {
  return {
    ...{ id: row.id, username: row.username, isReset: row.is_reset === 1, role: row.role, scope: readScope(row.scope) },
    ...{ invitedBy: row.invited_by, createdAtMs: row.created_ms, expiresAtMs: row.expires_ms, usedAtMs: row.used_ms },
  };
}

/** One answer for all: whoever guesses learns nothing. */
function invalid() {
  return refusal('CLOUD_INVITATION_INVALID', 'Cannot use the invitation: it is unknown, used, withdrawn or expired');
}

function limited(address: string, waitMs: number): EdgeError {
  const retryAfterSecs = Math.ceil(waitMs / 1000);
  return new EdgeError(
    'CLOUD_INVITATION_LIMITED',
    `Cannot use the invitation: ${FAILURES_MAX} wrong ones came from ${address}, try again in ${retryAfterSecs} s`,
    { details: { retryAfterSecs }, retry: { afterMs: waitMs }, source: 'downstream' },
  );
}
