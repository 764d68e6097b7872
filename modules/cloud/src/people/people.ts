// Users and their logins in one: what the API, the portal and access.ts ask for.

import { type Clock, isEdgeError } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { ApiTokens, isApiToken } from './api-tokens.ts';
import { Invitations } from './invitations.ts';
import { loginLimited } from './login-limited.ts';
import { LoginLimits } from './login-limits.ts';
import { PasswordGate } from './password-gate.ts';
import { checkNewPassword } from './password-rules.ts';
import type { Person } from './roles.ts';
import { SavedViews } from './saved-views.ts';
import { type OpenedSession, Sessions } from './sessions.ts';
import { Users } from './users.ts';

export interface PeopleOptions {
  db: NodeDb;
  clock: Clock;
  sessionMs: number;
}

export class People {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: ApiTokens;
  readonly invitations: Invitations;
  readonly views: SavedViews;
  private readonly db: NodeDb;
  private readonly clock: Clock;
  private readonly gate = new PasswordGate();
  private readonly limits = new LoginLimits();

  constructor(options: PeopleOptions) {
    const { db, clock } = options;
    this.db = db;
    this.clock = clock;
    this.sessions = new Sessions({ db, clock, lifetimeMs: options.sessionMs });
    this.users = new Users({ db, clock, sessions: this.sessions });
    this.tokens = new ApiTokens({ db, clock });
    this.views = new SavedViews({ db, clock });
    this.invitations = new Invitations({ db, clock, users: this.users, gate: this.gate });
  }

  /** false only before the first start has made a user. */
  async areThereAny(): Promise<boolean> {
    return (await this.db.selectFrom('person').select('username').limit(1).executeTakeFirst()) !== undefined;
  }

  /** An administrator of all nodes, made by the cloud itself. CLOUD_USER_EXISTS. */
  async addAdmin(username: string, password: string): Promise<void> {
    const user = { username, role: 'admin', scope: 'all' as const, invitedBy: '' };
    await this.users.add(user, await this.gate.hash(password), this.db);
  }

  /** `address` = the caller's; `agent` = its User-Agent. CLOUD_LOGIN_FAILED, CLOUD_LOGIN_LIMITED (details.retryAfterSecs). */
  async login(username: string, password: string, address: string, agent = ''): Promise<OpenedSession> {
    await this.prove(username, password, address);
    return this.sessions.open(username, { address, agent });
  }

  /** The person of a session or API token; undefined when it is unknown or expired. */
  personOf(token: string, address = ''): Promise<Person | undefined> {
    return isApiToken(token) ? this.tokens.personOf(token, address) : this.sessions.personOf(token);
  }

  logout(token: string): Promise<void> {
    return this.sessions.endByToken(token);
  }

  /** Ends the user's other sessions. CLOUD_LOGIN_FAILED, CLOUD_LOGIN_LIMITED, CLOUD_USER_INVALID. */
  async changePassword(
    username: string,
    o: { current: string; wanted: string; keep: string; address: string },
  ): Promise<void> {
    checkNewPassword(username, o.wanted);
    await this.prove(username, o.current, o.address);
    const passwordHash = await this.gate.hash(o.wanted);
    await this.db.transaction().execute((trx) => this.users.setPassword(username, passwordHash, o.keep, trx));
  }

  private async prove(username: string, password: string, address: string): Promise<void> {
    // A step of the wall clock must neither end a pause nor make it longer.
    const wait = this.limits.begin(username, address, this.clock.monotonicMs());
    if (wait) throw loginLimited(wait);
    const row = await this.db
      .selectFrom('person')
      .select('password_hash')
      .where('username', '=', username)
      .where('is_disabled', '=', 0)
      .executeTakeFirst();
    const fits = await this.gate.fits(password, row?.password_hash).catch((error: unknown) => {
      // Nobody looked at the password: it was no failure.
      if (isEdgeError(error)) this.limits.withdraw(username, address);
      throw error;
    });
    if (!fits) {
      throw refusal('CLOUD_LOGIN_FAILED', `Cannot log in as "${username}": user name or password is wrong`);
    }
    this.limits.succeed(username, address);
  }
}
