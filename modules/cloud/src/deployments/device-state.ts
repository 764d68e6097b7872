// What an evaluation must know of a device, read for several devices at once: identities, twins, what configurations wrote before.

import type { JsonObject, ModulesContent } from '@wayside/protocol';
import type { Selectable } from 'kysely';
import { EDGE_AGENT, EDGE_HUB } from '../identity/identity-id.ts';
import { type IdentityRow, toDevice, toModule } from '../identity/identity-record.ts';
import { MANAGED_BY_EDGE } from '../identity/identity-rows.ts';
import type { Twin } from '../platform.ts';
import { held } from '../store/engine.ts';
import type { Db } from '../store/tables.ts';
import { twinJson } from '../twins/twin-json.ts';
import { toTwin } from '../twins/twin-rows.ts';
import type { DesiredPath } from './desired-path.ts';
import type { ConfigurationTargetTable, DeploymentOrigin, DeviceDeploymentTable } from './tables.ts';

export interface TwinState {
  /** '' = the device. */
  moduleId: string;
  twin: Twin;
  /** As queries see it; made when a condition asks. */
  document(): JsonObject;
  /** Made by deployments, so that a deployment may take it away. */
  isManaged: boolean;
  configured: Configured;
}

/** What configurations wrote into a twin. */
export interface Configured {
  hasSection: boolean;
  paths: DesiredPath[];
}

export type TargetRow = Omit<ConfigurationTargetTable, 'device_id'>;

export interface DeviceState {
  deviceId: string;
  isEdge: boolean;
  device: TwinState;
  /** By module id. */
  modules: Map<string, TwinState>;
  targets: TargetRow[];
  deployed: Deployed;
}

export interface Deployed {
  origin: DeploymentOrigin;
  baseId: string | null;
  layers: string[];
  contentHash: string | null;
  problem: string | null;
  /** The last deployment to this device alone. */
  own: ModulesContent | undefined;
  followsFields: boolean;
}

export const NOT_DEPLOYED: Deployed = {
  ...{ origin: 'device', baseId: null, layers: [], contentHash: null, problem: null },
  ...{ own: undefined, followsFields: false },
};

/** Devices that are not in the registry are left out. In order of the ids given. In a transaction their twins are held until it ends. */
export async function readDeviceStates(db: Db, deviceIds: readonly string[]): Promise<DeviceState[]> {
  if (deviceIds.length === 0) return [];
  const ids = [...deviceIds];
  const identities = await db.selectFrom('identity').selectAll().where('device_id', 'in', ids).execute();
  const twinRows = db.selectFrom('twin').selectAll().where('device_id', 'in', ids);
  const twins = await (db.isTransaction ? held(db, twinRows) : twinRows).execute();
  const configured = await db.selectFrom('configured_twin').selectAll().where('device_id', 'in', ids).execute();
  const targets = await db.selectFrom('configuration_target').selectAll().where('device_id', 'in', ids).execute();
  const deployed = await db.selectFrom('device_deployment').selectAll().where('device_id', 'in', ids).execute();
  const twinOf = new Map(twins.map((row) => [keyOf(row), row]));
  const configuredOf = new Map(configured.map((row) => [keyOf(row), row]));
  const states = new Map<string, TwinState[]>();
  for (const identity of identities) {
    const row = twinOf.get(keyOf(identity));
    const wrote = configuredOf.get(keyOf(identity));
    if (!row) continue;
    const list = states.get(identity.device_id) ?? [];
    list.push({
      ...twinState(identity, toTwin(row)),
      configured: wrote ? { hasSection: wrote.has_section === 1, paths: JSON.parse(wrote.paths) } : NOTHING,
    });
    states.set(identity.device_id, list);
  }
  const edge = new Set(identities.filter((row) => row.iot_edge === 1).map((row) => row.device_id));
  return deviceIds.flatMap((deviceId) => {
    const list = states.get(deviceId) ?? [];
    const device = list.find(({ moduleId }) => moduleId === '');
    if (!device) return [];
    const row = deployed.find((entry) => entry.device_id === deviceId);
    return [
      {
        ...{ deviceId, device, isEdge: edge.has(deviceId) },
        modules: new Map(list.filter((state) => state !== device).map((state) => [state.moduleId, state])),
        targets: targets
          .filter((target) => target.device_id === deviceId)
          .map(({ device_id: _id, ...target }) => target),
        deployed: row ? toDeployed(row) : NOT_DEPLOYED,
      },
    ];
  });
}

/** System modules are written last, $edgeAgent after all: it acts at once and must find finished twins (cloud.md 2.12). */
export function inWriteOrder(moduleIds: Iterable<string>): string[] {
  const rank = (id: string) => (id === EDGE_AGENT ? 2 : id === EDGE_HUB ? 1 : 0);
  return [...moduleIds].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

export const NOTHING: Configured = { hasSection: false, paths: [] };

function twinState(identity: IdentityRow, twin: Twin): Omit<TwinState, 'configured'> {
  const isModule = identity.module_id !== '';
  let document: JsonObject | undefined;
  return {
    moduleId: identity.module_id,
    twin,
    isManaged: identity.managed_by === MANAGED_BY_EDGE,
    document: () => {
      document ??= twinJson(twin, isModule ? toModule(identity) : toDevice(identity)) as unknown as JsonObject;
      return document;
    },
  };
}

function toDeployed(row: Selectable<DeviceDeploymentTable>): Deployed {
  return {
    origin: row.origin,
    baseId: row.base_id,
    layers: JSON.parse(row.layers),
    contentHash: row.content_hash,
    problem: row.problem,
    own: row.own_content === null ? undefined : JSON.parse(row.own_content),
    followsFields: row.follows_fields === 1,
  };
}

function keyOf(row: { device_id: string; module_id: string }): string {
  return `${row.device_id}\n${row.module_id}`;
}
