// What the list of nodes shows beside fields and state (connected-cache.md 1.7): versions, issues of drives, prefixes. A few statements, however many nodes.

import type { CacheReport } from '@wayside/protocol';
import { type CacheNow, NAMES_MAX, NOTHING_NOW, readCacheNow } from '../health/cache-now.ts';
import { updateIssue } from '../updates/update-status.ts';
import type { NodeRecord } from './node-record.ts';
import type { NodeDb } from './tables.ts';

const CACHE_MODULE = 'MCC';
/** As the original says it before the first report. */
const VERSION_UNKNOWN = 'Unknown';

export interface NodeIssue {
  kind: NonNullable<CacheReport['drives'][number]['issue']> | 'UpdateFailed' | 'UpdateLate';
  /** Drive or version it is about. */
  subject: string;
}

export interface NodeColumns extends CacheNow {
  /** Tag of the cache's image as the node runs it. */
  softwareVersion: string;
  issues: NodeIssue[];
  /** Prefixes of the source in force. */
  prefixCount: number;
  bgpRoutesReceived: boolean;
  /** Came it in a migration package, and has a server taken it over since? */
  migrated: 'Yes' | 'No' | 'N/A';
}

/** By name, of the nodes given. */
export async function readColumns(
  db: NodeDb,
  nodes: readonly NodeRecord[],
  nowMs: number,
): Promise<Map<string, NodeColumns>> {
  if (nodes.length === 0) return new Map();
  const only = nodes.length <= NAMES_MAX ? nodes.map(({ name }) => name) : undefined;
  const versions = await readVersions(db, only);
  const issues = await readIssues(db, only);
  const counts = await countPrefixes(db, only);
  const routes = await countRoutes(db, only);
  const now = await readCacheNow(db, only, nowMs);
  return new Map(
    nodes.map((node) => [
      node.name,
      {
        softwareVersion: versions.get(node.name) ?? VERSION_UNKNOWN,
        issues: [...(issues.get(node.name) ?? []), ...updateIssues(node)],
        prefixCount: counts.get(`${node.name} ${node.prefixSource}`) ?? 0,
        bgpRoutesReceived: (routes.get(node.name) ?? 0) > 0,
        migrated: migratedOf(node),
        ...(now.get(node.name) ?? NOTHING_NOW),
      },
    ]),
  );
}

function updateIssues({ updateState }: NodeRecord): NodeIssue[] {
  const issue = updateIssue(updateState);
  return issue ? [{ kind: issue.kind, subject: issue.version }] : [];
}

function migratedOf({ importedAtMs, provisionedAtMs }: NodeRecord): NodeColumns['migrated'] {
  if (importedAtMs === null) return 'N/A';
  return provisionedAtMs !== null && provisionedAtMs >= importedAtMs ? 'Yes' : 'No';
}

/** undefined = of all nodes. */
type Names = readonly string[] | undefined;

async function readVersions(db: NodeDb, only: Names): Promise<Map<string, string>> {
  let query = db.selectFrom('node_module').select(['node_name', 'health']).where('module', '=', CACHE_MODULE);
  if (only !== undefined) query = query.where('node_name', 'in', only);
  const rows = await query.execute();
  return new Map(rows.map((row) => [row.node_name, tagOf((JSON.parse(row.health) as { image?: unknown }).image)]));
}

/** `registry:5000/wayside/cache:1.2` -> `1.2`. */
function tagOf(image: unknown): string {
  const tag = typeof image === 'string' ? /:([^:/@]+)(@.*)?$/.exec(image)?.[1] : undefined;
  return tag ?? VERSION_UNKNOWN;
}

async function readIssues(db: NodeDb, only: Names): Promise<Map<string, NodeIssue[]>> {
  let query = db.selectFrom('cache_last').select(['node_name', 'report']).where('module', '=', CACHE_MODULE);
  if (only !== undefined) query = query.where('node_name', 'in', only);
  const rows = await query.execute();
  return new Map(rows.map((row) => [row.node_name, issuesOf(JSON.parse(row.report))]));
}

function issuesOf({ drives }: Pick<CacheReport, 'drives'>): NodeIssue[] {
  return (drives ?? [])
    .filter((drive) => drive.state !== 'ok' || drive.issue !== null)
    .map((drive) => ({ kind: drive.issue ?? 'Other', subject: drive.path }));
}

async function countPrefixes(db: NodeDb, only: Names): Promise<Map<string, number>> {
  let query = db
    .selectFrom('node_prefix')
    .select((eb) => ['node_name', 'source', eb.fn.countAll<number>().as('count')])
    .groupBy(['node_name', 'source']);
  if (only !== undefined) query = query.where('node_name', 'in', only);
  const rows = await query.execute();
  return new Map(rows.map((row) => [`${row.node_name} ${row.source}`, Number(row.count)]));
}

async function countRoutes(db: NodeDb, only: Names): Promise<Map<string, number>> {
  let query = db.selectFrom('bgp_stream').select(['node_name', 'routes']);
  if (only !== undefined) query = query.where('node_name', 'in', only);
  return new Map((await query.execute()).map((row) => [row.node_name, row.routes]));
}
