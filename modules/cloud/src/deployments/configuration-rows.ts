// Configurations in the store, and the counts of the twins they target.

import type { Selectable } from 'kysely';
import type { Db } from '../store/tables.ts';
import { isLayerContent } from './check-content.ts';
import type { CompiledConfiguration, Configuration } from './configuration.ts';
import { byPrecedence } from './configuration.ts';
import { NO_TARGETS, type TargetCounts } from './system-metrics.ts';
import type { ConfigurationTable } from './tables.ts';
import { compileCondition } from './target-condition.ts';

export async function readConfigurationRow(db: Db, id: string): Promise<Configuration | undefined> {
  const row = await db.selectFrom('configuration').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toConfiguration(row);
}

/** By id; `top` limits. */
export async function readConfigurations(db: Db, top?: number): Promise<Configuration[]> {
  let query = db.selectFrom('configuration').selectAll().orderBy('id');
  if (top !== undefined) query = query.limit(top);
  return (await query.execute()).map(toConfiguration);
}

export async function insertConfiguration(db: Db, configuration: Configuration): Promise<void> {
  await db.insertInto('configuration').values(toRow(configuration)).execute();
}

export async function updateConfigurationRow(db: Db, configuration: Configuration): Promise<void> {
  const { id, content: _content, created_ms: _created, created_by: _by, ...row } = toRow(configuration);
  await db.updateTable('configuration').set(row).where('id', '=', id).execute();
}

export async function writeMetricResults(db: Db, id: string, results: Configuration['metricResults']): Promise<void> {
  await db
    .updateTable('configuration')
    .set({ metric_results: JSON.stringify(results) })
    .where('id', '=', id)
    .execute();
}

/** How many twins each configuration targets, by status: exact at every moment, because the rows change with the twins. */
export async function countTargets(db: Db, id?: string): Promise<Map<string, TargetCounts>> {
  let query = db
    .selectFrom('configuration_target')
    .select((of) => ['configuration_id', 'status', 'outcome', of.fn.countAll<number>().as('twins')])
    .groupBy(['configuration_id', 'status', 'outcome']);
  if (id !== undefined) query = query.where('configuration_id', '=', id);
  const counts = new Map<string, TargetCounts>();
  for (const { configuration_id, status, outcome, twins } of await query.execute()) {
    const count = counts.get(configuration_id) ?? { ...NO_TARGETS };
    count.targeted += Number(twins);
    if (status === 'Applied') count.applied += Number(twins);
    if (outcome === 'successful') count.reportedSuccessful += Number(twins);
    if (outcome === 'failed') count.reportedFailed += Number(twins);
    counts.set(configuration_id, count);
  }
  return counts;
}

export function compileConfiguration(configuration: Configuration): CompiledConfiguration {
  const { targets, reportedKeys } = compileCondition(configuration.targetCondition, configuration.kind);
  const isLayer = configuration.kind === 'modulesContent' && isLayerContent(configuration.content);
  return { ...configuration, isLayer, targets, reportedKeys };
}

/** All configurations, compiled, in ascending precedence. What did not change since the last read is not compiled again. */
export class ConfigurationBook {
  private known = new Map<string, CompiledConfiguration>();
  private inOrder: readonly CompiledConfiguration[] = [];

  /** As they stand in this transaction. */
  async read(db: Db): Promise<readonly CompiledConfiguration[]> {
    const heads = await db.selectFrom('configuration').select(['id', 'etag']).execute();
    const changed = heads.filter(({ id, etag }) => this.known.get(id)?.etag !== etag).map(({ id }) => id);
    if (changed.length === 0 && heads.length === this.known.size) return this.inOrder;
    const next = new Map<string, CompiledConfiguration>();
    for (const { id } of heads) {
      const known = this.known.get(id);
      if (known) next.set(id, known);
    }
    if (changed.length > 0) {
      const rows = await db.selectFrom('configuration').selectAll().where('id', 'in', changed).execute();
      for (const row of rows) next.set(row.id, compileConfiguration(toConfiguration(row)));
    }
    this.known = next;
    this.inOrder = [...next.values()].sort(byPrecedence);
    return this.inOrder;
  }

  /** As they were read last: good enough to tell whether an event matters. */
  get latest(): readonly CompiledConfiguration[] {
    return this.inOrder;
  }
}

function toConfiguration(row: Selectable<ConfigurationTable>): Configuration {
  return {
    id: row.id,
    etag: row.etag,
    schemaVersion: row.schema_version,
    labels: row.labels === null ? null : JSON.parse(row.labels),
    kind: row.kind,
    content: JSON.parse(row.content),
    targetCondition: row.target_condition,
    priority: row.priority,
    metricQueries: JSON.parse(row.metric_queries),
    metricResults: JSON.parse(row.metric_results),
    createdAtMs: row.created_ms,
    createdBy: row.created_by,
    updatedAtMs: row.updated_ms,
    updatedBy: row.updated_by,
  };
}

function toRow(configuration: Configuration): ConfigurationTable {
  return {
    id: configuration.id,
    etag: configuration.etag,
    schema_version: configuration.schemaVersion,
    labels: configuration.labels === null ? null : JSON.stringify(configuration.labels),
    kind: configuration.kind,
    content: JSON.stringify(configuration.content),
    target_condition: configuration.targetCondition,
    priority: configuration.priority,
    metric_queries: JSON.stringify(configuration.metricQueries),
    metric_results: JSON.stringify(configuration.metricResults),
    created_ms: configuration.createdAtMs,
    created_by: configuration.createdBy,
    updated_ms: configuration.updatedAtMs,
    updated_by: configuration.updatedBy,
  };
}
