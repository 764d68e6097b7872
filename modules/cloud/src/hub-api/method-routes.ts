// POST /twins/{d}[/modules/{m}]/methods: direct methods (cloud.md 2.5).

import type { Json } from '@wayside/protocol';
import { Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import type { MethodRequest } from '../platform.ts';
import { authorize } from './authorize.ts';
import { bodyObject } from './request-fields.ts';
import { TWIN_PATHS, twinIds } from './twin-routes.ts';

export function methodRoutes(platform: HubPlatform): Router {
  const router = Router();
  const paths = TWIN_PATHS.map((path) => `${path}/methods`);
  router.post(paths, authorize('invokeMethod'), async (request, response) => {
    const { deviceId, moduleId } = twinIds(request);
    response.json(await platform.invokeMethod(deviceId, moduleId, readCall(bodyObject(request))));
  });
  return router;
}

// The values are checked where the call is made, for callers of every kind.
function readCall(body: { [name: string]: Json }): MethodRequest {
  const { methodName, payload, responseTimeoutInSeconds, connectTimeoutInSeconds } = body;
  return {
    methodName: methodName as string,
    ...(payload === undefined ? {} : { payload }),
    ...(responseTimeoutInSeconds == null ? {} : { responseTimeoutSecs: responseTimeoutInSeconds as number }),
    ...(connectTimeoutInSeconds == null ? {} : { connectTimeoutSecs: connectTimeoutInSeconds as number }),
  };
}
