// The audit log: who changed what, from where, how it ended. Rows are only added, and removed when they are older than the log is kept.
//
// INVARIANTS
// - A change is answered after its entry is on disk.
// - No entry holds a secret: callers hand in changes that difference.ts made.

import type { Clock, Logger } from '@wayside/kit';
import { describeError } from '@wayside/kit';
import type { NodeDb, NodeTableMap } from '../nodes/tables.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import type { Change } from './difference.ts';

const OBJECT_CHARACTERS_MAX = 300;
const ACTOR_CHARACTERS_MAX = 300;
const CHANGES_BYTES_MAX = 32 * 1024;
const PRUNE_EVERY_MS = 3_600_000;

/** done; refused = the caller lacked a right; failed = the cloud or the node did not do it. */
export type Outcome = 'done' | 'refused' | 'failed';

export interface AuditEntry {
  /** User name, `policy:NAME`, `identity:DEVICE[/MODULE]`, `command` for wayside-cloud on the machine itself, '' = nobody proved. */
  actor: string;
  /** What the actor came with: session, token:ID, policy, identity, command, password. */
  credential: string;
  address: string;
  /** operationId of /api/v1, `hub.CALL`, or a word such as `login`. */
  action: string;
  /** Path-like: `nodes/edge1`, `users/ann`. */
  object: string;
  outcome: Outcome;
  /** HTTP status, 0 where there was none. */
  status: number;
  changes: readonly Change[];
}

export interface StoredAuditEntry extends AuditEntry {
  seq: number;
  atMs: number;
}

export interface AuditFilter {
  /** Only entries older than this seq. */
  before?: number | undefined;
  limit: number;
  actor?: string | undefined;
  action?: string | undefined;
  /** This object and what lies below it. */
  object?: string | undefined;
  outcome?: Outcome | undefined;
  fromMs?: number | undefined;
  toMs?: number | undefined;
}

export interface AuditLogOptions {
  db: NodeDb;
  clock: Clock;
  logger: Logger;
  keepMs: number;
}

export class AuditLog {
  private readonly options: AuditLogOptions;
  /** Every change waits for its entry: those that come together share a sync of the disk. */
  private readonly commits: CommitGroup;

  constructor(options: AuditLogOptions) {
    this.options = options;
    this.commits = new CommitGroup(options.db as unknown as Db);
  }

  async record(entry: AuditEntry): Promise<void> {
    const row = {
      at_ms: this.options.clock.nowMs(),
      actor: entry.actor.slice(0, ACTOR_CHARACTERS_MAX),
      credential: entry.credential,
      address: entry.address,
      action: entry.action,
      object: entry.object.slice(0, OBJECT_CHARACTERS_MAX),
      outcome: entry.outcome,
      status: entry.status,
      changes: bounded(entry.changes),
    };
    await this.commits.run(async (trx) => {
      await trx.withTables<NodeTableMap>().insertInto('audit_event').values(row).execute();
    }, row.object);
  }

  /** The newest first. */
  async list(filter: AuditFilter): Promise<StoredAuditEntry[]> {
    let query = this.options.db.selectFrom('audit_event').selectAll().orderBy('seq', 'desc').limit(filter.limit);
    if (filter.before !== undefined) query = query.where('seq', '<', filter.before);
    if (filter.actor !== undefined) query = query.where('actor', '=', filter.actor);
    if (filter.action !== undefined) query = query.where('action', '=', filter.action);
    if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome);
    if (filter.fromMs !== undefined) query = query.where('at_ms', '>=', filter.fromMs);
    if (filter.toMs !== undefined) query = query.where('at_ms', '<', filter.toMs);
    const { object } = filter;
    if (object !== undefined) {
      // Not LIKE: no character of the object is a wildcard.
      const below = `${object}/`;
      query = query.where((of) =>
        of.or([
          of('object', '=', object),
          of(of.fn<string>('substr', ['object', of.lit(1), of.lit(below.length)]), '=', below),
        ]),
      );
    }
    return (await query.execute()).map((row) => ({
      ...{ seq: row.seq, atMs: row.at_ms, actor: row.actor, credential: row.credential, address: row.address },
      ...{ action: row.action, object: row.object, outcome: row.outcome, status: row.status },
      changes: JSON.parse(row.changes) as Change[],
    }));
  }

  /** Removes what is too old, now and every hour, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    while (!signal.aborted) {
      await this.prune().catch((error: unknown) => {
        logger.warn('Old audit entries were not removed', { error: describeError(error) });
      });
      await clock.sleep(PRUNE_EVERY_MS, signal).catch(() => undefined);
    }
  }

  async prune(): Promise<void> {
    const { db, clock, keepMs } = this.options;
    await db
      .deleteFrom('audit_event')
      .where('at_ms', '<', clock.nowMs() - keepMs)
      .execute();
  }
}

function bounded(changes: readonly Change[]): string {
  const text = JSON.stringify(changes);
  if (Buffer.byteLength(text) <= CHANGES_BYTES_MAX) return text;
  const paths = changes.map(({ path }) => ({ path }));
  const short = JSON.stringify(paths);
  return Buffer.byteLength(short) <= CHANGES_BYTES_MAX ? short : JSON.stringify([{ path: '...' }]);
}
