// The session as a cookie of a browser, and the rule that keeps other sites from using it (cross-site request forgery).
//
// A request with the cookie that may change something must come from our own origin (Sec-Fetch-Site, else Origin) and carry the session's CSRF token.

import { createHmac, timingSafeEqual } from 'node:crypto';

/** `__Host-`: browsers take it over https only, for this host only, for all paths (RFC 6265bis 4.1.3.2). */
export const SESSION_COOKIE = '__Host-wayside-session';
/** Header of scripts; forms send the same value in the field CSRF_FIELD. */
export const CSRF_HEADER = 'x-wayside-csrf';
export const CSRF_FIELD = '_csrf';

const TOKEN = /^[A-Za-z0-9_-]{1,200}$/;
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD'];

type Headers = { readonly [name: string]: string | string[] | undefined };

/** Value of Set-Cookie for a session that ends after `lifetimeMs`. */
export function sessionCookie(token: string, lifetimeMs: number): string {
  return `${SESSION_COOKIE}=${token}; Path=/; Max-Age=${Math.floor(lifetimeMs / 1000)}; HttpOnly; Secure; SameSite=Lax`;
}

/** Value of Set-Cookie that makes the browser forget the session. */
export function endedSessionCookie(): string {
  return sessionCookie('', 0);
}

/** Token of the session cookie; undefined when there is none. Two of them are an injection: neither is read. */
export function cookieToken(headers: Headers): string | undefined {
  const header = headers.cookie;
  if (typeof header !== 'string') return undefined;
  const values = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${SESSION_COOKIE}=`))
    .map((pair) => pair.slice(SESSION_COOKIE.length + 1));
  const [value] = values;
  return values.length === 1 && value !== undefined && TOKEN.test(value) ? value : undefined;
}

/** Made from the session's token, so it lives as long as the session and needs no store; it does not give the session away. */
export function csrfTokenOf(sessionToken: string): string {
  return createHmac('sha256', sessionToken).update('wayside csrf').digest('base64url');
}

export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.includes(method);
}

/** Does the browser say that one of our own pages sent this? Without both headers nobody says so: false. */
export function isFromOwnOrigin(headers: Headers): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = headers;
  return (
    typeof origin === 'string' && typeof host === 'string' && origin.toLowerCase() === `https://${host}`.toLowerCase()
  );
}

/** `given` = header or form field. */
export function isCsrfToken(given: unknown, sessionToken: string): boolean {
  if (typeof given !== 'string') return false;
  const wanted = Buffer.from(csrfTokenOf(sessionToken));
  const got = Buffer.from(given);
  return got.length === wanted.length && timingSafeEqual(got, wanted);
}
