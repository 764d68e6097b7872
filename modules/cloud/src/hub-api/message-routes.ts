// POST /devices/{d}[/modules/{m}]/messages/events: telemetry over HTTPS, in the sender's own name (cloud.md 2.9).

import type { MessageProperties } from '@wayside/protocol';
import express, { type Request, Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import type { Principal } from '../identity/sas-authenticator.ts';
import { MESSAGE_BYTES_MAX } from '../telemetry/telemetry-intake.ts';
import { authorize } from './authorize.ts';
import { twinIds } from './twin-routes.ts';

const PATHS = ['/devices/:deviceId/messages/events', '/devices/:deviceId/modules/:moduleId/messages/events'];
const APP_PREFIX = 'iothub-app-';
/** Header -> system property. */
const SYSTEM_HEADERS: { readonly [header: string]: string } = {
  'iothub-messageid': 'messageId',
  'iothub-correlationid': 'correlationId',
  'iothub-userid': 'userId',
  'iothub-contenttype': 'contentType',
  'iothub-contentencoding': 'contentEncoding',
};

function isSender(self: Principal & { kind: 'identity' }, request: Request): boolean {
  return self.deviceId === request.params.deviceId && self.moduleId === request.params.moduleId;
}

export function messageRoutes({ intake }: HubPlatform): Router {
  const router = Router();
  const readBody = express.raw({ type: () => true, limit: MESSAGE_BYTES_MAX });
  router.post(PATHS, authorize('actAsDevice', isSender), readBody, async (request, response) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    await intake.add({ ...twinIds(request), properties: readProperties(request.rawHeaders), body });
    response.status(204).end();
  });
  return router;
}

/** From the raw headers: node lowers their case, and the case of a property's name counts. */
function readProperties(rawHeaders: string[]): MessageProperties {
  const system: [string, string][] = [];
  const app: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const header = rawHeaders[at] ?? '';
    const name = header.toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    const systemName = Object.hasOwn(SYSTEM_HEADERS, name) ? SYSTEM_HEADERS[name] : undefined;
    if (systemName) system.push([systemName, value]);
    else if (name.startsWith(APP_PREFIX)) app.push([header.slice(APP_PREFIX.length), value]);
  }
  return { system: Object.fromEntries(system), app: Object.fromEntries(app) };
}
