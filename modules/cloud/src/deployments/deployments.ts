// Deployments as the cache-node face asks for them: dry run, progress by device, history of a device and the way back.

import type { Clock } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { requireIdentity } from '../identity/identity-rows.ts';
import type { Actor, AppliedContent } from '../platform.ts';
import type { Db } from '../store/tables.ts';
import { findDeployment, restoreDeployment } from './apply-content.ts';
import { describeChanges, type ModuleChange } from './content-changes.ts';
import { listDeployments, type PastDeployment } from './deployment-history.ts';
import { DESIRED_KEY } from './desired-path.ts';
import { readDeviceStates } from './device-state.ts';
import { type DryRun, type DryRunRequest, dryRun } from './dry-run.ts';
import type { Evaluator } from './evaluator.ts';

/** A twin that a configuration targets, and how far it is. */
export interface TargetProgress {
  deviceId: string;
  /** '' = the device. */
  moduleId: string;
  status: 'Targeted' | 'Applied';
  outcome: '' | 'successful' | 'failed';
  problem: string | null;
}

export interface TargetPage {
  status?: 'Targeted' | 'Applied';
  outcome?: 'successful' | 'failed';
  /** Device id of the last row of the page before. */
  after: string;
  limit: number;
}

export class Deployments {
  private readonly parts: { db: Db; clock: Clock; evaluator: Evaluator };

  constructor(parts: { db: Db; clock: Clock; evaluator: Evaluator }) {
    this.parts = parts;
  }

  dryRun(request: DryRunRequest): Promise<DryRun> {
    return dryRun(this.parts, request);
  }

  /** By device id. All twins of the last device are on its page, so a page may be a little longer than asked for. */
  async targets(id: string, { status, outcome, after, limit }: TargetPage): Promise<TargetProgress[]> {
    const { db } = this.parts;
    let query = db
      .selectFrom('configuration_target as target')
      .leftJoin('device_deployment as deployed', 'deployed.device_id', 'target.device_id')
      .select(['target.device_id', 'target.module_id', 'target.status', 'target.outcome', 'deployed.problem'])
      .where('target.configuration_id', '=', id)
      .where('target.device_id', '>', after);
    if (status !== undefined) query = query.where('target.status', '=', status);
    if (outcome !== undefined) query = query.where('target.outcome', '=', outcome);
    const devices = await query
      .clearSelect()
      .select('target.device_id')
      .distinct()
      .orderBy('target.device_id')
      .limit(limit)
      .execute();
    const last = devices.at(-1);
    if (!last) return [];
    const rows = await query
      .where('target.device_id', '<=', last.device_id)
      .orderBy('target.device_id')
      .orderBy('target.module_id')
      .execute();
    return rows.map((row) => ({
      ...{ deviceId: row.device_id, moduleId: row.module_id, status: row.status, outcome: row.outcome },
      problem: row.problem,
    }));
  }

  /** Newest first. CLOUD_DEVICE_NOT_FOUND. */
  async history(deviceId: string): Promise<PastDeployment[]> {
    await requireIdentity(this.parts.db, deviceId);
    return listDeployments(this.parts.db, deviceId);
  }

  /** One of the history, and what it changed against the one before. CLOUD_DEPLOYMENT_NOT_FOUND, CLOUD_DEVICE_NOT_FOUND. */
  async past(deviceId: string, seq: number): Promise<{ deployment: PastDeployment; changes: ModuleChange[] }> {
    const deployment = await findDeployment(this.parts.db, deviceId, seq);
    const before = (await listDeployments(this.parts.db, deviceId)).find((other) => other.seq < seq);
    return { deployment, changes: contentChanges(before?.content ?? {}, deployment.content) };
  }

  restore(deviceId: string, seq: number, by: Actor): Promise<AppliedContent> {
    return restoreDeployment(this.parts, deviceId, seq, by);
  }

  /** The configuration that takes over from a deployment of the device's own; undefined = none. */
  async baseOf(deviceId: string): Promise<string | undefined> {
    const { db, evaluator } = this.parts;
    const [state] = await readDeviceStates(db, [deviceId]);
    return state && evaluator.baseFor(state, await evaluator.book.read(db));
  }

  /** The last deployment made to this device alone, whatever is in effect. undefined = none is known. */
  async own(deviceId: string): Promise<{ content: PastDeployment['content']; followsFields: boolean } | undefined> {
    const row = await this.parts.db
      .selectFrom('device_deployment')
      .select(['own_content', 'follows_fields'])
      .where('device_id', '=', deviceId)
      .executeTakeFirst();
    if (!row || row.own_content === null) return undefined;
    return { content: JSON.parse(row.own_content), followsFields: row.follows_fields === 1 };
  }
}

function contentChanges(before: PastDeployment['content'], after: PastDeployment['content']): ModuleChange[] {
  const sectionOf = (content: PastDeployment['content'], module: string) =>
    (content[module]?.[DESIRED_KEY] ?? {}) as JsonObject;
  const modules = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changes = describeChanges(
    modules.map((module) => ({ module, before: sectionOf(before, module), after: sectionOf(after, module) })),
  );
  return changes.map((change) => ({ ...change, change: kindOf(change, runs(before), runs(after)) }));
}

function kindOf(
  { module }: ModuleChange,
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
): ModuleChange['change'] {
  if (before.has(module) === after.has(module)) return 'changed';
  return after.has(module) ? 'added' : 'removed';
}

/** Modules that a content runs, the system modules with them. */
function runs(content: PastDeployment['content']): ReadonlySet<string> {
  const agent = content.$edgeAgent?.[DESIRED_KEY] as { modules?: JsonObject } | undefined;
  return new Set([...Object.keys(agent?.modules ?? {}), ...(agent ? ['$edgeAgent', '$edgeHub'] : [])]);
}
