// The scope calls of an edge hub, in its own name: which devices and modules it may serve (cloud.md 2.9).

import { type Request, Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { readScope, readScopeTarget, requireChain, type ScopePage } from '../identity/device-scope.ts';
import { EDGE_HUB } from '../identity/identity-id.ts';
import { deviceJson, moduleJson } from '../identity/identity-json.ts';
import type { Principal } from '../identity/sas-authenticator.ts';
import { authorize } from './authorize.ts';
import { bodyObject, pathId, wholeNumber } from './request-fields.ts';

/** Devices in one page (edgeHub asks for 100). */
const SCOPE_PAGE_MAX = 1_000;
const SCOPE_PAGE_DEFAULT = 100;
const PREFIX = '/devices/:deviceId/modules/:moduleId';

/** Only the edge hub that stands in the path, proved by its own key. */
function isThatHub(self: Principal & { kind: 'identity' }, request: Request): boolean {
  return (
    self.deviceId === request.params.deviceId && self.moduleId === request.params.moduleId && self.moduleId === EDGE_HUB
  );
}

export function scopeRoutes({ db, hostNames }: HubPlatform): Router {
  const router = Router();
  router.get(
    `${PREFIX}/devicesAndModulesInDeviceScope`,
    authorize('readIdentity', isThatHub),
    async (request, response) => {
      const deviceId = pathId(request, 'deviceId');
      const count = wholeNumber('deviceCount', request.query.deviceCount, {
        ...{ min: 1, max: SCOPE_PAGE_MAX, fallback: SCOPE_PAGE_DEFAULT },
      });
      const page = await readScope(db, deviceId, count, readContinuation(request.query.continuationToken));
      const link = page.next === undefined ? '' : nextLink(hostNames[0] ?? '', request, count, page.next);
      response.json(scopeJson(page, link));
    },
  );
  router.get(
    `${PREFIX}/deviceAndModuleInDeviceScope`,
    authorize('readIdentity', isThatHub),
    async (request, response) => {
      response.json(scopeJson(await readScopeTarget(db, pathId(request, 'deviceId'), ...targetOf(request.query)), ''));
    },
  );
  // The same for an edge hub that speaks for edge devices below it, and the form newer ones use for themselves (2020-06-30-preview).
  router.post(
    `${PREFIX}/devicesAndModulesInTargetDeviceScope`,
    authorize('readIdentity', isThatHub),
    async (request, response) => {
      const body = bodyObject(request);
      const target = await requireChain(db, pathId(request, 'deviceId'), chainOf(body));
      // 0 asks for what the hub likes.
      const asked =
        Number.isInteger(body.pageSize) && Number(body.pageSize) > 0 ? Number(body.pageSize) : SCOPE_PAGE_DEFAULT;
      const page = await readScope(
        db,
        target,
        Math.min(asked, SCOPE_PAGE_MAX),
        readContinuation(body.continuationLink),
      );
      response.json(scopeJson(page, page.next === undefined ? '' : continuationToken(page.next)));
    },
  );
  router.post(
    `${PREFIX}/getDeviceAndModuleOnBehalfOf`,
    authorize('readIdentity', isThatHub),
    async (request, response) => {
      const body = bodyObject(request);
      const target = await requireChain(db, pathId(request, 'deviceId'), chainOf(body));
      response.json(scopeJson(await readScopeTarget(db, target, ...targetOf(body)), ''));
    },
  );
  return router;
}

function targetOf({ targetDeviceId, targetModuleId }: { [name: string]: unknown }): [string, string | undefined] {
  if (typeof targetDeviceId !== 'string' || targetDeviceId === '') {
    throw refusal('CLOUD_ARGUMENT_INVALID', 'Cannot look up a device: targetDeviceId is missing');
  }
  return [targetDeviceId, typeof targetModuleId === 'string' && targetModuleId !== '' ? targetModuleId : undefined];
}

function chainOf({ authChain }: { [name: string]: unknown }): string {
  if (typeof authChain === 'string' && authChain !== '') return authChain;
  throw refusal('CLOUD_ARGUMENT_INVALID', 'Cannot look up a scope: authChain is missing');
}

// Device fields an edge hub reads, and status: it must refuse a disabled device on its own.
function scopeJson(page: ScopePage, continuationLink: string) {
  return {
    devices: page.devices.map((device) => deviceJson(device)),
    modules: page.modules.map(moduleJson),
    continuationLink,
  };
}

function nextLink(host: string, request: Request, count: number, next: string): string {
  return `https://${host}${request.path}?deviceCount=${count}&continuationToken=${continuationToken(next)}&api-version=2018-08-30-preview`;
}

function continuationToken(next: string): string {
  return Buffer.from(next).toString('base64url');
}

function readContinuation(token: unknown): string {
  return typeof token === 'string' ? Buffer.from(token, 'base64url').toString('utf8') : '';
}
