// Cloud-to-device messages over HTTPS (cloud.md 2.8, 2.9): a device fetches, completes, gives back and rejects; a back end sends and purges.

import express, { type Request, type Response, Router } from 'express';
import { LOCK_SECS_MAX, LOCK_SECS_MIN } from '../c2d/c2d.ts';
import { C2D_BYTES_MAX } from '../c2d/c2d-message.ts';
import type { LockedMessage } from '../c2d/c2d-rows.ts';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import type { Principal } from '../identity/sas-authenticator.ts';
import { authorize } from './authorize.ts';
import { APP_HEADER_PREFIX, readMessageHeaders, SYSTEM_HEADERS } from './message-headers.ts';
import { headerText, pathId, wholeNumber } from './request-fields.ts';

const INBOX = '/devices/:deviceId/messages/devicebound';
const TO = /^\/devices\/([^/]+)\/messages\/devicebound$/i;

function isReceiver(self: Principal & { kind: 'identity' }, request: Request): boolean {
  return self.deviceId === request.params.deviceId && self.moduleId === undefined;
}

export function c2dRoutes({ c2d, registry }: HubPlatform): Router {
  const router = Router();
  const requireDevice = async (request: Request) => {
    const deviceId = pathId(request, 'deviceId');
    if (await registry.getDevice(deviceId)) return deviceId;
    throw refusal('CLOUD_DEVICE_NOT_FOUND', `No device "${deviceId}" in the registry`);
  };
  router.get(INBOX, authorize('actAsDevice', isReceiver), async (request, response) => {
    const lock = headerText(request, 'iothub-messagelocktimeout');
    const lockSecs =
      lock === undefined
        ? undefined
        : wholeNumber('IotHub-MessageLockTimeout', lock, { min: LOCK_SECS_MIN, max: LOCK_SECS_MAX, fallback: 0 });
    const message = await c2d.receive(await requireDevice(request), lockSecs);
    if (message) answerMessage(response, message);
    else response.status(204).end();
  });
  router.delete(`${INBOX}/:lockToken`, authorize('actAsDevice', isReceiver), async (request, response) => {
    const how = 'reject' in request.query ? 'reject' : 'complete';
    await c2d.settle(await requireDevice(request), pathId(request, 'lockToken'), how);
    response.status(204).end();
  });
  router.post(`${INBOX}/:lockToken/abandon`, authorize('actAsDevice', isReceiver), async (request, response) => {
    await c2d.settle(await requireDevice(request), pathId(request, 'lockToken'), 'abandon');
    response.status(204).end();
  });
  router.delete('/devices/:deviceId/commands', authorize('writeTwin'), async (request, response) => {
    const deviceId = await requireDevice(request);
    response.json({ deviceId, moduleId: null, totalMessagesPurged: await c2d.purge(deviceId) });
  });
  const readBody = express.raw({ type: () => true, limit: C2D_BYTES_MAX });
  router.post('/messages/devicebound', authorize('sendToDevice'), readBody, async (request, response) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const deviceId = addressee(headerText(request, 'iothub-to'));
    const { sequence } = await c2d.send({ deviceId, properties: readMessageHeaders(request.rawHeaders), body });
    response.setHeader('iothub-sequencenumber', String(sequence));
    response.status(204).end();
  });
  return router;
}

function addressee(to: string | undefined): string {
  const encoded = to === undefined ? undefined : TO.exec(to)?.[1];
  try {
    if (encoded !== undefined) return decodeURIComponent(encoded);
  } catch {
    // Falls through: no id has such a form.
  }
  throw refusal(
    'CLOUD_C2D_INVALID',
    `Cannot send a message: iothub-to is ${JSON.stringify(to ?? null)}, wanted /devices/{id}/messages/devicebound`,
  );
}

function answerMessage(response: Response, message: LockedMessage): void {
  const { properties } = message;
  response.setHeader('ETag', `"${message.lockToken}"`);
  response.setHeader('iothub-sequencenumber', String(message.sequence));
  response.setHeader('iothub-enqueuedtime', new Date(message.enqueuedAtMs).toISOString());
  response.setHeader('iothub-expiry', new Date(message.expiresAtMs).toISOString());
  response.setHeader('iothub-deliverycount', String(message.deliveryCount));
  response.setHeader('iothub-ack', message.ack);
  for (const [header, name] of Object.entries(SYSTEM_HEADERS)) setText(response, header, properties.system[name]);
  for (const [name, value] of Object.entries(properties.app)) setText(response, `${APP_HEADER_PREFIX}${name}`, value);
  const { contentType = 'application/octet-stream' } = properties.system;
  setText(response, 'Content-Type', contentType);
  response.status(200).end(Buffer.from(message.body));
}

// A property may hold what no header can: it is left out rather than the message with it.
function setText(response: Response, name: string, value: string | undefined): void {
  if (value === undefined || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value) || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name))
    return;
  response.setHeader(name, value);
}
