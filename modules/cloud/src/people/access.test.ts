import { describe, expect, test } from '@jest/globals';
import { ClientAddresses } from '../steering/client-address.ts';
import { Access, type AccessRequest, requireOwnOrigin, requireRight } from './access.ts';
import type { Person } from './roles.ts';
import { CSRF_FIELD, CSRF_HEADER, csrfTokenOf, SESSION_COOKIE, sessionCookie } from './session-cookie.ts';

const TOKEN = 'a-session-token';
const ANN: Person = { username: 'ann', role: 'operator', scopes: ['all'] };
const access = new Access({
  people: { personOf: async (token) => (token === TOKEN ? ANN : undefined) },
  db: undefined as never,
  addresses: new ClientAddresses(['127.0.0.1/32']),
  authenticator: { authenticate: async () => Promise.reject(new Error('no signature is good')) },
});

function aRequest(method: string, headers: AccessRequest['headers'], body?: unknown): AccessRequest {
  return { method, headers: { host: 'cloud.example:8443', ...headers }, body };
}

const cookie = `theme=dark; ${SESSION_COOKIE}=${TOKEN}`;
const csrf = csrfTokenOf(TOKEN);

describe('Access.callerOf()', () => {
  test('takes a bearer token for every method', async () => {
    const caller = await access.callerOf(aRequest('DELETE', { authorization: `Bearer ${TOKEN}` }));
    expect(caller).toMatchObject({
      person: ANN,
      token: TOKEN,
      credential: 'bearer',
      csrfToken: '',
    });
  });

  test('takes a cookie for reading, and hands out the CSRF token', async () => {
    const caller = await access.callerOf(aRequest('GET', { cookie, 'sec-fetch-site': 'none' }));
    expect([caller.person.username, caller.csrfToken]).toEqual(['ann', csrf]);
    expect(csrf).not.toContain(TOKEN);
  });

  test.each<[string, AccessRequest['headers'], unknown]>([
    ['header', { 'sec-fetch-site': 'same-origin', [CSRF_HEADER]: csrf }, undefined],
    ['form field', { 'sec-fetch-site': 'same-origin' }, { [CSRF_FIELD]: csrf }],
    ['Origin of an older browser', { origin: 'https://cloud.example:8443', [CSRF_HEADER]: csrf }, undefined],
  ])('takes a change by cookie with the token of the session: %s', async (_name, headers, body) => {
    expect((await access.callerOf(aRequest('POST', { cookie, ...headers }, body))).credential).toBe('cookie');
  });

  test.each<[string, AccessRequest['headers'], unknown]>([
    ['another site', { 'sec-fetch-site': 'cross-site', [CSRF_HEADER]: csrf }, undefined],
    ['another host of the domain', { 'sec-fetch-site': 'same-site', [CSRF_HEADER]: csrf }, undefined],
    ['a foreign Origin', { origin: 'https://cloud.example', [CSRF_HEADER]: csrf }, undefined],
    ['plain http', { origin: 'http://cloud.example:8443', [CSRF_HEADER]: csrf }, undefined],
    ['no word of the origin', { [CSRF_HEADER]: csrf }, undefined],
    ['no CSRF token', { 'sec-fetch-site': 'same-origin' }, undefined],
    ['CSRF token of another session', { 'sec-fetch-site': 'same-origin', [CSRF_HEADER]: csrfTokenOf('b') }, undefined],
    ['CSRF token that is no text', { 'sec-fetch-site': 'same-origin' }, { [CSRF_FIELD]: [csrf] }],
  ])('refuses a change by cookie from %s', async (_name, headers, body) => {
    const refused = access.callerOf(aRequest('POST', { cookie, ...headers }, body));
    await expect(refused).rejects.toMatchObject({ code: 'CLOUD_CSRF_REFUSED' });
  });

  test.each<[string, AccessRequest['headers']]>([
    ['nothing', {}],
    ['an unknown bearer token', { authorization: 'Bearer b' }],
    ['a bearer header that cannot be read, beside a good cookie', { authorization: 'Bearer', cookie }],
    ['an unknown cookie', { cookie: `${SESSION_COOKIE}=b` }],
    ['two cookies of the name', { cookie: `${cookie}; ${SESSION_COOKIE}=b` }],
    ['a cookie without the prefix', { cookie: `wayside-session=${TOKEN}` }],
  ])('refuses %s', async (_name, headers) => {
    await expect(access.callerOf(aRequest('GET', headers))).rejects.toMatchObject({ code: 'CLOUD_SESSION_INVALID' });
  });
});

test('requireRight() names the right that is missing', async () => {
  const caller = await access.callerOf(aRequest('GET', { cookie }));
  requireRight(caller, 'operate', 'restart');
  expect(() => requireRight(caller, 'deploy', 'deploy')).toThrow(
    'Cannot deploy: ann is operator, wanted the right "deploy"',
  );
});

test('requireOwnOrigin() lets no other site sign a browser in', () => {
  requireOwnOrigin(aRequest('POST', { 'sec-fetch-site': 'same-origin' }));
  expect(() => requireOwnOrigin(aRequest('POST', { 'sec-fetch-site': 'cross-site' }))).toThrow();
});

test('sessionCookie() keeps scripts, plain http and other sites away', () => {
  expect(sessionCookie('t', 60_500)).toBe(
    '__Host-wayside-session=t; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax',
  );
});
