// Routes that need no login: health, CA, description of the API, registration of a node, login itself.

import { isEdgeError } from '@wayside/kit';
import type { ProvisionRequest } from '@wayside/protocol';
import { requireOwnOrigin } from '../people/access.ts';
import { PASSWORD_CHARACTERS_MAX } from '../people/password.ts';
import { cookieToken, csrfTokenOf, endedSessionCookie, sessionCookie } from '../people/session-cookie.ts';
import { openApiDocument } from './openapi.ts';
import type { ApiParts } from './parts.ts';
import { type Answer, type Call, json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

/** Strangers may send this much. */
const OPEN_BODY_BYTES_MAX = 16 * 1024;
/** base64 of 32 bytes. */
const NONCE_PATTERN = '^[A-Za-z0-9+/]{43}=$';

const shortText = (max: number): Schema => ({ type: 'string', minLength: 1, maxLength: max });

const LOGIN: Schema = {
  type: 'object',
  properties: {
    username: shortText(100),
    password: shortText(PASSWORD_CHARACTERS_MAX),
    cookie: {
      type: 'boolean',
      default: false,
      description:
        'true: the session comes as an HttpOnly cookie, and the answer holds the CSRF token in place of the token.',
    },
  },
  required: ['username', 'password'],
  additionalProperties: false,
};

const PROVISION: Schema = {
  type: 'object',
  properties: {
    customerId: shortText(100),
    cacheNodeId: shortText(100),
    customerKey: shortText(100),
    registrationKey: shortText(200),
    nonce: { type: 'string', pattern: NONCE_PATTERN },
    hostname: { type: 'string', maxLength: 253 },
    version: { type: 'string', maxLength: 100 },
  },
  required: ['customerId', 'cacheNodeId', 'customerKey', 'registrationKey', 'nonce', 'hostname', 'version'],
  // A newer daemon may say more about itself.
  additionalProperties: true,
};

export function openRoutes(parts: ApiParts, allRoutes: () => readonly Route[]): Route[] {
  return [
    {
      method: 'get',
      path: '/healthz',
      right: 'none',
      summary: 'Is the cloud able to work?',
      success: { status: 200, description: 'It serves requests and reads its store.', schema: ref('Health') },
      handle: async () => {
        await parts.db.selectFrom('cloud_setting').select('name').limit(1).execute();
        return json({ status: 'ok', version: parts.version });
      },
    },
    {
      method: 'get',
      path: '/openapi.json',
      right: 'none',
      summary: 'This document',
      success: { status: 200, description: 'OpenAPI 3.1 description of the API.', schema: { type: 'object' } },
      handle: async () => json(openApiDocument(allRoutes(), parts.version)),
    },
    {
      method: 'get',
      path: '/ca.pem',
      right: 'none',
      summary: 'The CA of this cloud',
      success: { status: 200, description: 'PEM certificate.', contentType: 'application/x-pem-file' },
      handle: async () => ({ text: parts.caCertificate }),
    },
    {
      method: 'post',
      path: '/provision',
      right: 'none',
      summary: 'Turns a registration key into a device identity; the same key with the same nonce gets the same answer',
      body: { schema: PROVISION, checkedBy: 'schema', bytesMax: OPEN_BODY_BYTES_MAX },
      success: { status: 200, description: 'Identity and endpoints of the node.', schema: ref('ProvisionAnswer') },
      refusals: [403, 429],
      handle: async ({ body, source }) => {
        const answer = await parts.registration.provision(body as ProvisionRequest, source);
        void parts.watch.wake(answer.deviceId);
        return json(answer);
      },
    },
    {
      method: 'post',
      path: '/sessions',
      right: 'none',
      summary: 'Log in, for a bearer token or a cookie',
      body: { schema: LOGIN, checkedBy: 'schema', bytesMax: OPEN_BODY_BYTES_MAX },
      success: {
        status: 200,
        description: 'Bearer token, or CSRF token of the cookie session.',
        schema: ref('Session'),
      },
      refusals: [401, 403, 429],
      handle: (call) => logIn(parts, call),
    },
    {
      method: 'delete',
      path: '/sessions/current',
      right: 'read',
      reach: 'own',
      summary: 'Log out: the token of this request ends',
      success: { status: 204, description: 'Logged out.' },
      handle: async ({ token }) => {
        if (token) await parts.people.logout(token);
        return { empty: true, setCookie: endedSessionCookie() };
      },
    },
    {
      method: 'get',
      path: '/connection-strings',
      right: 'admin',
      summary: 'Connection strings of the shared access policies, for azure-iothub and az iot',
      success: { status: 200, description: 'By policy. Secrets.', schema: ref('ConnectionStrings') },
      handle: async () => json(parts.platform.connectionStrings()),
    },
  ];
}

async function logIn({ people, audit, clock }: ApiParts, call: Call): Promise<Answer> {
  const { username, password, cookie } = call.body as { username: string; password: string; cookie: boolean };
  if (cookie) requireOwnOrigin(call);
  const entry = {
    actor: username,
    credential: 'password',
    address: call.source,
    action: 'login',
    object: `users/${username}`,
  };
  const agent = String(call.headers['user-agent'] ?? '');
  const { token, expiresAtMs } = await people.login(username, password, call.source, agent).catch(async (error) => {
    // A login that a limit refuses is not written: who guesses would fill the log.
    const isWrong = isEdgeError(error) && error.code === 'CLOUD_LOGIN_FAILED';
    if (isWrong) await audit.record({ ...entry, outcome: 'refused', status: 401, changes: [] });
    throw error;
  });
  await audit.record({ ...entry, outcome: 'done', status: 200, changes: [] });
  const expiresAtUtc = new Date(expiresAtMs).toISOString();
  if (!cookie) return json({ token, expiresAtUtc });
  // A session that the browser brought along may be somebody else's plant: the new one takes its place, and it ends.
  const former = cookieToken(call.headers);
  if (former !== undefined) await people.logout(former);
  const answer = { csrfToken: csrfTokenOf(token), expiresAtUtc };
  return { ...json(answer), setCookie: sessionCookie(token, expiresAtMs - clock.nowMs()) };
}
