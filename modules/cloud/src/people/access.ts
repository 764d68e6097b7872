// Who calls, and may they: the one place that answers it, for /api/v1, the portal and the IoT Hub face.
//
// A login is one session with one token. It comes as `Authorization: Bearer TOKEN`, or as the cookie of a browser. How a page uses it:
//   sign in   people.login(..), then response.append('set-cookie', sessionCookie(token, lifetimeMs)) of session-cookie.ts after requireOwnOrigin(request);
//             or POST /api/v1/sessions with `cookie: true`, which does both and answers `csrfToken` in place of the token
//   each page const caller = await access.callerOf(request)   // CLOUD_SESSION_INVALID: send to the sign-in page
//             requireRight(caller, 'read', 'see the fleet')   // CLOUD_RIGHT_MISSING
//   forms     a hidden field CSRF_FIELD with caller.csrfToken; parse the form body (express.urlencoded with a limit) before callerOf
//   scripts   the header CSRF_HEADER with the same value, e.g. from <meta name="csrf-token">; then all of /api/v1 works with the cookie
//   sign out  DELETE /api/v1/sessions/current, or people.logout(caller.token) and endedSessionCookie()

import { refusal } from '../errors.ts';
import type { People } from './people.ts';
import { mayDo, type Person, type Right } from './roles.ts';
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

/** What is read of a request; express's fits. */
export interface AccessRequest {
  method: string;
  headers: { readonly [name: string]: string | string[] | undefined };
  /** A parsed form, where one was sent. */
  body?: unknown;
}

/** A caller that proved who it is. */
export interface Caller {
  person: Person;
  /** Secret. */
  token: string;
  /** What it came with. */
  credential: 'bearer' | 'cookie';
  /** For pages and scripts of a cookie session, '' otherwise. */
  csrfToken: string;
}

export class Access {
  private readonly people: Pick<People, 'personOf'>;

  constructor(people: Pick<People, 'personOf'>) {
    this.people = people;
  }

  /** CLOUD_SESSION_INVALID; CLOUD_CSRF_REFUSED for a change by cookie that another site may have sent. A bearer token goes before a cookie. */
  async callerOf(request: AccessRequest): Promise<Caller> {
    const bearer = bearerToken(request);
    const cookie = request.headers.authorization === undefined ? cookieToken(request.headers) : undefined;
    const token = bearer ?? cookie;
    if (token === undefined) throw invalid('no bearer token or session cookie was sent');
    const person = await this.people.personOf(token);
    if (!person) throw invalid('the session is unknown or expired');
    if (bearer !== undefined) return { person, token, credential: 'bearer', csrfToken: '' };
    refuseForgery(request, token);
    return { person, token, credential: 'cookie', csrfToken: csrfTokenOf(token) };
  }
}

/** CLOUD_RIGHT_MISSING. `what` completes "Cannot ..". */
export function requireRight(caller: Caller, right: Right, what: string): void {
  const { person } = caller;
  if (mayDo(person, right)) return;
  throw refusal(
    'CLOUD_RIGHT_MISSING',
    `Cannot ${what}: ${person.username} is ${person.role}, wanted the right "${right}"`,
  );
}

/** For a login that sets a cookie: another site must not sign a browser in. CLOUD_CSRF_REFUSED. */
export function requireOwnOrigin(request: AccessRequest): void {
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
