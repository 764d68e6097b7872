// `deployment create|set|list|show|delete|dry-run`: deployments to all nodes that a condition holds for.

import { readFile, stat } from 'node:fs/promises';
import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText, plainLine } from '../terminal-text.ts';
import { type CloudClient, CloudError } from './cloud-client.ts';
import { changeLines, type DeploymentView, type ModuleChange, viewText } from './deployment-changes.ts';

/** As in deploy: a content far larger is some other file. */
const CONTENT_BYTES_MAX = 4 * 1024 * 1024;
const CONTENT_KINDS = ['modulesContent', 'deviceContent', 'moduleContent'] as const;

export interface FleetDeployment {
  id: string;
  etag: string;
  kind: string;
  isLayer: boolean;
  targetCondition: string;
  priority: number;
  labels: { [name: string]: string } | null;
  metrics: { queries: { [name: string]: string }; results: { [name: string]: number } };
  createdAtUtc: string;
  createdBy: string;
  updatedAtUtc: string;
  updatedBy: string;
  progress: { targeted: number; applied: number; reportedSuccessful: number; reportedFailed: number };
}

export interface TargetRow {
  name: string;
  module: string;
  status: string;
  outcome: string;
  problem: string | null;
}

export interface DryRun {
  devices: number;
  targeted: number;
  changed: number;
  problems: number;
  nodes: {
    name: string;
    before: DeploymentView;
    after: DeploymentView;
    changes: ModuleChange[];
    problem: string | null;
  }[];
}

export interface DeploymentOptions {
  target?: string;
  priority?: number;
  label?: [string, string][];
  metric?: [string, string][];
  json?: boolean;
}

export async function createDeployment(
  io: Io,
  client: CloudClient,
  id: string,
  file: string,
  options: DeploymentOptions,
): Promise<void> {
  const json = { id, ...(await readContent(file)), ...fieldsOf(options) };
  const made = await told(io, client.write<FleetDeployment>(`create deployment ${id}`, 'POST', 'deployments', json));
  const what = made.isLayer ? 'layered deployment' : made.kind === 'modulesContent' ? 'deployment' : 'configuration';
  io.stdout.write(
    options.json ? `${jsonText(made)}\n` : `Created ${what} ${id}; watch it with: deployment show ${id}\n`,
  );
}

export async function setDeployment(
  io: Io,
  client: CloudClient,
  id: string,
  options: DeploymentOptions,
): Promise<void> {
  const json = fieldsOf(options);
  if (Object.keys(json).length === 0)
    throw new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, `Cannot change deployment ${id}: nothing was given`, {
      source: 'config',
    });
  const after = await told(io, client.write<FleetDeployment>(`change deployment ${id}`, 'PATCH', pathOf(id), json));
  io.stdout.write(
    options.json ? `${jsonText(after)}\n` : `Changed deployment ${id}: ${Object.keys(json).join(', ')}\n`,
  );
}

export async function listFleetDeployments(io: Io, client: CloudClient, options: { json?: boolean }): Promise<void> {
  const { deployments } = await client.read<{ deployments: FleetDeployment[] }>('list the deployments', 'deployments');
  io.stdout.write(options.json ? `${jsonText(deployments)}\n` : deploymentTable(deployments));
}

/** Highest priority first, as they win; pure. */
export function deploymentTable(deployments: readonly FleetDeployment[]): string {
  const rows = [...deployments].sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
  return alignedTable([
    ['ID', 'TYPE', 'PRIORITY', 'TARGETED', 'APPLIED', 'SUCCEEDED', 'FAILED', 'CONDITION'],
    ...rows.map((each) => [
      ...[each.id, typeOf(each), String(each.priority)],
      ...[each.progress.targeted, each.progress.applied, each.progress.reportedSuccessful].map(String),
      ...[String(each.progress.reportedFailed), each.targetCondition === '' ? '(nothing)' : each.targetCondition],
    ]),
  ]);
}

export async function showDeployment(
  io: Io,
  client: CloudClient,
  id: string,
  options: { json?: boolean; content?: boolean; nodes?: boolean },
): Promise<void> {
  if (options.content) {
    io.stdout.write(`${jsonText(await client.read(`read deployment ${id}`, `${pathOf(id)}/content`))}\n`);
    return;
  }
  const deployment = await client.read<FleetDeployment>(`read deployment ${id}`, pathOf(id));
  const nodes = options.nodes ? await readTargets(client, id) : undefined;
  if (options.json) io.stdout.write(`${jsonText(nodes ? { ...deployment, nodes } : deployment)}\n`);
  else io.stdout.write(`${deploymentText(deployment)}${nodes ? `\n${targetTable(nodes)}` : ''}`);
}

async function readTargets(client: CloudClient, id: string): Promise<TargetRow[]> {
  const rows: TargetRow[] = [];
  for (let after = ''; ; ) {
    const page = await client.read<{ nodes: TargetRow[]; next: string | null }>(
      `list the nodes of deployment ${id}`,
      `${pathOf(id)}/nodes`,
      { after, limit: 1000 },
    );
    rows.push(...page.nodes);
    if (page.next === null) return rows;
    after = page.next;
  }
}

function deploymentText(deployment: FleetDeployment): string {
  const { progress, metrics, labels } = deployment;
  return alignedTable([
    ['id', deployment.id],
    ['type', typeOf(deployment)],
    ['condition', deployment.targetCondition === '' ? '(nothing)' : deployment.targetCondition],
    ['priority', String(deployment.priority)],
    ...Object.entries(labels ?? {}).map(([name, value]) => [`label ${name}`, value]),
    ['created', `${deployment.createdAtUtc} by ${deployment.createdBy}`],
    ['changed', `${deployment.updatedAtUtc} by ${deployment.updatedBy}`],
    ['targeted', String(progress.targeted)],
    ['applied', String(progress.applied)],
    ['succeeded', String(progress.reportedSuccessful)],
    ['failed', String(progress.reportedFailed)],
    ...Object.keys(metrics.queries).map((name) => [`metric ${name}`, String(metrics.results[name] ?? 'not asked yet')]),
  ]);
}

function targetTable(rows: readonly TargetRow[]): string {
  return alignedTable([
    ['NODE', 'MODULE', 'STATUS', 'OUTCOME', 'PROBLEM'],
    ...rows.map((row) => [row.name, row.module || '-', row.status, row.outcome || '-', row.problem ?? '-']),
  ]);
}

export async function deleteDeployment(io: Io, client: CloudClient, id: string): Promise<void> {
  await client.write(`delete deployment ${id}`, 'DELETE', pathOf(id), undefined);
  io.stdout.write(`Deleted deployment ${id}; its nodes get the next lower deployment, or keep their modules\n`);
}

export async function dryRunDeployment(
  io: Io,
  client: CloudClient,
  id: string,
  file: string | undefined,
  options: DeploymentOptions & { remove?: boolean },
): Promise<void> {
  const deployment = { id, ...(file === undefined ? {} : await readContent(file)), ...fieldsOf(options) };
  const json = options.remove ? { remove: id } : { deployment };
  const result = await told(io, client.write<DryRun>(`try deployment ${id}`, 'POST', 'deployments/dry-run', json));
  io.stdout.write(options.json ? `${jsonText(result)}\n` : dryRunText(result));
}

/** Totals, then each node with what changes; pure. */
export function dryRunText({ devices, targeted, changed, problems, nodes }: DryRun): string {
  const lines = [
    `${devices} devices: ${targeted} targeted, ${changed} would change, ${problems} cannot take it; nothing was changed`,
  ];
  for (const node of nodes) {
    lines.push(`${node.name}: ${viewText(node.before)} -> ${viewText(node.after)}`);
    if (node.problem !== null) lines.push(`  problem: ${node.problem}`);
    else lines.push(...changeLines(node.changes));
  }
  if (nodes.length < changed + problems) lines.push(`and ${changed + problems - nodes.length} more`);
  return `${lines.map(plainLine).join('\n')}\n`;
}

/** What a file holds: a content of its own, one in `content`, or a whole configuration with condition and priority. */
async function readContent(file: string): Promise<{ [field: string]: unknown }> {
  let document: unknown;
  try {
    const { size } = await stat(file);
    if (size > CONTENT_BYTES_MAX) throw new RangeError(`${size} bytes, at most ${CONTENT_BYTES_MAX} are read`);
    document = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new EdgeError('CLI_MANIFEST_UNREADABLE' satisfies ErrorCode, `Cannot read the content ${file}`, {
      ...{ cause, details: { file }, source: 'config' },
    });
  }
  if (typeof document !== 'object' || document === null) return { content: document };
  const { content, targetCondition, priority, labels, metrics } = document as { [field: string]: unknown };
  const kind = CONTENT_KINDS.find((name) => Object.hasOwn(document, name));
  if (kind !== undefined) return { content: { [kind]: (document as { [field: string]: unknown })[kind] } };
  const queries = (metrics as { queries?: unknown } | undefined)?.queries;
  return {
    content,
    ...(targetCondition === undefined ? {} : { targetCondition }),
    ...(priority === undefined ? {} : { priority }),
    ...(labels === undefined ? {} : { labels }),
    ...(queries === undefined ? {} : { metrics: { queries } }),
  };
}

function fieldsOf({ target, priority, label, metric }: DeploymentOptions): { [field: string]: unknown } {
  return {
    ...(target === undefined ? {} : { targetCondition: target }),
    ...(priority === undefined ? {} : { priority }),
    ...(label === undefined ? {} : { labels: Object.fromEntries(label) }),
    ...(metric === undefined ? {} : { metrics: { queries: Object.fromEntries(metric) } }),
  };
}

/** Names every problem of a refused content before the error. */
async function told<T>(io: Io, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CloudError) {
      for (const { path, message } of error.problems) io.stderr.write(`${plainLine(`${path}: ${message}`)}\n`);
    }
    throw error;
  }
}

function typeOf({ kind, isLayer }: FleetDeployment): string {
  if (kind === 'modulesContent') return isLayer ? 'layer' : 'base';
  return kind === 'deviceContent' ? 'device' : 'module';
}

function pathOf(id: string): string {
  return `deployments/${encodeURIComponent(id)}`;
}
