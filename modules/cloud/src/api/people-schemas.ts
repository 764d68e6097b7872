// JSON Schemas of users, invitations, sessions, API tokens and the audit log.

import { PASSWORD_CHARACTERS_MAX } from '../people/password.ts';
import { PASSWORD_CHARACTERS_MIN, USERNAME_PATTERN } from '../people/password-rules.ts';
import { ROLES } from '../people/roles.ts';
import { SCOPE_SCHEMA } from '../people/scope.ts';
import type { Schema } from './route.ts';

/** Longest life of an invitation and of an API token. */
const INVITATION_HOURS_MAX = 30 * 24;
const INVITATION_HOURS_DEFAULT = 72;
const TOKEN_DAYS_MAX = 365;
const TOKEN_DAYS_DEFAULT = 90;

const text: Schema = { type: 'string' };
const time: Schema = { type: 'string', format: 'date-time' };
const timeOrNull: Schema = { type: ['string', 'null'], format: 'date-time' };
const role: Schema = { enum: ROLES };
const username: Schema = { type: 'string', pattern: USERNAME_PATTERN };
const password: Schema = { type: 'string', minLength: 1, maxLength: PASSWORD_CHARACTERS_MAX };
const newPassword: Schema = { type: 'string', minLength: PASSWORD_CHARACTERS_MIN, maxLength: PASSWORD_CHARACTERS_MAX };

function object(properties: { [name: string]: Schema }, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

function listOf(name: string, schema: string): Schema {
  return object({ [name]: { type: 'array', items: { $ref: `#/components/schemas/${schema}` } } });
}

export const USER_CHANGE = object({ role, scope: SCOPE_SCHEMA, isDisabled: { type: 'boolean' } }, [
  'role',
  'scope',
  'isDisabled',
]);

const invitationHours: Schema = {
  type: 'integer',
  minimum: 1,
  maximum: INVITATION_HOURS_MAX,
  default: INVITATION_HOURS_DEFAULT,
};

export const INVITATION_CREATE = object(
  { username, role, scope: { ...SCOPE_SCHEMA, default: 'all' }, expiresInHours: invitationHours },
  ['username', 'scope', 'expiresInHours'],
);

export const PASSWORD_RESET = object({ expiresInHours: invitationHours }, ['expiresInHours']);

export const INVITATION_ACCEPT = object(
  { token: { type: 'string', maxLength: 200 }, username, password: newPassword },
  ['username'],
);

export const PASSWORD_CHANGE = object({ currentPassword: password, newPassword });

export const TOKEN_CREATE = object(
  {
    name: { type: 'string', minLength: 1, maxLength: 100 },
    role,
    scope: { ...SCOPE_SCHEMA, description: `${SCOPE_SCHEMA.description} Default: that of the caller.` },
    expiresInDays: { type: 'integer', minimum: 1, maximum: TOKEN_DAYS_MAX, default: TOKEN_DAYS_DEFAULT },
  },
  ['scope', 'expiresInDays'],
);

const CHANGE = object({ path: text, before: {}, after: {} }, ['before', 'after']);

const TOKEN_FIELDS = {
  ...{ id: text, username: text, name: text, role, scope: SCOPE_SCHEMA, createdAtUtc: time, expiresAtUtc: time },
  ...{ lastUsedAtUtc: timeOrNull, lastAddress: text },
};

const INVITATION_FIELDS = {
  ...{ id: text, username: { type: ['string', 'null'] }, isReset: { type: 'boolean' }, role, scope: SCOPE_SCHEMA },
  ...{ invitedBy: text, createdAtUtc: time, expiresAtUtc: time, usedAtUtc: timeOrNull },
};

export const PEOPLE_SCHEMAS = {
  User: object({
    ...{ username: text, role, scope: SCOPE_SCHEMA, isDisabled: { type: 'boolean' }, invitedBy: text },
    ...{ createdAtUtc: time, passwordChangedAtUtc: time },
  }),
  UserList: listOf('users', 'User'),
  Me: object({
    ...{ username: text, role, scopes: { type: 'array', items: SCOPE_SCHEMA } },
    rights: { type: 'array', items: { enum: ['read', 'operate', 'deploy', 'admin'] } },
    credential: { enum: ['session', 'token', 'policy'] },
  }),
  Invitation: object(INVITATION_FIELDS),
  InvitationList: listOf('invitations', 'Invitation'),
  NewInvitation: object({ ...INVITATION_FIELDS, token: text, link: text }),
  LoginSession: object({
    ...{ id: text, current: { type: 'boolean' }, address: text, agent: text },
    ...{ createdAtUtc: time, lastUsedAtUtc: time, expiresAtUtc: time },
  }),
  LoginSessionList: listOf('sessions', 'LoginSession'),
  ApiToken: object(TOKEN_FIELDS),
  ApiTokenList: listOf('tokens', 'ApiToken'),
  NewApiToken: object({ ...TOKEN_FIELDS, token: text }),
  SavedView: object({ name: text, q: text, state: text, where: text, order: text, savedAtUtc: time }),
  SavedViewList: listOf('views', 'SavedView'),
  AuditEntry: object({
    ...{
      seq: { type: 'integer' },
      atUtc: time,
      actor: text,
      credential: text,
      address: text,
      action: text,
      object: text,
    },
    ...{ outcome: { enum: ['done', 'refused', 'failed'] }, status: { type: 'integer' } },
    changes: { type: 'array', items: CHANGE },
  }),
  AuditPage: object({
    entries: { type: 'array', items: { $ref: '#/components/schemas/AuditEntry' } },
    next: { type: ['integer', 'null'], description: '`before` of the following page.' },
  }),
} satisfies { [name: string]: Schema };
