// Custom metrics: each query of each configuration is asked after a round; its result is the number of rows, or the value of its COUNT().

import { isEdgeError } from '@wayside/kit';
import { parseQuery, type Query } from '../query/parse-query.ts';
import { readQueryPage } from '../query/query-pages.ts';
import type { Db } from '../store/tables.ts';
import type { Configuration } from './configuration.ts';
import { writeMetricResults } from './configuration-rows.ts';

const PAGE_ROWS = 500;
/** A metric that has more rows than this stops counting: no fleet is larger. */
const PAGES_MAX = 1_000;

export async function askMetrics(db: Db, configurations: readonly Configuration[], signal: AbortSignal): Promise<void> {
  for (const { id, metricQueries } of configurations) {
    const results: Configuration['metricResults'] = {};
    for (const [name, text] of Object.entries(metricQueries)) {
      if (signal.aborted) return;
      try {
        results[name] = await countRows(db, parseQuery(text));
      } catch (error) {
        // A query that was fine when it was taken and no longer is: the others are still asked.
        if (!isEdgeError(error)) throw error;
      }
    }
    if (Object.keys(metricQueries).length > 0) await writeMetricResults(db, id, results);
  }
}

async function countRows(db: Db, query: Query): Promise<number> {
  const isTotal = query.select.kind === 'aggregates' && !query.groupBy && query.select.items.length === 1;
  let rows = 0;
  let continuation: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await readQueryPage(db, query, PAGE_ROWS, continuation);
    const total = isTotal ? Object.values(page.rows[0] ?? {})[0] : undefined;
    if (typeof total === 'number') return total;
    rows += page.rows.length;
    continuation = page.continuation;
    if (continuation === undefined) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return rows;
}
