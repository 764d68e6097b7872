// POST /devices/{d}[/modules/{m}]/messages/events: telemetry over HTTPS, in the sender's own name (cloud.md 2.9).

import type { MessageProperties } from '@wayside/protocol';
import express, { type Request, Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import type { Principal } from '../identity/sas-authenticator.ts';
import { MESSAGE_BYTES_MAX } from '../telemetry/telemetry-intake.ts';
import { authorize } from './authorize.ts';
import { readMessageHeaders } from './message-headers.ts';
import { twinIds } from './twin-routes.ts';

const PATHS = ['/devices/:deviceId/messages/events', '/devices/:deviceId/modules/:moduleId/messages/events'];
function isSender(self: Principal & { kind: 'identity' }, request: Request): boolean {
  return self.deviceId === request.params.deviceId && self.moduleId === request.params.moduleId;
}

export function messageRoutes({ intake }: HubPlatform): Router {
  const router = Router();
  const readBody = express.raw({ type: () => true, limit: MESSAGE_BYTES_MAX });
  router.post(PATHS, authorize('actAsDevice', isSender), readBody, async (request, response) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    await intake.add({ ...twinIds(request), properties: withoutAddress(readMessageHeaders(request.rawHeaders)), body });
    response.status(204).end();
  });
  return router;
}

// `iothub-to` names the hub's own endpoint; the rest of it a device may not set.
function withoutAddress({ system, app }: MessageProperties): MessageProperties {
  const { to: _to, ack: _ack, expiryTimeUtc: _expiry, ...own } = system;
  return { system: own, app };
}
