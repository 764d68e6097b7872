// Routes of deployments at scale: the configurations of the IoT Hub face in the words of this API, with progress by node and a dry run.

import type { JsonObject } from '@wayside/protocol';
import { isLayerContent } from '../deployments/check-content.ts';
import type { CountedConfiguration } from '../deployments/configurations.ts';
import { DRY_RUN_DEVICES_MAX } from '../deployments/dry-run.ts';
import { refusal } from '../errors.ts';
import { DEPLOYMENT_CHANGE, DEPLOYMENT_CREATE, DRY_RUN_REQUEST } from './deployment-schemas.ts';
import { actorOf, MANIFEST_BYTES_MAX } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { type Call, json, type Route } from './route.ts';
import { ref } from './schemas.ts';

const NODES_PAGE_MAX = 1_000;
const NODES_PAGE_DEFAULT = 100;

export function deploymentRoutes(parts: ApiParts): Route[] {
  return [...readRoutes(parts), ...changeRoutes(parts), dryRunRoute(parts)];
}

function readRoutes({ configurations, deployments }: ApiParts): Route[] {
  return [
    {
      method: 'get',
      path: '/deployments',
      right: 'read',
      summary: 'All deployments at scale, by id, with their progress',
      success: { status: 200, description: 'Deployments.', schema: ref('FleetDeploymentList') },
      handle: async () => json({ deployments: (await configurations.list()).map(toAnswer) }),
    },
    {
      method: 'get',
      path: '/deployments/{id}',
      right: 'read',
      summary: 'One deployment at scale with its progress',
      success: { status: 200, description: 'The deployment.', schema: ref('FleetDeployment') },
      refusals: [404],
      handle: async (call) => json(toAnswer(await configurations.get(idOf(call)))),
    },
    {
      method: 'get',
      path: '/deployments/{id}/content',
      right: 'deploy',
      summary: 'What it deploys; it may hold registry passwords',
      success: { status: 200, description: 'The content.', schema: ref('FleetDeploymentContent') },
      refusals: [404],
      handle: async (call) => {
        const { configuration } = await configurations.get(idOf(call));
        return json({ content: { [configuration.kind]: configuration.content } });
      },
    },
    {
      method: 'get',
      path: '/deployments/{id}/nodes',
      right: 'read',
      summary: 'The nodes it targets, and how far each is',
      query: {
        status: { enum: ['Targeted', 'Applied'] },
        outcome: { enum: ['successful', 'failed'] },
        after: { type: 'string', maxLength: 128, default: '' },
        limit: { type: 'integer', minimum: 1, maximum: NODES_PAGE_MAX, default: NODES_PAGE_DEFAULT },
      },
      success: { status: 200, description: 'A page, by name.', schema: ref('FleetDeploymentNodes') },
      refusals: [404],
      handle: async (call) => {
        const { configuration } = await configurations.get(idOf(call));
        const page = call.query as unknown as Parameters<typeof deployments.targets>[1];
        const rows = await deployments.targets(configuration.id, page);
        const names = new Set(rows.map(({ deviceId }) => deviceId));
        return json({
          nodes: rows.map(({ deviceId, moduleId, status, outcome, problem }) => ({
            ...{ name: deviceId, module: moduleId, status, outcome, problem },
          })),
          next: names.size < page.limit ? null : (rows.at(-1)?.deviceId ?? null),
        });
      },
    },
  ];
}

function changeRoutes({ configurations }: ApiParts): Route[] {
  return [
    {
      method: 'post',
      path: '/deployments',
      right: 'deploy',
      summary:
        'Deploy to all nodes that a condition holds for: a base deployment, a layer, or settings of devices or modules',
      body: { schema: DEPLOYMENT_CREATE, checkedBy: 'schema', bytesMax: MANIFEST_BYTES_MAX },
      success: { status: 201, description: 'The deployment.', schema: ref('FleetDeployment') },
      refusals: [409],
      handle: async (call) => {
        const { id, ...body } = call.body as { id: string } & JsonObject;
        return json(toAnswer(await configurations.create(id, body, actorOf(call))));
      },
    },
    {
      method: 'patch',
      path: '/deployments/{id}',
      right: 'deploy',
      summary: 'Change condition, priority, labels or metrics; the content never changes',
      body: { schema: DEPLOYMENT_CHANGE, checkedBy: 'schema', bytesMax: MANIFEST_BYTES_MAX },
      success: { status: 200, description: 'The deployment afterwards.', schema: ref('FleetDeployment') },
      refusals: [404, 412],
      handle: async (call) => {
        const { etag, ...body } = call.body as JsonObject;
        const ifMatch = typeof etag === 'string' ? etag : '*';
        return json(toAnswer(await configurations.update(idOf(call), body, ifMatch, actorOf(call))));
      },
    },
    {
      method: 'delete',
      path: '/deployments/{id}',
      right: 'deploy',
      summary:
        'Delete it: its nodes get the next lower deployment; without one they keep their modules and lose its settings',
      success: { status: 204, description: 'Deleted.' },
      refusals: [404],
      handle: async (call) => {
        await configurations.remove(idOf(call), '*', actorOf(call));
        return { empty: true };
      },
    },
  ];
}

function dryRunRoute({ deployments }: ApiParts): Route {
  return {
    method: 'post',
    path: '/deployments/dry-run',
    right: 'deploy',
    audit: { leaveOut: 'call' },
    summary: 'Which nodes a deployment, or the deletion of one, would change, and how; nothing is changed',
    body: { schema: DRY_RUN_REQUEST, checkedBy: 'schema', bytesMax: MANIFEST_BYTES_MAX },
    success: {
      status: 200,
      description: `Totals, and the first ${DRY_RUN_DEVICES_MAX} nodes that would change.`,
      schema: ref('DryRun'),
    },
    refusals: [404],
    handle: async (call) => {
      const { forecasts, ...totals } = await deployments.dryRun(dryRunRequest(call.body as JsonObject));
      return json({
        ...totals,
        nodes: forecasts.map(({ deviceId, ...forecast }) => ({ name: deviceId, ...forecast })),
      });
    },
  };
}

function dryRunRequest({ deployment, remove }: JsonObject) {
  if (typeof remove === 'string') {
    if (deployment === undefined) return { remove };
    throw refusal(
      'CLOUD_REQUEST_INVALID',
      'Cannot use the request: it holds deployment and remove, wanted one of them',
    );
  }
  if (deployment === undefined) return {};
  const { id, ...body } = deployment as JsonObject;
  return { put: { id: typeof id === 'string' ? id : '', body } };
}

function toAnswer({ configuration, counts }: CountedConfiguration) {
  const { id, etag, kind, content, targetCondition, priority, labels } = configuration;
  return {
    ...{ id, etag, kind, isLayer: kind === 'modulesContent' && isLayerContent(content) },
    ...{ targetCondition, priority, labels },
    metrics: { queries: configuration.metricQueries, results: configuration.metricResults },
    createdAtUtc: new Date(configuration.createdAtMs).toISOString(),
    createdBy: configuration.createdBy,
    updatedAtUtc: new Date(configuration.updatedAtMs).toISOString(),
    updatedBy: configuration.updatedBy,
    progress: counts,
  };
}

function idOf(call: Call): string {
  return call.params.id ?? '';
}
