// Puts routing together: table, book and facts of the nodes, with the news that keep them up to date.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Accounts } from '../accounts/accounts.ts';
import { readNewestReport } from '../health/cache-figures.ts';
import { readStatus, type StoredJudgement } from '../health/node-status.ts';
import type { NodeRecord } from '../nodes/node-record.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { PrefixBook, type PrefixBookOptions } from './prefix-book.ts';
import { EGRESS_AGE_MS_MAX, RoutedNodes } from './routed-nodes.ts';
import { Routing } from './routing.ts';

export interface OpenRouting {
  routing: Routing;
  book: PrefixBook;
  nodes: RoutedNodes;
  /** A node was created, changed or (undefined) deleted. */
  onNode(name: string, record: NodeRecord | undefined): Promise<void>;
  onJudged(name: string, judgement: StoredJudgement): void;
  /** A message of the node was taken over: its newest report may be another. */
  onNews(name: string): void;
  /** Resolves when no news is being read. */
  idle(): Promise<void>;
  /** Until the signal: egress that nobody reports any more is forgotten. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RoutingParts {
  db: NodeDb;
  clock: Clock;
  logger: Logger;
  accounts: Accounts;
  /** Makes the book; over several replicas one that the leading one writes and the others mirror. */
  makeBook?(options: PrefixBookOptions): PrefixBook;
}

/** Reads everything from the store; lookups are right from the first one on. */
export async function openRouting(parts: RoutingParts, records: readonly NodeRecord[]): Promise<OpenRouting> {
  const { db, clock, logger, accounts } = parts;
  const nodes = new RoutedNodes();
  const options = { db, clock, logger, accounts, nodes };
  const book = parts.makeBook?.(options) ?? new PrefixBook(options);
  if (!parts.makeBook) await book.load(records);
  const reading = new Set<Promise<void>>();
  const readEgress = async (name: string) => {
    const newest = await readNewestReport(db, name);
    if (!newest) return;
    const seconds = Math.max(1, (newest.toMs - Date.parse(newest.report.fromUtc)) / 1000);
    const isPresent = clock.nowMs() - newest.toMs <= EGRESS_AGE_MS_MAX;
    nodes.report(name, isPresent ? (newest.report.egressBytes * 8) / 1e6 / seconds : 0, newest.toMs);
  };
  for (const { name } of records) {
    const { judgement } = await readStatus(db, name);
    if (judgement) nodes.judge(name, judgement);
    await readEgress(name);
  }
  return {
    routing: new Routing({ nodes, book, accounts }),
    book,
    nodes,
    onNode: (name, record) => (record ? book.follow(record) : book.forget(name)),
    onJudged: (name, judgement) => nodes.judge(name, judgement),
    onNews: (name) => {
      const one = readEgress(name)
        .catch((error) => logger.error('Cannot read the egress of a node', { node: name, error: describeError(error) }))
        .finally(() => reading.delete(one));
      reading.add(one);
    },
    idle: async () => void (await Promise.all(reading)),
    run: async (signal) => {
      while (!signal.aborted) {
        nodes.forgetOldEgress(clock.nowMs());
        await clock.sleep(EGRESS_AGE_MS_MAX / 4, signal).catch(() => undefined);
      }
    },
  };
}
