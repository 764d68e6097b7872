// Routes of a person about themselves: who am I, password, sessions, API tokens.

import { refusal } from '../errors.ts';
import { requireSession } from '../people/access.ts';
import type { ApiToken } from '../people/api-tokens.ts';
import { rightsOf } from '../people/roles.ts';
import type { Scope } from '../people/scope.ts';
import type { Session } from '../people/sessions.ts';
import { callerFields } from './audited-call.ts';
import type { ApiParts } from './parts.ts';
import { PASSWORD_CHANGE, TOKEN_CREATE } from './people-schemas.ts';
import { type Call, json, type Route } from './route.ts';
import { ref } from './schemas.ts';

const BODY_BYTES_MAX = 64 * 1024;
const DAY_MS = 86_400_000;

export function ownRoutes(parts: ApiParts): Route[] {
  return [meRoute(), passwordRoute(parts), ...sessionRoutes(parts), ...tokenRoutes(parts)];
}

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** Things of a user belong to who logged in; neither a token nor a policy is a user. */
export function ownerOf(call: Call, what: string) {
  if (!call.caller) throw new Error('A route with a right was called by nobody');
  requireSession(call.caller, what);
  return call.caller;
}

function meRoute(): Route {
  return {
    ...{ method: 'get', path: '/me', right: 'read', reach: 'own', summary: 'Who am I, and what may I do?' },
    success: { status: 200, description: 'The caller.', schema: ref('Me') },
    handle: async ({ caller }) => {
      const { username, role, scopes } = caller!.person;
      const credential = callerFields(caller!).credential.replace(/:.*$/, '');
      return json({ username, role, scopes, rights: rightsOf(role), credential });
    },
  };
}

function passwordRoute({ people }: ApiParts): Route {
  return {
    ...{
      method: 'put',
      path: '/me/password',
      right: 'read',
      reach: 'own',
      summary: 'Change the own password; ends the other sessions',
    },
    body: { schema: PASSWORD_CHANGE, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
    success: { status: 204, description: 'Changed.' },
    refusals: [429],
    audit: { object: (call) => `users/${call.person?.username}`, leaveOut: 'body' },
    handle: async (call) => {
      const { person, token } = ownerOf(call, 'change a password');
      const { currentPassword, newPassword } = call.body as { currentPassword: string; newPassword: string };
      const o = { current: currentPassword, wanted: newPassword, keep: token, address: call.source };
      await people.changePassword(person.username, o);
      return { empty: true };
    },
  };
}

function sessionRoutes({ people }: ApiParts): Route[] {
  return [
    {
      ...{
        method: 'get',
        path: '/me/sessions',
        right: 'read',
        reach: 'own',
        summary: 'Own open sessions, the newest first',
      },
      success: { status: 200, description: 'Sessions.', schema: ref('LoginSessionList') },
      handle: async (call) => {
        const { person, token } = ownerOf(call, 'list sessions');
        return json({ sessions: (await people.sessions.list(person.username, token)).map(sessionAnswer) });
      },
    },
    {
      ...{ method: 'delete', path: '/me/sessions/{id}', right: 'read', reach: 'own', summary: 'End an own session' },
      success: { status: 204, description: 'Ended.' },
      refusals: [404],
      handle: async (call) => {
        const { person } = ownerOf(call, 'end a session');
        const id = call.params.id ?? '';
        if (!(await people.sessions.end(person.username, id))) {
          throw refusal('CLOUD_TOKEN_NOT_FOUND', `There is no session ${JSON.stringify(id)}`);
        }
        return { empty: true };
      },
    },
  ];
}

function tokenRoutes({ people }: ApiParts): Route[] {
  return [
    {
      ...{ method: 'get', path: '/me/tokens', right: 'read', reach: 'own', summary: 'Own API tokens, by name' },
      success: { status: 200, description: 'Tokens, without their secrets.', schema: ref('ApiTokenList') },
      handle: async (call) => {
        const { person } = ownerOf(call, 'list API tokens');
        return json({ tokens: (await people.tokens.list(person.username)).map(tokenAnswer) });
      },
    },
    {
      ...{ method: 'post', path: '/me/tokens', right: 'read', reach: 'own' },
      summary: "Make an API token with a role and scope within the caller's own",
      body: { schema: TOKEN_CREATE, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
      success: { status: 201, description: 'With the token, shown this once.', schema: ref('NewApiToken') },
      refusals: [409],
      handle: async (call) => {
        const { person } = ownerOf(call, 'make an API token');
        const body = call.body as { name: string; role: string; scope?: Scope; expiresInDays: number };
        const { name, role, scope = person.scopes[0] ?? {} } = body;
        const lifetimeMs = body.expiresInDays * DAY_MS;
        const { token, secret } = await people.tokens.create({ name, role, scope, lifetimeMs }, person);
        return json({ ...tokenAnswer(token), token: secret });
      },
    },
    {
      ...{ method: 'delete', path: '/me/tokens/{id}', right: 'read', reach: 'own', summary: 'Delete an own API token' },
      success: { status: 204, description: 'Deleted.' },
      refusals: [404],
      handle: async (call) => {
        const { person } = ownerOf(call, 'delete an API token');
        await people.tokens.remove(person.username, call.params.id ?? '');
        return { empty: true };
      },
    },
  ];
}

export function sessionAnswer(session: Session & { current: boolean }) {
  const { createdAtMs, lastUsedAtMs, expiresAtMs, ...rest } = session;
  const times = { createdAtUtc: isoTime(createdAtMs), lastUsedAtUtc: isoTime(lastUsedAtMs) };
  return { ...rest, ...times, expiresAtUtc: isoTime(expiresAtMs) };
}

export function tokenAnswer({ createdAtMs, expiresAtMs, lastUsedAtMs, ...rest }: ApiToken) {
  return {
    ...{ ...rest, createdAtUtc: isoTime(createdAtMs), expiresAtUtc: isoTime(expiresAtMs) },
    lastUsedAtUtc: lastUsedAtMs === null ? null : isoTime(lastUsedAtMs),
  };
}
