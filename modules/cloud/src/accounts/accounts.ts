// Accounts in the store and in memory: there are few, and every lookup asks for one.

import { randomUUID } from 'node:crypto';
import { type Clock, EdgeError } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { type Replicas, SingleReplica, type Turn } from '../replicas/replicas.ts';
import {
  ACCOUNT_DEFAULTS,
  type Account,
  type AccountProblem,
  type AccountSettings,
  readAccountFields,
} from './account.ts';

const ACCOUNTS_MAX = 1_000;
/** The account that a cloud starts with. */
const FIRST_NAME = 'default';

export class Accounts {
  private readonly db: NodeDb;
  private readonly clock: Clock;
  private readonly turn: Turn;
  private readonly replicas: Replicas;
  private readonly byId = new Map<string, Account>();
  /** Of nodes that name no account. */
  readonly defaultId: string;

  private constructor(db: NodeDb, clock: Clock, defaultId: string, replicas: Replicas) {
    this.replicas = replicas;
    this.turn = replicas.turn('accounts');
    this.db = db;
    this.clock = clock;
    this.defaultId = defaultId;
  }

  /** Reads all; makes the first one, with this id, where it is missing. */
  static async open(
    db: NodeDb,
    clock: Clock,
    defaultId: string,
    replicas: Replicas = new SingleReplica(),
  ): Promise<Accounts> {
    const accounts = new Accounts(db, clock, defaultId, replicas);
    const row = { customer_id: defaultId, name: FIRST_NAME, settings: '{}', created_ms: clock.nowMs() };
    await db
      .insertInto('account')
      .values(row)
      .onConflict((oc) => oc.doNothing())
      .execute();
    await accounts.read();
    return accounts;
  }

  /** All of them, as any replica left them. */
  async read(): Promise<void> {
    for (const found of await this.db.selectFrom('account').selectAll().execute()) {
      const settings: Partial<AccountSettings> = JSON.parse(found.settings);
      this.keep({
        ...ACCOUNT_DEFAULTS,
        ...settings,
        ...{ customerId: found.customer_id, name: found.name, createdAtMs: found.created_ms },
      });
    }
  }

  /** By name. */
  list(): Account[] {
    return [...this.byId.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(customerId: string): Account | undefined {
    return this.byId.get(customerId);
  }

  /** CLOUD_ACCOUNT_NOT_FOUND. */
  get(customerId: string): Account {
    const account = this.find(customerId);
    if (!account) throw refusal('CLOUD_ACCOUNT_NOT_FOUND', `There is no account "${customerId.slice(0, 100)}"`);
    return account;
  }

  /** CLOUD_ACCOUNT_INVALID with every problem, CLOUD_ACCOUNT_CONFLICT. `customerId`: of one that comes from another cloud. */
  create(input: unknown, customerId: string = randomUUID()): Promise<Account> {
    return this.inTurn(async () => {
      const fields = readOrRefuse(input, true);
      if (this.byId.size >= ACCOUNTS_MAX) {
        throw refusal(
          'CLOUD_ACCOUNT_CONFLICT',
          `Cannot create an account: ${this.byId.size} are there, at most ${ACCOUNTS_MAX}`,
        );
      }
      const account: Account = {
        ...ACCOUNT_DEFAULTS,
        ...fields,
        ...{ customerId, name: fields.name ?? '', createdAtMs: this.clock.nowMs() },
      };
      this.refuseTaken(account);
      const { name, createdAtMs: created_ms } = account;
      await this.db
        .insertInto('account')
        .values({ customer_id: customerId, name, settings: settingsText(account), created_ms })
        .execute();
      this.keep(account);
      return account;
    });
  }

  /** CLOUD_ACCOUNT_NOT_FOUND, CLOUD_ACCOUNT_INVALID, CLOUD_ACCOUNT_CONFLICT. */
  change(customerId: string, input: unknown): Promise<Account> {
    return this.inTurn(async () => {
      const account: Account = { ...this.get(customerId), ...readOrRefuse(input, false) };
      this.refuseTaken(account);
      await this.db
        .updateTable('account')
        .set({ name: account.name, settings: settingsText(account) })
        .where('customer_id', '=', customerId)
        .execute();
      this.keep(account);
      return account;
    });
  }

  /** One change at a time over all replicas, each seeing those before it. */
  private inTurn(change: () => Promise<Account>): Promise<Account> {
    return this.turn.run(async () => {
      if (this.replicas.number !== 0) await this.read();
      const account = await change();
      this.replicas.publish('account', [account.customerId]);
      return account;
    });
  }

  private refuseTaken(account: Account): void {
    for (const other of this.byId.values()) {
      if (other.customerId === account.customerId) continue;
      if (other.name.toLowerCase() === account.name.toLowerCase()) {
        throw refusal(
          'CLOUD_ACCOUNT_CONFLICT',
          `Cannot save the account: the name "${account.name}" is already in use`,
        );
      }
      // An AS belongs to one account (connected-cache.md 1.5).
      if (account.asn !== null && other.asn === account.asn) {
        throw refusal(
          'CLOUD_ACCOUNT_CONFLICT',
          `Cannot save the account: AS ${account.asn} is already in use by account "${other.name}"`,
        );
      }
    }
  }

  private keep(account: Account): void {
    this.byId.set(account.customerId, Object.freeze(account));
  }
}

function settingsText(account: Account): string {
  const { customerId: _id, name: _name, createdAtMs: _at, ...settings } = account;
  return JSON.stringify(settings satisfies AccountSettings);
}

function readOrRefuse(input: unknown, isNew: boolean) {
  const read = readAccountFields(input, isNew);
  if (read.ok) return read.fields;
  const texts = read.problems.map(({ path, message }: AccountProblem) => `${path || 'body'} ${message}`);
  throw new EdgeError('CLOUD_ACCOUNT_INVALID', `Cannot save the account: ${texts.join('; ')}`, {
    details: { problems: read.problems.map((problem) => ({ ...problem })) },
    source: 'downstream',
  });
}
