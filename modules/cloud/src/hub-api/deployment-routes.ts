// POST /devices/{d}/applyConfigurationContent: a manifest for one device (cloud.md 2.6).

import { readEnvelope } from '@wayside/protocol';
import { Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { actorOf, authorize } from './authorize.ts';
import { bodyObject, pathId } from './request-fields.ts';

export function deploymentRoutes(platform: HubPlatform): Router {
  const router = Router();
  router.post('/devices/:deviceId/applyConfigurationContent', authorize('deploy'), async (request, response) => {
    const body = bodyObject(request);
    const envelope = readEnvelope(body);
    if ('problems' in envelope) {
      if (body.deviceContent || body.moduleContent) {
        throw refusal(
          'CLOUD_NOT_IMPLEMENTED',
          'This hub applies modulesContent to a device, not deviceContent or moduleContent',
        );
      }
      throw refusal(
        'CLOUD_MANIFEST_INVALID',
        `Cannot deploy the manifest: ${envelope.problems.map((p) => `${p.path}: ${p.message}`).join(', ')}`,
        { problems: envelope.problems.map((p) => ({ path: p.path, message: p.message })) },
      );
    }
    await platform.applyContent(pathId(request, 'deviceId'), envelope.modulesContent, actorOf(request));
    response.status(204).end();
  });
  return router;
}
