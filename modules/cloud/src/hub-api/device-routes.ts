// /devices and /devices/{d}: the device registry (cloud.md 2.2).

import type { Response } from 'express';
import { Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { parseIdentityInput } from '../identity/identity-input.ts';
import { deviceJson } from '../identity/identity-json.ts';
import type { DeviceIdentity } from '../platform.ts';
import { authorize } from './authorize.ts';
import { bodyObject, ifMatch, pathId, requireIfMatch, wholeNumber } from './request-fields.ts';

/** Devices in one GET /devices. */
const LIST_TOP_MAX = 1_000;

export function deviceRoutes({ registry, c2d }: HubPlatform): Router {
  const router = Router();
  router.get('/devices', authorize('readIdentity'), async (request, response) => {
    const top = wholeNumber('top', request.query.top, { min: 1, max: LIST_TOP_MAX, fallback: LIST_TOP_MAX });
    const devices = await registry.listDevices(top);
    const waiting = await c2d.countWaiting(devices.map((device) => device.deviceId));
    response.json(devices.map((device) => deviceJson(device, waiting.get(device.deviceId))));
  });
  router.get(
    '/devices/:deviceId',
    authorize(
      'readIdentity',
      (self, request) => self.moduleId === undefined && self.deviceId === request.params.deviceId,
    ),
    async (request, response) => {
      const deviceId = pathId(request, 'deviceId');
      const device = await registry.getDevice(deviceId);
      if (!device) throw refusal('CLOUD_DEVICE_NOT_FOUND', `No device "${deviceId}" in the registry`);
      const waiting = await c2d.countWaiting([deviceId]);
      answerDevice(response, device, waiting.get(deviceId));
    },
  );
  router.put('/devices/:deviceId', authorize('writeIdentity'), async (request, response) => {
    const deviceId = pathId(request, 'deviceId');
    const body = bodyObject(request);
    requireSameId('deviceId', body.deviceId, deviceId);
    const input = parseIdentityInput(body);
    const match = ifMatch(request);
    // Without If-Match the call creates; with it, it changes what must be there.
    answerDevice(
      response,
      match === undefined
        ? await registry.createDevice(deviceId, input)
        : await registry.updateDevice(deviceId, input, match),
    );
  });
  router.delete('/devices/:deviceId', authorize('writeIdentity'), async (request, response) => {
    await registry.deleteDevice(pathId(request, 'deviceId'), requireIfMatch(request));
    response.status(204).end();
  });
  router.get('/statistics/devices', authorize('readStatistics'), async (_request, response) => {
    const { total, enabled } = await registry.countDevices();
    response.json({ totalDeviceCount: total, enabledDeviceCount: enabled, disabledDeviceCount: total - enabled });
  });
  router.get('/statistics/service', authorize('readStatistics'), async (_request, response) => {
    response.json({ connectedDeviceCount: (await registry.countDevices()).connected });
  });
  return router;
}

/** The id stands in the path; a body that names another one is a mix-up. */
export function requireSameId(name: string, inBody: unknown, inPath: string): void {
  if (inBody === undefined || inBody === null || inBody === inPath) return;
  throw refusal(
    'CLOUD_ARGUMENT_INVALID',
    `Cannot use ${name}: the body names ${JSON.stringify(inBody)}, the path "${inPath}"`,
  );
}

function answerDevice(response: Response, device: DeviceIdentity, waitingMessages?: number): void {
  response.setHeader('ETag', `"${device.etag}"`);
  response.json(deviceJson(device, waitingMessages));
}
