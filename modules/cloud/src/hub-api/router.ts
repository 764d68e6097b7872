// All routes of IoT Hub's service API on one express router: authenticate, read the body, serve, answer errors in IoT Hub's form.

import express, { type RequestHandler, Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { authenticateRequests, type HubGuard } from './authorize.ts';
import { requireBodyDepth } from './body-depth.ts';
import { bulkRoutes } from './bulk-routes.ts';
import { c2dRoutes } from './c2d-routes.ts';
import { configurationRoutes } from './configuration-routes.ts';
import { deploymentRoutes } from './deployment-routes.ts';
import { deviceRoutes } from './device-routes.ts';
import { answerErrors, answerUnknownPath } from './error-response.ts';
import { jobRoutes } from './job-routes.ts';
import { keyRoutes } from './key-routes.ts';
import { messageRoutes } from './message-routes.ts';
import { methodRoutes } from './method-routes.ts';
import { moduleRoutes } from './module-routes.ts';
import { queryRoutes } from './query-routes.ts';
import { scopeRoutes } from './scope-routes.ts';
import { twinRoutes } from './twin-routes.ts';

/** JSON bodies: a manifest with twenty module twins of 32 KB fits. */
const REQUEST_BYTES_MAX = 1024 * 1024;
/** Bulk import: a hundred devices with full tags and desired properties. */
const BULK_REQUEST_BYTES_MAX = 8 * 1024 * 1024;

const API_VERSION = /^\d{4}-\d{2}-\d{2}(-preview)?$/;
/** First path segments of the IoT Hub API; a host program gives other paths to other routers. */
const ROOTS = /^\/(devices|twins|configurations|statistics|jobs|digitaltwins|messages)(\/|$)/;

/** Mount it at '/': it serves the IoT Hub paths and lets all others pass. */
export function createHubRouter(platform: HubPlatform, guard?: HubGuard): Router {
  const hub = createHubRoutes(platform, guard);
  const router = Router();
  router.use((request, response, next) => (ROOTS.test(request.path) ? hub(request, response, next) : next()));
  return router;
}

/** The routes alone. */
export function createHubRoutes(platform: HubPlatform, guard?: HubGuard): Router {
  const hub = Router({ caseSensitive: true });
  hub.use(common);
  hub.use(authenticateRequests(platform, guard));
  // Before the JSON reader: its bodies are bytes.
  hub.use(messageRoutes(platform));
  hub.use(c2dRoutes(platform));
  hub.post('/devices', express.json({ limit: BULK_REQUEST_BYTES_MAX, type: () => true }));
  // strict: false, so that a scalar is answered by a message that names it.
  hub.use(express.json({ limit: REQUEST_BYTES_MAX, type: () => true, strict: false }));
  hub.use(requireBodyDepth);
  hub.use(bulkRoutes(platform));
  hub.use(keyRoutes(platform));
  hub.use(queryRoutes(platform));
  hub.use(jobRoutes(platform));
  hub.use(configurationRoutes(platform));
  hub.use(deploymentRoutes(platform));
  hub.use(scopeRoutes(platform));
  hub.use(moduleRoutes(platform));
  hub.use(deviceRoutes(platform));
  hub.use(methodRoutes(platform));
  hub.use(twinRoutes(platform));
  hub.use(answerUnknownPath);
  hub.use(answerErrors(platform.logger, () => platform.clock.nowMs()));
  return hub;
}

const common: RequestHandler = (request, response, next) => {
  const requestId = request.headers['request-id'] ?? request.headers['x-ms-client-request-id'];
  if (typeof requestId === 'string' && /^[\x21-\x7e]{1,128}$/.test(requestId)) {
    response.setHeader('x-ms-request-id', requestId);
  }
  response.setHeader('Cache-Control', 'no-store');
  const version = request.query['api-version'];
  if (version !== undefined && !(typeof version === 'string' && API_VERSION.test(version))) {
    next(
      refusal('CLOUD_ARGUMENT_INVALID', `Cannot use api-version: it is ${JSON.stringify(version)}, wanted YYYY-MM-DD`),
    );
    return;
  }
  next();
};
