// Who calls, and may they: proves the Authorization header once, then each route names the call it makes (identity/rights.ts).

import type { Request, RequestHandler } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { type Call, mayCall } from '../identity/rights.ts';
import { type Principal, resourceCoversPath } from '../identity/sas-authenticator.ts';
import type { Actor } from '../platform.ts';

const principals = new WeakMap<Request, Principal>();

/** Runs before any body is read: a stranger makes us buffer nothing. */
export function authenticateRequests(platform: HubPlatform): RequestHandler {
  return (request, _response, next) => {
    const header = request.headers.authorization;
    if (header === undefined) {
      next(refusal('CLOUD_UNAUTHORIZED', 'Cannot authenticate: the request has no Authorization header'));
      return;
    }
    platform.authenticator.authenticate(header).then(({ principal }) => {
      principals.set(request, principal);
      next();
    }, next);
  };
}

/** Lets policies with the right pass. `identity` says whether this device or module may make the call in its own name. */
export function authorize(
  call: Call,
  identity?: (principal: Principal & { kind: 'identity' }, request: Request) => boolean,
): RequestHandler {
  return (request, _response, next) => {
    const principal = principals.get(request);
    next(principal && isAllowed(principal, call, request, identity) ? undefined : forbidden(principal, call, request));
  };
}

/** How the timeline names the caller. */
export function actorOf(request: Request): Actor {
  const principal = principals.get(request);
  if (principal === undefined) return '';
  if (principal.kind === 'policy') return `policy:${principal.policy}`;
  return `identity:${[principal.deviceId, principal.moduleId].filter((id) => id !== undefined).join('/')}`;
}

function isAllowed(
  principal: Principal,
  call: Call,
  request: Request,
  identity?: (principal: Principal & { kind: 'identity' }, request: Request) => boolean,
): boolean {
  if (principal.kind === 'identity') return identity?.(principal, request) ?? false;
  return mayCall(principal.policy, call) && resourceCoversPath(principal.resource, decodePath(request.path));
}

function forbidden(principal: Principal | undefined, call: Call, request: Request): Error {
  const who = principal?.kind === 'policy' ? `policy "${principal.policy}"` : 'this identity';
  return refusal('CLOUD_FORBIDDEN', `Cannot serve ${request.method} ${request.path}: ${who} may not "${call}" here`);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
