// /configurations: deployments and settings at scale, as azure-iothub and az call them (cloud.md 2.6).

import { type Response, Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { configurationJson } from '../deployments/configuration-json.ts';
import { CONFIGURATIONS_MAX, type CountedConfiguration, testQueries } from '../deployments/configurations.ts';
import { actorOf, authorize } from './authorize.ts';
import { requireSameId } from './device-routes.ts';
import { bodyObject, ifMatch, objectField, pathId, wholeNumber } from './request-fields.ts';

export function configurationRoutes({ configurations }: HubPlatform): Router {
  const router = Router();
  router.get('/configurations', authorize('readConfiguration'), async (request, response) => {
    const bounds = { min: 1, max: CONFIGURATIONS_MAX, fallback: CONFIGURATIONS_MAX };
    const list = await configurations.list(wholeNumber('top', request.query.top, bounds));
    response.json(list.map(configurationJson));
  });
  router.post('/configurations/testQueries', authorize('readConfiguration'), (request, response) => {
    const body = bodyObject(request);
    response.json(testQueries(body.targetCondition ?? null, objectField(body, 'customMetricQueries') ?? {}));
  });
  router.get('/configurations/:id', authorize('readConfiguration'), async (request, response) => {
    answer(response, await configurations.get(pathId(request, 'id')));
  });
  router.put('/configurations/:id', authorize('deploy'), async (request, response) => {
    const id = pathId(request, 'id');
    const body = bodyObject(request);
    requireSameId('id', body.id, id);
    const match = ifMatch(request);
    // Without If-Match the call creates, whatever etag the body names; with it, it changes what must be there.
    answer(
      response,
      match === undefined
        ? await configurations.create(id, body, actorOf(request))
        : await configurations.update(id, body, match, actorOf(request)),
    );
  });
  // The Node SDK sends no If-Match here.
  router.delete('/configurations/:id', authorize('deploy'), async (request, response) => {
    await configurations.remove(pathId(request, 'id'), ifMatch(request) ?? '*', actorOf(request));
    response.status(204).end();
  });
  return router;
}

function answer(response: Response, counted: CountedConfiguration): void {
  response.setHeader('ETag', `"${counted.configuration.etag}"`);
  response.json(configurationJson(counted));
}
