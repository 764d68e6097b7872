// Who calls, and may they: the one place that answers it, for /api/v1, the portal and the IoT Hub face.
//
// A login is one session with one token. It comes as `Authorization: Bearer TOKEN`, or as the cookie of a browser. How a page uses it:
//   sign in   people.login(..), then response.append('set-cookie', sessionCookie(token, lifetimeMs)) of session-cookie.ts after requireOwnOrigin(request);
//             or POST /api/v1/sessions with `cookie: true`, which does both and answers `csrfToken` in place of the token
//   each page const caller = await access.callerOf(request)   // CLOUD_SESSION_INVALID: send to the sign-in page
//             requireRight(caller, 'read', 'see the fleet')   // CLOUD_RIGHT_MISSING
//             const reach = await access.reachOf(caller)      // reach(nodeName): lists leave out what it does not hold
//   forms     a hidden field CSRF_FIELD with caller.csrfToken; parse the form body (express.urlencoded with a limit) before callerOf
//   scripts   the header CSRF_HEADER with the same value, e.g. from <meta name="csrf-token">; then all of /api/v1 works with the cookie
//   sign out  DELETE /api/v1/sessions/current, or people.logout(caller.token) and endedSessionCookie()
// API tokens (`Bearer wst_..`) and signatures of shared access policies pass through here, too, and meet the same roles and rights.

import { formatIpAddress } from '../addresses/ip-address.ts';
import { refusal } from '../errors.ts';
import type { SasAuthenticator } from '../identity/sas-authenticator.ts';
import type { ClientAddresses } from '../steering/client-address.ts';
import type { Db } from '../store/tables.ts';
import { apiTokenId, isApiToken } from './api-tokens.ts';
import { type Reach, readReach } from './node-reach.ts';
import type { People } from './people.ts';
import { policyRole } from './policy-role.ts';
import { mayDo, type Person, type Right } from './roles.ts';
import { isAll } from './scope.ts';
import {
  CSRF_FIELD,
  CSRF_HEADER,
  cookieToken,
  csrfTokenOf,
  isCsrfToken,
  isFromOwnOrigin,
  isSafeMethod,
} from './session-cookie.ts';

const BEARER = /^Bearer +([A-Za-z0-9_-]{1,200})$/i;
const SIGNATURE = /^SharedAccessSignature /i;

/** What is read of a request; express's fits. */
export interface AccessRequest {
  method: string;
  headers: { readonly [name: string]: string | string[] | undefined };
  /** A parsed form, where one was sent. */
  body?: unknown;
  socket?: { remoteAddress?: string | undefined };
}

/** A caller that proved who it is. */
export interface Caller {
  person: Person;
  /** Secret. */
  token: string;
  /** What it came with. */
  credential: 'bearer' | 'cookie' | 'token' | 'policy';
  /** Id of the API token or name of the policy, '' for a session. */
  credentialId: string;
  /** For pages and scripts of a cookie session, '' otherwise. */
  csrfToken: string;
  /** Client address behind trusted proxies. */
  address: string;
}

export interface AccessParts {
  people: Pick<People, 'personOf'>;
  /** For the tags of nodes. */
  db: Db;
  addresses: ClientAddresses;
  authenticator: Pick<SasAuthenticator, 'authenticate'>;
}

export class Access {
  private readonly parts: AccessParts;

  constructor(parts: AccessParts) {
    this.parts = parts;
  }

  /** CLOUD_SESSION_INVALID; CLOUD_CSRF_REFUSED for a change by cookie that another site may have sent. A bearer token goes before a cookie. */
  async callerOf(request: AccessRequest): Promise<Caller> {
    const address = this.addressOf(request);
    const { authorization } = request.headers;
    if (typeof authorization === 'string' && SIGNATURE.test(authorization))
      return this.ofPolicy(authorization, address);
    const bearer = bearerToken(request);
    const cookie = authorization === undefined ? cookieToken(request.headers) : undefined;
    const token = bearer ?? cookie;
    if (token === undefined) throw invalid('no bearer token or session cookie was sent');
    // An API token is no session: in a cookie it is worth nothing.
    const person =
      bearer === undefined && isApiToken(token) ? undefined : await this.parts.people.personOf(token, address);
    if (!person) throw invalid('the session is unknown or expired');
    if (bearer !== undefined) {
      const credentialId = apiTokenId(bearer) ?? '';
      const credential = isApiToken(bearer) ? 'token' : 'bearer';
      return { person, token, credential, credentialId, csrfToken: '', address };
    }
    refuseForgery(request, token);
    return { person, token, credential: 'cookie', credentialId: '', csrfToken: csrfTokenOf(token), address };
  }

  /** Which nodes the caller may name. With `nodeName` the answer holds for that node, and is cheap. */
  reachOf(caller: Pick<Caller, 'person'>, nodeName?: string): Promise<Reach> {
    return readReach(this.parts.db, caller.person.scopes, nodeName);
  }

  /** Of the client behind trusted proxies; forwarded headers of anybody else are a claim. */
  addressOf(request: AccessRequest): string {
    const peer = request.socket?.remoteAddress;
    const forwarded = request.headers['x-forwarded-for'];
    const text = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
    const address = this.parts.addresses.of(peer, text);
    return address ? formatIpAddress(address) : (peer ?? 'unknown').replace(/^::ffff:/, '');
  }

  private async ofPolicy(signature: string, address: string): Promise<Caller> {
    const { principal } = await this.parts.authenticator.authenticate(signature).catch((error: unknown) => {
      throw invalid(error instanceof Error ? error.message : 'the signature cannot be read');
    });
    // A token for one device only, or of a device itself, is none for the API.
    if (principal.kind !== 'policy' || principal.resource.includes('/')) {
      throw invalid('the signature is not one of a shared access policy for the whole hub');
    }
    const { policy } = principal;
    const person: Person = { username: `policy:${policy}`, role: policyRole(policy), scopes: ['all'] };
    return { person, token: '', credential: 'policy', credentialId: policy, csrfToken: '', address };
  }
}

/** CLOUD_RIGHT_MISSING. `what` completes "Cannot ..". */
export function requireRight(caller: Pick<Caller, 'person'>, right: Right, what: string): void {
  const { person } = caller;
  if (mayDo(person, right)) return;
  throw refusal(
    'CLOUD_RIGHT_MISSING',
    `Cannot ${what}: ${person.username} is ${person.role}, wanted the right "${right}"`,
  );
}

/** For what concerns all nodes. CLOUD_SCOPE_MISSING. */
export function requireWholeFleet(caller: Pick<Caller, 'person'>, what: string): void {
  if (caller.person.scopes.every(isAll)) return;
  throw refusal('CLOUD_SCOPE_MISSING', `Cannot ${what}: it concerns all nodes, and ${caller.person.username} has some`);
}

/** The same answer as for a node that is not there. CLOUD_NODE_NOT_FOUND. */
export function requireReach(reach: Reach, nodeName: string): void {
  if (!reach(nodeName)) throw refusal('CLOUD_NODE_NOT_FOUND', `There is no cache node "${nodeName}"`);
}

/** For what a person does about themselves: passwords, tokens. CLOUD_SESSION_NEEDED. */
export function requireSession(caller: Caller, what: string): void {
  if (caller.credential === 'bearer' || caller.credential === 'cookie') return;
  throw refusal(
    'CLOUD_SESSION_NEEDED',
    `Cannot ${what} with ${caller.credential === 'token' ? 'an API token' : 'a policy'}: log in`,
  );
}

/** For a login that sets a cookie: another site must not sign a browser in. CLOUD_CSRF_REFUSED. */
export function requireOwnOrigin(request: Pick<AccessRequest, 'headers'>): void {
  if (isFromOwnOrigin(request.headers)) return;
  throw refusal('CLOUD_CSRF_REFUSED', 'Cannot take the request: it does not come from a page of this cloud');
}

export function bearerToken(request: Pick<AccessRequest, 'headers'>): string | undefined {
  const { authorization } = request.headers;
  return typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined;
}

function refuseForgery(request: AccessRequest, token: string): void {
  if (isSafeMethod(request.method)) return;
  requireOwnOrigin(request);
  const field = (request.body as { [name: string]: unknown } | null | undefined)?.[CSRF_FIELD];
  if (isCsrfToken(request.headers[CSRF_HEADER] ?? field, token)) return;
  throw refusal(
    'CLOUD_CSRF_REFUSED',
    `Cannot take the request: it comes with a session cookie and without the CSRF token of that session (header ${CSRF_HEADER} or field ${CSRF_FIELD})`,
  );
}

function invalid(why: string) {
  return refusal('CLOUD_SESSION_INVALID', `Cannot tell who calls: ${why}`);
}
