// Every effective deployment of a device, with its time, author and origin, bounded (docs/contracts.md 6).

import type { ModulesContent } from '@wayside/protocol';
import type { Actor } from '../platform.ts';
import type { Db } from '../store/tables.ts';
import type { DeploymentOrigin } from './tables.ts';

/** Deployments kept of one device; the oldest go first. */
export const DEPLOYMENTS_PER_DEVICE_MAX = 50;

export interface NewDeployment {
  deviceId: string;
  atMs: number;
  by: Actor;
  origin: DeploymentOrigin;
  baseId: string | null;
  layers: string[];
  /** $version of $edgeAgent's desired properties. */
  desiredVersion: number;
  content: ModulesContent;
}

export interface PastDeployment extends NewDeployment {
  /** Rises over all devices, never used again. */
  seq: number;
}

export async function addDeployment(trx: Db, deployment: NewDeployment): Promise<void> {
  await trx
    .insertInto('deployment_history')
    .values({
      device_id: deployment.deviceId,
      at_ms: deployment.atMs,
      by_whom: deployment.by,
      origin: deployment.origin,
      base_id: deployment.baseId,
      layers: JSON.stringify(deployment.layers),
      desired_version: deployment.desiredVersion,
      content: JSON.stringify(deployment.content),
    })
    .execute();
  const oldestKept = await trx
    .selectFrom('deployment_history')
    .select('seq')
    .where('device_id', '=', deployment.deviceId)
    .orderBy('seq', 'desc')
    .offset(DEPLOYMENTS_PER_DEVICE_MAX - 1)
    .limit(1)
    .executeTakeFirst();
  if (!oldestKept) return;
  await trx
    .deleteFrom('deployment_history')
    .where('device_id', '=', deployment.deviceId)
    .where('seq', '<', oldestKept.seq)
    .execute();
}

/** Newest first; all that are kept. */
export async function listDeployments(db: Db, deviceId: string): Promise<PastDeployment[]> {
  const rows = await db
    .selectFrom('deployment_history')
    .selectAll()
    .where('device_id', '=', deviceId)
    .orderBy('seq', 'desc')
    .execute();
  return rows.map((row) => ({
    seq: row.seq,
    deviceId: row.device_id,
    atMs: row.at_ms,
    by: row.by_whom,
    origin: row.origin,
    baseId: row.base_id,
    layers: JSON.parse(row.layers),
    desiredVersion: row.desired_version,
    content: JSON.parse(row.content),
  }));
}
