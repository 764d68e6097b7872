// /devices/{d}/modules: module identities, for back ends and for the edge device itself (cloud.md 2.3, 2.9).

import { type Request, type Response, Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { parseIdentityInput } from '../identity/identity-input.ts';
import { moduleJson } from '../identity/identity-json.ts';
import type { Principal } from '../identity/sas-authenticator.ts';
import type { ModuleIdentity } from '../platform.ts';
import { authorize } from './authorize.ts';
import { requireSameId } from './device-routes.ts';
import { bodyObject, ifMatch, pathId, requireIfMatch } from './request-fields.ts';

const PATH = '/devices/:deviceId/modules/:moduleId';

/** A device keeps its own modules: the edge runtime registers their keys with the device's credentials. */
function isOwnDevice(self: Principal & { kind: 'identity' }, request: Request): boolean {
  return self.moduleId === undefined && self.deviceId === request.params.deviceId;
}

export function moduleRoutes({ registry }: HubPlatform): Router {
  const router = Router();
  router.get('/devices/:deviceId/modules', authorize('readIdentity', isOwnDevice), async (request, response) => {
    response.json((await registry.listModules(pathId(request, 'deviceId'))).map(moduleJson));
  });
  router.get(PATH, authorize('readIdentity', isOwnDevice), async (request, response) => {
    const { deviceId, moduleId } = ids(request);
    const module = await registry.getModule(deviceId, moduleId);
    if (module) return answerModule(response, module);
    await registry.listModules(deviceId);
    throw refusal('CLOUD_MODULE_NOT_FOUND', `No module "${moduleId}" on device "${deviceId}"`);
  });
  router.put(PATH, authorize('writeIdentity', isOwnDevice), async (request, response) => {
    const { deviceId, moduleId } = ids(request);
    const body = bodyObject(request);
    requireSameId('deviceId', body.deviceId, deviceId);
    requireSameId('moduleId', body.moduleId, moduleId);
    const input = parseIdentityInput(body);
    const match = ifMatch(request);
    // 200 for both: the original identity service takes 201 for a failure.
    answerModule(
      response,
      match === undefined
        ? await registry.createModule(deviceId, moduleId, input)
        : await registry.updateModule(deviceId, moduleId, input, match),
    );
  });
  router.delete(PATH, authorize('writeIdentity', isOwnDevice), async (request, response) => {
    const { deviceId, moduleId } = ids(request);
    await registry.deleteModule(deviceId, moduleId, requireIfMatch(request));
    response.status(204).end();
  });
  return router;
}

function ids(request: Request): { deviceId: string; moduleId: string } {
  return { deviceId: pathId(request, 'deviceId'), moduleId: pathId(request, 'moduleId') };
}

function answerModule(response: Response, module: ModuleIdentity): void {
  response.setHeader('ETag', `"${module.etag}"`);
  response.json(moduleJson(module));
}
