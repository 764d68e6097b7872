// What happened to a node, in order, bounded: deployments, connections, module changes, probe changes, registration, method calls.

import type { Logger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import type { Actor } from '../platform.ts';
import type { Replicas } from '../replicas/replicas.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { keepWriteOrder } from '../store/write-order.ts';
import type { NodeDb, NodeTableMap } from './tables.ts';
import { TimelineFeed } from './timeline-feed.ts';

/** Events kept per node; the oldest go first. */
export const EVENTS_PER_NODE_MAX = 5_000;
/** The table may exceed the limit by this many events between two prunings. */
const PRUNE_EVERY_EVENTS = 100;
const EVENT_TEXT_CHARACTERS_MAX = 1_000;

export type EventKind =
  | 'node'
  | 'registration'
  | 'deployment'
  | 'connection'
  | 'module'
  | 'daemon'
  | 'probe'
  | 'state'
  | 'method'
  | 'drive'
  | 'routing'
  | 'update';

export interface NewEvent {
  nodeName: string;
  kind: EventKind;
  /** Module, drive or person it is about; '' = the node. */
  subject: string;
  /** One sentence. */
  text: string;
  details?: JsonObject;
  /** When it happened; default now. */
  atMs?: number;
}

export interface TimelineEvent extends Required<NewEvent> {
  seq: number;
}

/** ` by NAME` for a text; '' when the cloud did it itself. */
export function byWhom(actor: Actor): string {
  return actor === '' ? '' : ` by ${actor}`;
}

export type TimelineListener = (event: TimelineEvent) => void;

export class Timeline {
  private readonly db: NodeDb;
  private readonly nowMs: () => number;
  private readonly commits: CommitGroup;
  private readonly listeners = new Set<TimelineListener>();
  private readonly sincePruning = new Map<string, number>();
  private feed: TimelineFeed | undefined;

  /** `commits`: of the other small writers, so that they share the disk's syncs. */
  constructor(db: NodeDb, nowMs: () => number, commits = new CommitGroup(db as unknown as Db)) {
    this.db = db;
    this.nowMs = nowMs;
    this.commits = commits;
  }

  /** Writes the event, then tells the listeners. An event of a node that was deleted meanwhile is dropped. */
  async record(event: NewEvent): Promise<void> {
    const written = await this.commits.run((trx) => this.write(trx.withTables<NodeTableMap>(), event), event.nodeName);
    if (written) this.publish([written]);
  }

  /** Writes within a transaction of the caller, who calls publish() after the commit. */
  async write(db: NodeDb, event: NewEvent): Promise<TimelineEvent | undefined> {
    const full = {
      ...event,
      text: event.text.slice(0, EVENT_TEXT_CHARACTERS_MAX),
      details: event.details ?? {},
      atMs: event.atMs ?? this.nowMs(),
    };
    const node = await db.selectFrom('cache_node').select('name').where('name', '=', full.nodeName).executeTakeFirst();
    if (!node) return undefined;
    await keepWriteOrder(db as unknown as Db, 'node_event');
    const { seq } = await db
      .insertInto('node_event')
      .values({
        node_name: full.nodeName,
        at_ms: full.atMs,
        kind: full.kind,
        subject: full.subject,
        text: full.text,
        details: JSON.stringify(full.details),
      })
      .returning('seq')
      .executeTakeFirstOrThrow();
    await this.prune(db, full.nodeName);
    return { ...full, seq };
  }

  /** In order of seq: after `after` the oldest first, without it the newest `limit`. */
  async list(nodeName: string, page: { after?: number; limit: number }): Promise<TimelineEvent[]> {
    const newest = page.after === undefined;
    const rows = await this.db
      .selectFrom('node_event')
      .selectAll()
      .where('node_name', '=', nodeName)
      .where('seq', '>', page.after ?? 0)
      .orderBy('seq', newest ? 'desc' : 'asc')
      .limit(page.limit)
      .execute();
    return (newest ? rows.reverse() : rows).map(toEvent);
  }

  /** Of all nodes, for readers that follow the stream. */
  async listAll(page: { after: number; limit: number }): Promise<TimelineEvent[]> {
    const rows = await this.db
      .selectFrom('node_event')
      .selectAll()
      .where('seq', '>', page.after)
      .orderBy('seq')
      .limit(page.limit)
      .execute();
    return rows.map(toEvent);
  }

  /** The returned function ends it. Listeners do not throw. */
  subscribe(listener: TimelineListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the listeners of every replica. */
  publish(events: readonly TimelineEvent[]): void {
    if (events.length === 0) return;
    if (this.feed) this.feed.grew();
    else this.tell(events);
  }

  /** With other replicas the listeners get what any of them wrote, in the order of seq, read from the store. */
  async follow(replicas: Replicas, logger: Logger): Promise<void> {
    if (replicas.number === 0) return;
    this.feed = await TimelineFeed.open({
      ...{ db: this.db, replicas, logger },
      read: (page) => this.listAll(page),
      tell: (events) => this.tell(events),
    });
  }

  private tell(events: readonly TimelineEvent[]): void {
    for (const event of events) for (const listener of this.listeners) listener(event);
  }

  private async prune(db: NodeDb, nodeName: string): Promise<void> {
    const count = (this.sincePruning.get(nodeName) ?? 0) + 1;
    this.sincePruning.set(nodeName, count % PRUNE_EVERY_EVENTS);
    if (count < PRUNE_EVERY_EVENTS) return;
    const oldestKept = await db
      .selectFrom('node_event')
      .select('seq')
      .where('node_name', '=', nodeName)
      .orderBy('seq', 'desc')
      .offset(EVENTS_PER_NODE_MAX - 1)
      .limit(1)
      .executeTakeFirst();
    if (!oldestKept) return;
    await db.deleteFrom('node_event').where('node_name', '=', nodeName).where('seq', '<', oldestKept.seq).execute();
  }
}

function toEvent(row: {
  seq: number;
  node_name: string;
  at_ms: number;
  kind: string;
  subject: string;
  text: string;
  details: string;
}): TimelineEvent {
  return {
    seq: row.seq,
    nodeName: row.node_name,
    atMs: row.at_ms,
    kind: row.kind as EventKind,
    subject: row.subject,
    text: row.text,
    details: JSON.parse(row.details) as JsonObject,
  };
}
