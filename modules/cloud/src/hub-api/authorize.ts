// Who calls, and may they: proves the Authorization header once, then each route names the call it makes (identity/rights.ts).
// Signatures are judged by their policy; bearer tokens of people by the same roles and scopes as on /api/v1 (people/access.ts).

import type { Json } from '@wayside/protocol';
import type { Request, RequestHandler, Response } from 'express';
import type { AuditLog } from '../audit/audit-log.ts';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { type Call, mayCall } from '../identity/rights.ts';
import { type Principal, resourceCoversPath } from '../identity/sas-authenticator.ts';
import { type Access, bearerToken, type Caller } from '../people/access.ts';
import type { Reach } from '../people/node-reach.ts';
import { isChange, rightForCall } from '../people/policy-role.ts';
import { mayDo } from '../people/roles.ts';
import { isAll } from '../people/scope.ts';
import type { Actor } from '../platform.ts';
import { withholdSecrets } from '../secrets/withhold-secrets.ts';
import { auditAnswer } from './audited-request.ts';

/** What the host program knows of people; without it only signatures are taken, and nothing is logged. */
export interface HubGuard {
  access: Pick<Access, 'callerOf' | 'reachOf' | 'addressOf'>;
  audit: Pick<AuditLog, 'record'>;
}

type Identity = Principal & { kind: 'identity' };
type HubCaller = Principal | { kind: 'person'; caller: Caller; reach: Reach };

interface Authenticated {
  caller: HubCaller;
  platform: HubPlatform;
  guard: HubGuard | undefined;
}

const authenticated = new WeakMap<Request, Authenticated>();

/** Runs before any body is read: a stranger makes us buffer nothing. */
export function authenticateRequests(platform: HubPlatform, guard?: HubGuard): RequestHandler {
  return async (request, _response, next) => {
    const header = request.headers.authorization;
    if (header === undefined) {
      throw refusal('CLOUD_UNAUTHORIZED', 'Cannot authenticate: the request has no Authorization header');
    }
    const caller: HubCaller =
      guard && bearerToken(request) !== undefined
        ? await personOf(guard, request)
        : (await platform.authenticator.authenticate(header)).principal;
    authenticated.set(request, { caller, platform, guard });
    next();
  };
}

/** Lets policies and people with the right pass. `identity` says whether this device or module may make the call in its own name. */
export function authorize(call: Call, identity?: (principal: Identity, request: Request) => boolean): RequestHandler {
  return Object.assign(
    async (request: Request, response: Response, next: () => void) => {
      const known = authenticated.get(request);
      if (!known || !isAllowed(known.caller, call, request, identity)) throw forbidden(known?.caller, call, request);
      const { guard, platform } = known;
      if (guard && isChange(call)) {
        const who = { ...callerFields(known.caller), address: guard.access.addressOf(request) };
        await auditAnswer({ request, response, platform, audit: guard.audit, call, who });
      }
      next();
    },
    // So that a test can see which call stands before each route.
    { call },
  );
}

/** How the timeline names the caller. */
export function actorOf(request: Request): Actor {
  const known = authenticated.get(request);
  return known ? callerFields(known.caller).actor : '';
}

/**
 * A document for the caller: people who may not deploy see no secrets in it. Policies and identities get it whole, because IoT Hub's
 * clients are owed twins as they are (an edge module reads its passwords in its own twin).
 */
export function forCaller(request: Request): <T extends Json>(document: T) => T {
  const caller = authenticated.get(request)?.caller;
  if (caller?.kind === 'person' && !mayDo(caller.caller.person, 'deploy')) return withholdSecrets;
  return (document) => document;
}

async function personOf(guard: HubGuard, request: Request): Promise<HubCaller> {
  const caller = await guard.access.callerOf(request).catch((error: unknown) => {
    throw refusal('CLOUD_UNAUTHORIZED', error instanceof Error ? error.message : 'Cannot authenticate');
  });
  return { kind: 'person', caller, reach: await guard.access.reachOf(caller) };
}

function isAllowed(
  caller: HubCaller,
  call: Call,
  request: Request,
  identity?: (principal: Identity, request: Request) => boolean,
): boolean {
  if (caller.kind === 'identity') return identity?.(caller, request) ?? false;
  if (caller.kind === 'policy') {
    return mayCall(caller.policy, call) && resourceCoversPath(caller.resource, decodePath(request.path));
  }
  const right = rightForCall(call);
  if (right === 'nobody' || !mayDo(caller.caller.person, right)) return false;
  const { deviceId } = request.params;
  // A call that names no device may concern any.
  return typeof deviceId === 'string' ? caller.reach(deviceId) : caller.caller.person.scopes.every(isAll);
}

function callerFields(caller: HubCaller): { actor: Actor; credential: string } {
  if (caller.kind === 'policy') return { actor: `policy:${caller.policy}`, credential: 'policy' };
  if (caller.kind === 'person') {
    const { person, credential, credentialId } = caller.caller;
    return { actor: person.username, credential: credential === 'token' ? `token:${credentialId}` : 'session' };
  }
  const id = [caller.deviceId, caller.moduleId].filter((part) => part !== undefined).join('/');
  return { actor: `identity:${id}`, credential: 'identity' };
}

/** Says nothing about whether the device is there: out of scope and unknown look the same. */
function forbidden(caller: HubCaller | undefined, call: Call, request: Request): Error {
  const who =
    caller?.kind === 'policy' ? `policy "${caller.policy}"` : caller?.kind === 'person' ? 'this user' : 'this identity';
  return refusal('CLOUD_FORBIDDEN', `Cannot serve ${request.method} ${request.path}: ${who} may not "${call}" here`);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
