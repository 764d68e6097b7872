// POST /devices: up to a hundred identities in one call, each on its own; the answer names those that failed (cloud.md 2.2).

import { isEdgeError } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { parseIdentityInput } from '../identity/identity-input.ts';
import { iotHubErrorForm } from '../iot-hub-errors.ts';
import type { Actor } from '../platform.ts';
import { requireTwinSection } from '../twins/twin-limits.ts';
import type { TwinChange } from '../twins/twin-rows.ts';
import { actorOf, authorize } from './authorize.ts';
import { readSections } from './twin-routes.ts';

export const BULK_ITEMS_MAX = 100;

interface BulkItem {
  deviceId: string;
  moduleId?: string;
  etag?: string;
  twinEtag?: string;
  fields: JsonObject;
  by: Actor;
}

type Operation = (platform: HubPlatform, item: BulkItem) => Promise<void>;

/** Import modes in lower case: the SDKs write them in several ways. */
const OPERATIONS: { readonly [mode: string]: Operation } = {
  create,
  update: (platform, item) => update(platform, item, '*'),
  updateifmatchetag: (platform, item) => update(platform, item, needEtag(item)),
  delete: (platform, item) => remove(platform, item, '*'),
  deleteifmatchetag: (platform, item) => remove(platform, item, needEtag(item)),
  createorupdate: async (platform, item) =>
    (await exists(platform, item)) ? update(platform, item, '*') : create(platform, item),
  createorupdateifmatchetag: async (platform, item) =>
    (await exists(platform, item)) ? update(platform, item, needEtag(item)) : create(platform, item),
  updatetwin: (platform, item) => updateTwin(platform, item, '*'),
  updatetwinifmatchetag: (platform, item) => updateTwin(platform, item, item.twinEtag ?? ''),
};

export function bulkRoutes(platform: HubPlatform): Router {
  const router = Router();
  router.post('/devices', authorize('writeIdentity'), async (request, response) => {
    const body: unknown = request.body;
    if (!Array.isArray(body) || body.length === 0 || body.length > BULK_ITEMS_MAX) {
      const got = Array.isArray(body) ? `${body.length} items` : 'no array';
      throw refusal(
        'CLOUD_ARGUMENT_INVALID',
        `Cannot use the body: it is ${got}, wanted an array of 1 to ${BULK_ITEMS_MAX}`,
      );
    }
    const errors: JsonObject[] = [];
    for (const entry of body as Json[]) {
      const failed = await importOne(platform, entry, actorOf(request));
      if (failed) errors.push(failed);
    }
    response.status(errors.length === 0 ? 200 : 400).json({ isSuccessful: errors.length === 0, errors, warnings: [] });
  });
  return router;
}

async function importOne(platform: HubPlatform, entry: Json, by: Actor): Promise<JsonObject | undefined> {
  const fields = typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? entry : {};
  const mode = typeof fields.importMode === 'string' ? fields.importMode : 'createOrUpdate';
  try {
    const operation = Object.hasOwn(OPERATIONS, mode.toLowerCase()) ? OPERATIONS[mode.toLowerCase()] : undefined;
    if (!operation) throw refusal('CLOUD_ARGUMENT_INVALID', `Cannot use importMode: it is "${mode}"`);
    await operation(platform, readItem(fields, by));
    return undefined;
  } catch (error) {
    if (!isEdgeError(error)) throw error;
    const form = iotHubErrorForm(error);
    return {
      deviceId: fields.id ?? null,
      ...(fields.moduleId ? { moduleId: fields.moduleId } : {}),
      errorCode: form.name,
      errorStatus: form.message,
      operation: mode,
    };
  }
}

function readItem(fields: JsonObject, by: Actor): BulkItem {
  if (typeof fields.id !== 'string') throw refusal('CLOUD_ARGUMENT_INVALID', 'Cannot use an item: its id is missing');
  const etag = fields.eTag ?? fields.etag;
  const twinEtag = fields.twinETag ?? fields.twinEtag;
  return {
    deviceId: fields.id,
    ...(typeof fields.moduleId === 'string' && fields.moduleId !== '' ? { moduleId: fields.moduleId } : {}),
    ...(typeof etag === 'string' ? { etag: unquoted(etag) } : {}),
    ...(typeof twinEtag === 'string' ? { twinEtag: unquoted(twinEtag) } : {}),
    fields,
    by,
  };
}

async function create({ registry, twins }: HubPlatform, item: BulkItem): Promise<void> {
  const twin = readTwinChange(item);
  // Checked before the identity is made: a faulty twin leaves no half-made device.
  if (twin?.tags) requireTwinSection('tags', twin.tags);
  if (twin?.desired) requireTwinSection('desired', twin.desired);
  const input = parseIdentityInput(item.fields);
  if (item.moduleId === undefined) await registry.createDevice(item.deviceId, input);
  else await registry.createModule(item.deviceId, item.moduleId, input);
  if (twin) await twins.change(item.deviceId, item.moduleId, twin, '*', item.by);
}

async function update({ registry }: HubPlatform, item: BulkItem, ifMatch: string): Promise<void> {
  const input = parseIdentityInput(item.fields);
  if (item.moduleId === undefined) await registry.updateDevice(item.deviceId, input, ifMatch);
  else await registry.updateModule(item.deviceId, item.moduleId, input, ifMatch);
}

async function remove({ registry }: HubPlatform, item: BulkItem, ifMatch: string): Promise<void> {
  if (item.moduleId === undefined) await registry.deleteDevice(item.deviceId, ifMatch);
  else await registry.deleteModule(item.deviceId, item.moduleId, ifMatch);
}

async function updateTwin({ twins }: HubPlatform, item: BulkItem, ifMatch: string): Promise<void> {
  await twins.change(item.deviceId, item.moduleId, readTwinChange(item) ?? {}, ifMatch, item.by);
}

async function exists({ registry }: HubPlatform, { deviceId, moduleId }: BulkItem): Promise<boolean> {
  return (
    (moduleId === undefined ? await registry.getDevice(deviceId) : await registry.getModule(deviceId, moduleId)) !==
    undefined
  );
}

function readTwinChange(item: BulkItem): TwinChange | undefined {
  const sections = readSections(item.fields);
  return sections.tags || sections.desired ? sections : undefined;
}

function needEtag(item: BulkItem): string {
  if (item.etag) return item.etag;
  throw refusal('CLOUD_ARGUMENT_INVALID', `Cannot change "${item.deviceId}" by its etag: eTag is missing`);
}

function unquoted(etag: string): string {
  return etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
}
