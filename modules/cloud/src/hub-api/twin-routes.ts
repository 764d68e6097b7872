// /twins/{d}[/modules/{m}]: read, merge, replace (cloud.md 2.4).

import type { JsonObject } from '@wayside/protocol';
import { type Request, type Response, Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import type { Twin } from '../platform.ts';
import { twinJson } from '../twins/twin-json.ts';
import type { TwinChange } from '../twins/twin-rows.ts';
import { actorOf, authorize, forCaller } from './authorize.ts';
import { bodyObject, ifMatch, objectField, pathId } from './request-fields.ts';

export const TWIN_PATHS = ['/twins/:deviceId', '/twins/:deviceId/modules/:moduleId'];

export function twinRoutes(platform: HubPlatform): Router {
  const router = Router();
  router.get(TWIN_PATHS, authorize('readTwin'), async (request, response) => {
    const { deviceId, moduleId } = twinIds(request);
    await answerTwin(platform, request, response, await platform.twins.require(deviceId, moduleId));
  });
  router.patch(TWIN_PATHS, authorize('writeTwin'), async (request, response) => {
    const { tags, desired } = readSections(bodyObject(request));
    await change(platform, request, response, { ...(tags ? { tags } : {}), ...(desired ? { desired } : {}) });
  });
  router.put(TWIN_PATHS, authorize('writeTwin'), async (request, response) => {
    const { tags, desired } = readSections(bodyObject(request));
    const isModule = request.params.moduleId !== undefined;
    await change(platform, request, response, {
      ...(isModule && !tags ? {} : { tagsInstead: tags ?? {} }),
      desiredInstead: desired ?? {},
    });
  });
  return router;
}

export function twinIds(request: Request): { deviceId: string; moduleId?: string } {
  const deviceId = pathId(request, 'deviceId');
  return request.params.moduleId === undefined ? { deviceId } : { deviceId, moduleId: pathId(request, 'moduleId') };
}

async function change(platform: HubPlatform, request: Request, response: Response, wanted: TwinChange): Promise<void> {
  const { deviceId, moduleId } = twinIds(request);
  await answerTwin(
    platform,
    request,
    response,
    await platform.twins.change(deviceId, moduleId, wanted, ifMatch(request) ?? '*', actorOf(request)),
  );
}

/** Whole twins may be sent back: what only the service writes is left out, and so are the reported properties. */
export function readSections(body: JsonObject): { tags?: JsonObject; desired?: JsonObject } {
  const tags = objectField(body, 'tags');
  const properties = objectField(body, 'properties');
  const desired = properties && objectField(properties, 'desired');
  return {
    ...(tags ? { tags: withoutReadOnly(tags) } : {}),
    ...(desired ? { desired: withoutReadOnly(desired) } : {}),
  };
}

function withoutReadOnly(section: JsonObject): JsonObject {
  const { $version: _version, $metadata: _metadata, ...rest } = section;
  return rest;
}

async function answerTwin(platform: HubPlatform, request: Request, response: Response, twin: Twin): Promise<void> {
  const { deviceId, moduleId } = twin;
  const identity =
    moduleId === undefined
      ? await platform.registry.getDevice(deviceId)
      : await platform.registry.getModule(deviceId, moduleId);
  // Deleted between the two reads.
  if (!identity) throw refusal('CLOUD_DEVICE_NOT_FOUND', `No device "${deviceId}" in the registry`);
  response.setHeader('ETag', `"${twin.etag}"`);
  const waiting = moduleId === undefined ? await platform.c2d.countWaiting([deviceId]) : undefined;
  response.json(forCaller(request)(twinJson(twin, identity, waiting?.get(deviceId)) as unknown as JsonObject));
}
