// Users and their logins: passwords as scrypt hashes, logins as hashed bearer tokens that expire.

import { createHash, randomBytes } from 'node:crypto';
import { type Clock, EdgeError } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { FailureLimit } from './failure-limit.ts';
import { hashPassword, verifyPassword } from './password.ts';
import type { Person } from './roles.ts';

const TOKEN_BYTES = 32;
/** Logins of one user at a time; a further one ends the oldest. */
const SESSIONS_PER_PERSON_MAX = 100;
const LOGIN_FAILURES_MAX = 10;
const LOGIN_WINDOW_MS = 60_000;
/** Checks at once: each takes 32 MiB and a core for some 50 ms. */
const PASSWORD_CHECKS_MAX = 4;
/** A hash of nothing: an unknown user costs as much time as a wrong password. */
const DECOY_HASH = hashPassword(randomBytes(TOKEN_BYTES).toString('base64'));

export interface PeopleOptions {
  db: NodeDb;
  clock: Clock;
  sessionMs: number;
}

export class People {
  private readonly db: NodeDb;
  private readonly clock: Clock;
  private readonly sessionMs: number;
  private readonly limit = new FailureLimit({ failuresMax: LOGIN_FAILURES_MAX, windowMs: LOGIN_WINDOW_MS });
  private checks = 0;

  constructor(options: PeopleOptions) {
    this.db = options.db;
    this.clock = options.clock;
    this.sessionMs = options.sessionMs;
  }

  async exists(username: string): Promise<boolean> {
    const row = await this.db
      .selectFrom('person')
      .select('username')
      .where('username', '=', username)
      .executeTakeFirst();
    return row !== undefined;
  }

  async add(person: Person, password: string): Promise<void> {
    const row = {
      username: person.username,
      password_hash: await hashPassword(password),
      role: person.role,
      created_ms: this.clock.nowMs(),
    };
    await this.db.insertInto('person').values(row).execute();
  }

  /** `source` = the caller's address. CLOUD_LOGIN_FAILED, CLOUD_LOGIN_LIMITED (details.retryAfterSecs). */
  async login(username: string, password: string, source: string): Promise<{ token: string; expiresAtMs: number }> {
    const nowMs = this.clock.nowMs();
    // With the name: behind one address translation, guesses at one user do not lock the others out.
    const guesser = `${source} ${username}`;
    // A step of the wall clock must neither end a pause nor make it longer.
    const monotonicMs = this.clock.monotonicMs();
    const waitMs = this.limit.waitMs(guesser, monotonicMs);
    if (waitMs > 0) throw limited(waitMs, `${LOGIN_FAILURES_MAX} logins as ${username} from ${source} failed`);
    if (this.checks >= PASSWORD_CHECKS_MAX) throw limited(1000, `${PASSWORD_CHECKS_MAX} logins are being checked`);
    this.limit.fail(guesser, monotonicMs);
    if (!(await this.check(username, password))) {
      throw refusal('CLOUD_LOGIN_FAILED', `Cannot log in as "${username}": user name or password is wrong`);
    }
    this.limit.forgive(guesser);
    return this.openSession(username, nowMs);
  }

  /** The person of a bearer token; undefined when it is unknown or expired. */
  async personOf(token: string): Promise<Person | undefined> {
    return this.db
      .selectFrom('login_session')
      .innerJoin('person', 'person.username', 'login_session.username')
      .select(['person.username', 'person.role'])
      .where('token_hash', '=', hashToken(token))
      .where('expires_ms', '>', this.clock.nowMs())
      .executeTakeFirst();
  }

  async logout(token: string): Promise<void> {
    await this.db.deleteFrom('login_session').where('token_hash', '=', hashToken(token)).execute();
  }

  private async check(username: string, password: string): Promise<boolean> {
    this.checks += 1;
    try {
      const row = await this.db
        .selectFrom('person')
        .select('password_hash')
        .where('username', '=', username)
        .executeTakeFirst();
      const fits = await verifyPassword(password, row?.password_hash ?? (await DECOY_HASH));
      return fits && row !== undefined;
    } finally {
      this.checks -= 1;
    }
  }

  private async openSession(username: string, nowMs: number): Promise<{ token: string; expiresAtMs: number }> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const expiresAtMs = nowMs + this.sessionMs;
    await this.db.transaction().execute(async (trx) => {
      await trx.deleteFrom('login_session').where('expires_ms', '<=', nowMs).execute();
      const kept = trx
        .selectFrom('login_session')
        .select('token_hash')
        .where('username', '=', username)
        .orderBy('created_ms', 'desc')
        .limit(SESSIONS_PER_PERSON_MAX - 1);
      await trx
        .deleteFrom('login_session')
        .where('username', '=', username)
        .where('token_hash', 'not in', kept)
        .execute();
      const row = { token_hash: hashToken(token), username, created_ms: nowMs, expires_ms: expiresAtMs };
      await trx.insertInto('login_session').values(row).execute();
    });
    return { token, expiresAtMs };
  }
}

function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function limited(waitMs: number, why: string): EdgeError {
  const retryAfterSecs = Math.ceil(waitMs / 1000);
  return new EdgeError('CLOUD_LOGIN_LIMITED', `Cannot log in: ${why}, try again in ${retryAfterSecs} s`, {
    details: { retryAfterSecs },
    retry: { afterMs: waitMs },
    source: 'downstream',
  });
}
