// Twins in the store: read, make, change. Every writer runs in its caller's transaction and checks before it writes.

import { type JsonObject, mergePatch } from '@wayside/protocol';
import type { Selectable } from 'kysely';
import { refusal } from '../errors.ts';
import { newEtag } from '../identity/keys.ts';
import type { Twin } from '../platform.ts';
import { noticeWithCommit } from '../replicas/notices.ts';
import { engineOf, held } from '../store/engine.ts';
import type { Db, TwinTable } from '../store/tables.ts';
import { replacementPatch } from './replacement-patch.ts';
import { requireTwinSection } from './twin-limits.ts';
import { type MetadataStamp, patchMetadata } from './twin-metadata.ts';

type TwinRow = Selectable<TwinTable>;

/** What a service call changes. `desired` merges, `desiredInstead` replaces; the same for tags. */
export interface TwinChange {
  tags?: JsonObject;
  tagsInstead?: JsonObject;
  desired?: JsonObject;
  desiredInstead?: JsonObject;
}

export interface ChangedTwin {
  twin: Twin;
  /** What connected clients are to be told; undefined when the desired section was not touched. */
  desiredPatch?: JsonObject;
  tagsChanged?: boolean;
}

const FIRST_VERSION = 1;

export async function insertTwin(db: Db, deviceId: string, moduleId: string, nowMs: number): Promise<void> {
  const meta = JSON.stringify({ $lastUpdated: isoTime(nowMs) });
  await db
    .insertInto('twin')
    .values({
      device_id: deviceId,
      module_id: moduleId,
      tags: '{}',
      desired: '{}',
      desired_meta: meta,
      desired_version: FIRST_VERSION,
      reported: '{}',
      reported_meta: meta,
      reported_version: FIRST_VERSION,
      version: FIRST_VERSION,
      etag: newEtag(),
      model_id: null,
      configurations: '{}',
    })
    .execute();
}

export async function readTwin(db: Db, deviceId: string, moduleId = ''): Promise<Twin | undefined> {
  const row = await readRow(db, deviceId, moduleId);
  return row && toTwin(row);
}

/** Throws CLOUD_DEVICE_NOT_FOUND or CLOUD_MODULE_NOT_FOUND. */
export async function requireTwin(db: Db, deviceId: string, moduleId = ''): Promise<Twin> {
  return await readOrRefuse(db, deviceId, moduleId, false);
}

/** The same for a change in a shared transaction: nobody else changes the twin before it ends. */
export async function holdTwin(trx: Db, deviceId: string, moduleId = ''): Promise<Twin> {
  return await readOrRefuse(trx, deviceId, moduleId, true);
}

async function readOrRefuse(db: Db, deviceId: string, moduleId: string, isHeld: boolean): Promise<Twin> {
  const row = await readRow(db, deviceId, moduleId, isHeld);
  if (row) return toTwin(row);
  if (moduleId !== '' && (await readRow(db, deviceId, ''))) {
    throw refusal('CLOUD_MODULE_NOT_FOUND', `No module "${moduleId}" on device "${deviceId}"`);
  }
  throw refusal('CLOUD_DEVICE_NOT_FOUND', `No device "${deviceId}" in the registry`);
}

/** A service's change of tags and desired properties. `ifMatch` is an etag or '*'. */
export async function changeTwin(
  db: Db,
  twin: Twin,
  change: TwinChange,
  ifMatch: string,
  nowMs: number,
): Promise<ChangedTwin> {
  if (ifMatch !== '*' && ifMatch !== twin.etag) {
    throw refusal(
      'CLOUD_ETAG_MISMATCH',
      `Cannot change the twin of "${nameOf(twin)}": its etag is "${twin.etag}", If-Match names "${ifMatch}"`,
    );
  }
  const tags = changeTags(twin, change);
  const desired = changeDesired(twin, change, nowMs);
  if (!tags && !desired) return { twin };
  const after: Twin = { ...twin, ...tags, ...desired?.section, version: twin.version + 1, etag: newEtag() };
  await db
    .updateTable('twin')
    .set({
      version: after.version,
      etag: after.etag,
      ...(tags ? { tags: JSON.stringify(after.tags) } : {}),
      ...(desired
        ? {
            desired: JSON.stringify(after.desired),
            desired_meta: JSON.stringify(after.desiredMetadata),
            desired_version: after.desiredVersion,
          }
        : {}),
    })
    .where('device_id', '=', twin.deviceId)
    .where('module_id', '=', twin.moduleId ?? '')
    .execute();
  if (desired) await sendPatch(db, after, desired.patch, nowMs);
  return { twin: after, ...(desired ? { desiredPatch: desired.patch } : {}), ...(tags ? { tagsChanged: true } : {}) };
}

/** For the replica that holds the client's connection, with this commit; over SQLite the one process tells its gateway itself. */
async function sendPatch(trx: Db, twin: Twin, patch: JsonObject, nowMs: number): Promise<void> {
  if (engineOf(trx) === 'sqlite') return;
  const { deviceId, moduleId, desiredVersion: version } = twin;
  const values = { patch: JSON.stringify(patch), at_ms: nowMs };
  await trx
    .insertInto('desired_patch')
    .values({ device_id: deviceId, module_id: moduleId ?? '', version, ...values })
    // A device made anew counts its versions from the start.
    .onConflict((conflict) => conflict.columns(['device_id', 'module_id', 'version']).doUpdateSet(values))
    .execute();
  await noticeWithCommit(trx, 'desired', [moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`]);
}

/** A client's merge patch of its reported properties; `ifVersion` is its optional precondition. Returns the new version. */
export async function patchReported(
  db: Db,
  twin: Twin,
  patch: JsonObject,
  ifVersion: number | undefined,
  nowMs: number,
): Promise<number> {
  if (ifVersion !== undefined && ifVersion !== twin.reportedVersion) {
    throw refusal(
      'CLOUD_TWIN_VERSION_MISMATCH',
      `Cannot patch the reported properties of "${nameOf(twin)}": their version is ${twin.reportedVersion}, the request names ${ifVersion}`,
    );
  }
  requireTwinSection('reported', patch);
  const reported = mergePatch(twin.reported, patch);
  requireTwinSection('reported', reported);
  const version = twin.reportedVersion + 1;
  await db
    .updateTable('twin')
    .set({
      reported: JSON.stringify(reported),
      reported_meta: JSON.stringify(patchMetadata(twin.reportedMetadata, patch, { $lastUpdated: isoTime(nowMs) })),
      reported_version: version,
      version: twin.version + 1,
    })
    .where('device_id', '=', twin.deviceId)
    .where('module_id', '=', twin.moduleId ?? '')
    .execute();
  return version;
}

export function toTwin(row: TwinRow): Twin {
  return {
    deviceId: row.device_id,
    ...(row.module_id === '' ? {} : { moduleId: row.module_id }),
    etag: row.etag,
    version: row.version,
    modelId: row.model_id,
    tags: JSON.parse(row.tags) as JsonObject,
    desired: JSON.parse(row.desired) as JsonObject,
    desiredVersion: row.desired_version,
    desiredMetadata: JSON.parse(row.desired_meta) as JsonObject,
    reported: JSON.parse(row.reported) as JsonObject,
    reportedVersion: row.reported_version,
    reportedMetadata: JSON.parse(row.reported_meta) as JsonObject,
    configurations: JSON.parse(row.configurations) as JsonObject,
  };
}

async function readRow(
  db: Db,
  deviceId: string,
  moduleId: string,
  isHeld: boolean = false,
): Promise<TwinRow | undefined> {
  const query = db.selectFrom('twin').selectAll().where('device_id', '=', deviceId).where('module_id', '=', moduleId);
  return await (isHeld ? held(db, query) : query).executeTakeFirst();
}

function changeTags(twin: Twin, change: TwinChange): { tags: JsonObject } | undefined {
  const patch = change.tagsInstead ?? change.tags;
  if (!patch) return undefined;
  if (twin.moduleId !== undefined && Object.keys(patch).length > 0) {
    throw refusal('CLOUD_TWIN_INVALID', `Cannot tag module "${nameOf(twin)}": tags belong to devices`);
  }
  if (!change.tagsInstead && Object.keys(patch).length === 0) return undefined;
  requireTwinSection('tags', patch);
  const tags = mergePatch(change.tagsInstead ? {} : twin.tags, patch);
  requireTwinSection('tags', tags);
  return { tags };
}

function changeDesired(twin: Twin, change: TwinChange, nowMs: number) {
  const patch = change.desiredInstead ?? change.desired;
  if (!patch || (!change.desiredInstead && Object.keys(patch).length === 0)) return undefined;
  requireTwinSection('desired', patch);
  const replaced = change.desiredInstead !== undefined;
  const desired = mergePatch(replaced ? {} : twin.desired, patch);
  requireTwinSection('desired', desired);
  const desiredVersion = twin.desiredVersion + 1;
  const stamp: MetadataStamp = { $lastUpdated: isoTime(nowMs), $lastUpdatedVersion: desiredVersion };
  return {
    section: {
      desired,
      desiredVersion,
      desiredMetadata: patchMetadata(replaced ? {} : twin.desiredMetadata, patch, stamp),
    },
    patch: replaced ? replacementPatch(twin.desired, desired) : patch,
  };
}

function nameOf(twin: Twin): string {
  return twin.moduleId === undefined ? twin.deviceId : `${twin.deviceId}/${twin.moduleId}`;
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
