// Routes of administrators: users, their sessions and tokens, invitations. Whoever has a scope sees and changes those within it.

import type { Invitation } from '../people/invitations.ts';
import type { Person } from '../people/roles.ts';
import type { Scope } from '../people/scope.ts';
import type { User, UserChange } from '../people/users.ts';
import { isoTime, sessionAnswer, tokenAnswer } from './own-routes.ts';
import type { ApiParts } from './parts.ts';
import { INVITATION_ACCEPT, INVITATION_CREATE, PASSWORD_RESET, USER_CHANGE } from './people-schemas.ts';
import { type Call, json, type Route } from './route.ts';
import { ref } from './schemas.ts';

const BODY_BYTES_MAX = 64 * 1024;
/** Strangers may send this much. */
const OPEN_BODY_BYTES_MAX = 16 * 1024;
const HOUR_MS = 3_600_000;

export function userRoutes(parts: ApiParts): Route[] {
  return [
    ...listRoutes(parts),
    ...changeRoutes(parts),
    ...ofUserRoutes(parts),
    ...invitationRoutes(parts),
    acceptRoute(parts),
  ];
}

/** On routes with a right there is always one. */
export function personOf(call: Call): Person {
  if (!call.person) throw new Error('A route with a right was called by nobody');
  return call.person;
}

function nameOf(call: Call): string {
  return call.params.username ?? '';
}

function listRoutes({ people }: ApiParts): Route[] {
  return [
    {
      ...{ method: 'get', path: '/users', right: 'admin', reach: 'filtered', summary: 'Users, by name' },
      success: { status: 200, description: 'Those with no more than the caller has.', schema: ref('UserList') },
      handle: async (call) => json({ users: (await people.users.list(personOf(call))).map(userAnswer) }),
    },
    {
      ...{ method: 'get', path: '/users/{username}', right: 'admin', reach: 'filtered', summary: 'One user' },
      success: { status: 200, description: 'The user.', schema: ref('User') },
      refusals: [404],
      handle: async (call) => json(userAnswer(await people.users.get(nameOf(call), personOf(call)))),
    },
  ];
}

function changeRoutes({ people }: ApiParts): Route[] {
  return [
    {
      ...{ method: 'patch', path: '/users/{username}', right: 'admin', reach: 'filtered' },
      summary: 'Change role and scope, disable (which ends all sessions) or enable a user',
      body: { schema: USER_CHANGE, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
      success: { status: 200, description: 'The user afterwards.', schema: ref('User') },
      refusals: [404, 409],
      handle: async (call) =>
        json(userAnswer(await people.users.change(nameOf(call), call.body as UserChange, personOf(call)))),
    },
    {
      ...{ method: 'delete', path: '/users/{username}', right: 'admin', reach: 'filtered' },
      summary: 'Delete a user with sessions and tokens; the audit log keeps the name',
      success: { status: 204, description: 'Deleted.' },
      refusals: [404, 409],
      handle: async (call) => {
        await people.users.remove(nameOf(call), personOf(call));
        return { empty: true };
      },
    },
  ];
}

function ofUserRoutes({ people }: ApiParts): Route[] {
  const userOf = async (call: Call) => (await people.users.get(nameOf(call), personOf(call))).username;
  return [
    {
      ...{ method: 'get', path: '/users/{username}/sessions', right: 'admin', reach: 'filtered' },
      summary: 'Open sessions of a user, the newest first',
      success: { status: 200, description: 'Sessions.', schema: ref('LoginSessionList') },
      refusals: [404],
      handle: async (call) => json({ sessions: (await people.sessions.list(await userOf(call))).map(sessionAnswer) }),
    },
    {
      ...{ method: 'delete', path: '/users/{username}/sessions', right: 'admin', reach: 'filtered' },
      summary: 'End all sessions of a user',
      success: { status: 204, description: 'Ended.' },
      refusals: [404],
      handle: async (call) => {
        await people.sessions.endAll(await userOf(call));
        return { empty: true };
      },
    },
    {
      ...{ method: 'get', path: '/users/{username}/tokens', right: 'admin', reach: 'filtered' },
      summary: 'API tokens of a user, by name',
      success: { status: 200, description: 'Tokens, without their secrets.', schema: ref('ApiTokenList') },
      refusals: [404],
      handle: async (call) => json({ tokens: (await people.tokens.list(await userOf(call))).map(tokenAnswer) }),
    },
    {
      ...{ method: 'delete', path: '/users/{username}/tokens/{id}', right: 'admin', reach: 'filtered' },
      summary: 'Delete an API token of a user',
      success: { status: 204, description: 'Deleted.' },
      refusals: [404],
      handle: async (call) => {
        await people.tokens.remove(await userOf(call), call.params.id ?? '');
        return { empty: true };
      },
    },
  ];
}

function invitationRoutes(parts: ApiParts): Route[] {
  const { people } = parts;
  return [
    {
      ...{ method: 'get', path: '/invitations', right: 'admin', reach: 'filtered' },
      summary: 'Invitations of the last 30 days, the newest first',
      success: { status: 200, description: 'Without their tokens.', schema: ref('InvitationList') },
      handle: async (call) =>
        json({ invitations: (await people.invitations.list(personOf(call))).map(invitationAnswer) }),
    },
    {
      ...{ method: 'post', path: '/invitations', right: 'admin', reach: 'filtered' },
      summary: "Invite a user: a link that works once, for a role and scope within the caller's own",
      body: { schema: INVITATION_CREATE, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
      success: { status: 201, description: 'With token and link, shown this once.', schema: ref('NewInvitation') },
      refusals: [409],
      handle: async (call) => {
        const body = call.body as { username?: string; role: string; scope: Scope; expiresInHours: number };
        const { username = null, role, scope } = body;
        const lifetimeMs = body.expiresInHours * HOUR_MS;
        return json(
          newInvitation(parts, await people.invitations.invite({ username, role, scope, lifetimeMs }, personOf(call))),
        );
      },
    },
    {
      ...{ method: 'post', path: '/users/{username}/password-reset', right: 'admin', reach: 'filtered' },
      summary: 'A link that works once and lets the user set a new password',
      body: { schema: PASSWORD_RESET, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
      success: { status: 201, description: 'With token and link, shown this once.', schema: ref('NewInvitation') },
      refusals: [404, 409],
      handle: async (call) => {
        const lifetimeMs = (call.body as { expiresInHours: number }).expiresInHours * HOUR_MS;
        return json(
          newInvitation(parts, await people.invitations.inviteToReset(nameOf(call), lifetimeMs, personOf(call))),
        );
      },
    },
    {
      ...{ method: 'delete', path: '/invitations/{id}', right: 'admin', reach: 'filtered' },
      summary: 'Withdraw an invitation',
      success: { status: 204, description: 'Withdrawn.' },
      refusals: [404],
      handle: async (call) => {
        await people.invitations.withdraw(call.params.id ?? '', personOf(call));
        return { empty: true };
      },
    },
  ];
}

function acceptRoute({ people, audit }: ApiParts): Route {
  return {
    ...{ method: 'post', path: '/invitations/accept', right: 'none' },
    summary: 'Use an invitation: choose a password, and a user name where the invitation leaves it open',
    body: { schema: INVITATION_ACCEPT, checkedBy: 'schema', bytesMax: OPEN_BODY_BYTES_MAX },
    success: { status: 201, description: 'The user; log in with it.', schema: ref('AcceptedInvitation') },
    refusals: [403, 409, 429],
    handle: async (call) => {
      const body = call.body as { token: string; username?: string; password: string };
      const { username, role, scope, isReset, invitedBy } = await people.invitations.accept(body, call.source);
      await audit.record({
        ...{ actor: username ?? '', credential: 'invitation', address: call.source, object: `users/${username}` },
        ...{ action: isReset ? 'password.reset' : 'user.join', outcome: 'done', status: 201 },
        changes: isReset
          ? []
          : [
              { path: 'role', after: role },
              { path: 'invitedBy', after: invitedBy },
            ],
      });
      return json({ username, role, scope });
    },
  };
}

function userAnswer(user: User) {
  const { createdAtMs, passwordChangedAtMs, ...rest } = user;
  return {
    ...rest,
    createdAtUtc: isoTime(createdAtMs),
    passwordChangedAtUtc: isoTime(passwordChangedAtMs || createdAtMs),
  };
}

function invitationAnswer({ createdAtMs, expiresAtMs, usedAtMs, ...rest }: Invitation) {
  return {
    ...{ ...rest, createdAtUtc: isoTime(createdAtMs), expiresAtUtc: isoTime(expiresAtMs) },
    usedAtUtc: usedAtMs === null ? null : isoTime(usedAtMs),
  };
}

function newInvitation({ cloudUrl }: ApiParts, { invitation, token }: { invitation: Invitation; token: string }) {
  // Behind `#`: it reaches no server log and no Referer.
  return { ...invitationAnswer(invitation), token, link: `${cloudUrl}/portal/join#${token}` };
}
