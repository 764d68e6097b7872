// Keeps the cache figures of all nodes together, per minute, up to date.
//
// INVARIANTS
// - A minute is written as the sum of what its nodes have at that moment, never added to: several replicas may do the same one, in any order.
// - What came late (store and forward after an outage) is summed up again: minutes that reports touched are noted as they come.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import { sql } from 'kysely';
import type { FleetMinuteTable, NodeDb } from '../nodes/tables.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const KEPT_MS = 31 * 24 * HOUR_MS;
/** How often the present minutes are summed up. */
const ROUND_MS = MINUTE_MS;
/** Minutes that each round sums up anew: reports come every 15 s and a little late. */
const PRESENT_MS = 5 * MINUTE_MS;
/** A question makes the present minutes fresh, but not more often. */
const FRESH_MS = 5_000;
/** Late minutes that wait; more means that a fleet came back at once: the oldest of them stay as they were. */
const LATE_MAX = 10_000;

export type FleetFigures = Omit<FleetMinuteTable, 'minute_ms'>;

export const FIGURES = [
  ...(['requests', 'hits', 'misses', 'errors5xx'] as const),
  ...(['hit_bytes', 'miss_bytes', 'egress_bytes', 'ingress_bytes'] as const),
] satisfies (keyof FleetFigures)[];

export class FleetMinutes {
  private readonly parts: { db: NodeDb; clock: Clock; logger: Logger };
  private readonly late = new Set<number>();
  private freshAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: { db: NodeDb; clock: Clock; logger: Logger }) {
    this.parts = parts;
  }

  /** A report of this moment was taken over. */
  note(toMs: number): void {
    if (this.parts.clock.nowMs() - toMs < PRESENT_MS || this.late.size >= LATE_MAX) return;
    this.late.add(toMs - (toMs % MINUTE_MS));
  }

  /** What came while nobody summed up, then a round a minute until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.parts;
    let isCaughtUp = false;
    while (!signal.aborted) {
      try {
        if (!isCaughtUp) await this.catchUp(signal);
        isCaughtUp = true;
        await this.round();
      } catch (error) {
        logger.error('Cannot sum up the figures of the nodes', { error: describeError(error) });
      }
      await clock.sleep(ROUND_MS, signal).catch(() => undefined);
    }
  }

  /** The present minutes and those that were touched late. */
  async round(): Promise<void> {
    const nowMs = this.parts.clock.nowMs();
    await this.sumUp(nowMs - PRESENT_MS, nowMs + MINUTE_MS);
    const late = [...this.late];
    this.late.clear();
    for (const minuteMs of late) await this.sumUp(minuteMs, minuteMs + MINUTE_MS);
    await this.parts.db
      .deleteFrom('fleet_minute')
      .where('minute_ms', '<', nowMs - KEPT_MS)
      .execute();
  }

  /** Before a question: the minute under way as it is now. */
  async freshen(): Promise<void> {
    const monotonicMs = this.parts.clock.monotonicMs();
    if (monotonicMs - this.freshAtMs < FRESH_MS) return;
    this.freshAtMs = monotonicMs;
    const nowMs = this.parts.clock.nowMs();
    await this.sumUp(nowMs - 2 * MINUTE_MS, nowMs + MINUTE_MS);
  }

  private async catchUp(signal: AbortSignal): Promise<void> {
    const { db, clock } = this.parts;
    const newest = await db
      .selectFrom('fleet_minute')
      .select('minute_ms')
      .orderBy('minute_ms', 'desc')
      .limit(1)
      .executeTakeFirst();
    const oldest = await db
      .selectFrom('cache_minute')
      .select('minute_ms')
      .orderBy('minute_ms')
      .limit(1)
      .executeTakeFirst();
    let fromMs = newest?.minute_ms ?? oldest?.minute_ms;
    // In pieces: a month of a large fleet would hold up the store for seconds.
    for (; fromMs !== undefined && fromMs < clock.nowMs() && !signal.aborted; fromMs += HOUR_MS)
      await this.sumUp(fromMs, fromMs + HOUR_MS);
  }

  private async sumUp(fromMs: number, toMs: number): Promise<void> {
    const rows = await this.parts.db
      .selectFrom('cache_minute')
      .select(['minute_ms', ...FIGURES.map(sumOf)])
      .where('minute_ms', '>=', fromMs - (fromMs % MINUTE_MS))
      .where('minute_ms', '<', toMs)
      .groupBy('minute_ms')
      .orderBy('minute_ms')
      .execute();
    for (const row of rows) {
      const { minute_ms: _key, ...sums } = row;
      await this.parts.db
        .insertInto('fleet_minute')
        .values(row)
        .onConflict((oc) => oc.column('minute_ms').doUpdateSet(sums))
        .execute();
    }
  }
}

/** As a floating number: a node may claim sums beyond 2^53, which as integers could not be read at all. */
export function sumOf<K extends keyof FleetFigures>(figure: K) {
  return sql<number>`sum(cast(${sql.ref(figure)} as double precision))`.as(figure);
}
