// POST /devices/keys/regenerate: new keys for up to a hundred identities (cloud.md 2.2).

import { isEdgeError } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { KEY_ROTATIONS, type KeyRotation } from '../identity/registry.ts';
import { iotHubErrorForm } from '../iot-hub-errors.ts';
import { authorize } from './authorize.ts';
import { BULK_ITEMS_MAX } from './bulk-routes.ts';
import { bodyObject } from './request-fields.ts';

export function keyRoutes(platform: HubPlatform): Router {
  const router = Router();
  router.post('/devices/keys/regenerate', authorize('writeIdentity'), async (request, response) => {
    const body = bodyObject(request);
    const which = readRotation(body.policyKey);
    const { devices } = body;
    if (!Array.isArray(devices) || devices.length === 0 || devices.length > BULK_ITEMS_MAX) {
      throw refusal('CLOUD_ARGUMENT_INVALID', `Cannot use devices: wanted an array of 1 to ${BULK_ITEMS_MAX}`);
    }
    const rotatedKeys: JsonObject[] = [];
    const errors: JsonObject[] = [];
    for (const entry of devices) {
      const { rotated, failed } = await rotateOne(platform, entry, which);
      if (rotated) rotatedKeys.push(rotated);
      if (failed) errors.push(failed);
    }
    const status = errors.length === 0 ? 200 : rotatedKeys.length === 0 ? 400 : 207;
    response.status(status).json({ policyKey: body.policyKey, rotatedKeys, errors });
  });
  return router;
}

async function rotateOne(
  { registry }: HubPlatform,
  entry: Json,
  which: KeyRotation,
): Promise<{ rotated?: JsonObject; failed?: JsonObject }> {
  const fields = typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? entry : {};
  const id = typeof fields.id === 'string' ? fields.id : '';
  const moduleId = typeof fields.moduleId === 'string' && fields.moduleId !== '' ? fields.moduleId : undefined;
  try {
    const keys = await registry.rotateKeys(id, moduleId, which);
    return { rotated: { id, moduleId: moduleId ?? null, ...keys } };
  } catch (error) {
    if (!isEdgeError(error)) throw error;
    const { name, message } = iotHubErrorForm(error);
    return { failed: { id, moduleId: moduleId ?? null, errorCode: name, errorMessage: message } };
  }
}

function readRotation(value: Json | undefined): KeyRotation {
  const wanted = typeof value === 'string' ? value.toLowerCase() : '';
  const known = KEY_ROTATIONS.find((rotation) => rotation === wanted);
  if (known) return known;
  throw refusal(
    'CLOUD_ARGUMENT_INVALID',
    `Cannot use policyKey: it is ${JSON.stringify(value)}, wanted ${KEY_ROTATIONS.join(', ')}`,
  );
}
