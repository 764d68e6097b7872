import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createSasToken, parseConnectionString } from '@wayside/protocol';
import got from 'got';
import { CloudUnderTest } from './cloud-under-test.ts';

jest.setTimeout(120_000);

const PASSWORD = 'correct horse battery';
const ROLES = ['viewer', 'operator', 'deployer', 'admin'];
/** Rights of each role, in the order of ROLES. */
const RIGHTS = ['read', 'operate', 'deploy', 'admin'];

const cloud = new CloudUnderTest();
const tokens: { [username: string]: string } = {};
let admin = '';

interface Described {
  method: string;
  path: string;
  right: string;
  reach: string;
}

async function invite(username: string, grant: object): Promise<void> {
  const invited = await cloud.call('POST', '/invitations', { json: { username, ...grant } });
  expect([invited.status, invited.body.link]).toEqual([201, expect.stringContaining(`#${invited.body.token}`)]);
  const json = { token: invited.body.token, password: PASSWORD };
  expect((await cloud.call('POST', '/invitations/accept', { json, token: null })).status).toBe(201);
  const session = await cloud.call('POST', '/sessions', { json: { username, password: PASSWORD }, token: null });
  tokens[username] = session.body.token;
}

async function described(): Promise<Described[]> {
  const { body } = await cloud.call('GET', '/openapi.json', { token: null });
  return Object.entries(body.paths).flatMap(([path, operations]) =>
    Object.entries(operations as { [method: string]: { 'x-right'?: string; 'x-reach'?: string } }).map(
      ([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        right: operation['x-right'] ?? 'none',
        reach: operation['x-reach'] ?? 'open',
      }),
    ),
  );
}

function plainCall(
  method: string,
  path: string,
  o: { token?: string | undefined; json?: unknown; headers?: object } = {},
) {
  return got(`${cloud.url}${path}`, {
    method: method as 'GET',
    https: { certificateAuthority: cloud.ca },
    throwHttpErrors: false,
    retry: { limit: 0 },
    followRedirect: false,
    headers: { ...(o.token === undefined ? {} : { authorization: `Bearer ${o.token}` }), ...o.headers },
    ...(o.json === undefined ? {} : { json: o.json as object }),
  });
}

async function sasToken(policy: string, resource = 'localhost'): Promise<string> {
  const strings = (await cloud.call('GET', '/connection-strings')).body;
  const { sharedAccessKey = '' } = parseConnectionString(strings[policy]);
  const expiresAtSecs = Math.floor(Date.now() / 1000) + 3600;
  return createSasToken({ resource, keyBase64: sharedAccessKey, expiresAtSecs, skn: policy });
}

beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  admin = cloud.token;
  for (const role of ROLES) await invite(`a-${role}`, { role });
  await invite('london', { role: 'deployer', scope: { prefixes: ['lon-'] } });
  await invite('tagged', { role: 'admin', scope: { tags: { region: 'eu' } } });
  for (const [index, name] of ['lon-1', 'par-1'].entries()) {
    await cloud.call('POST', '/nodes', { json: { name, ipAddress: `192.0.2.${index + 1}` } });
  }
}, 120_000);
afterAll(() => cloud.close());

describe('each role against each route', () => {
  test('a role without the right is refused before anything else is looked at', async () => {
    const routes = (await described()).filter((route) => route.right !== 'none');
    expect(routes.length).toBeGreaterThan(50);
    for (const { method, path, right } of routes) {
      const bare = path.replace(/\{\w+\}/g, 'nothing');
      for (const [index, role] of ROLES.entries()) {
        if (RIGHTS.indexOf(right) <= index) continue;
        const answer = await cloud.call(method as 'GET', bare, {
          token: tokens[`a-${role}`] ?? '',
          ...bodyFor(method),
        });
        expect([role, method, path, answer.status, answer.body.error.code]).toEqual([
          ...[role, method, path, 403, 'CLOUD_RIGHT_MISSING'],
        ]);
      }
      const open = await cloud.call(method as 'GET', bare, { token: null, ...bodyFor(method) });
      expect([method, path, open.status]).toEqual([method, path, 401]);
    }
  });

  test('a role with the right is not refused for want of it', async () => {
    for (const { method, path, right } of await described()) {
      // Streams do not end, and the session is still needed.
      if (right === 'none' || path === '/events' || path === '/sessions/current') continue;
      const role = ROLES[RIGHTS.indexOf(right)];
      const bare = `/api/v1${path.replace(/\{\w+\}/g, 'nothing')}`;
      const answer = await plainCall(method, bare, { token: tokens[`a-${role}`], ...bodyFor(method) });
      expect([method, path, answer.statusCode === 401 || answer.body.includes('RIGHT_MISSING')]).toEqual([
        method,
        path,
        false,
      ]);
    }
  });

  test('every route has a right, and one that changes something asks for more than reading, or is about oneself', async () => {
    for (const { method, path, right, reach } of await described()) {
      expect([path, ['none', ...RIGHTS].includes(right)]).toEqual([path, true]);
      if (method !== 'GET' && right === 'read') expect([path, reach]).toEqual([path, 'own']);
      if (path.startsWith('/nodes/{name}')) expect([path, reach]).toEqual([path, 'node']);
    }
  });
});

function bodyFor(method: string) {
  return method === 'GET' || method === 'DELETE' ? {} : { json: {} };
}

describe('scope', () => {
  test('lists hold what is in it', async () => {
    const names = async (token: string | undefined) =>
      (await cloud.call('GET', '/nodes', { token: token ?? '' })).body.nodes.map((node: { name: string }) => node.name);
    expect(await names(admin)).toEqual(['lon-1', 'par-1']);
    expect(await names(tokens.london)).toEqual(['lon-1']);
    expect(await names(tokens.tagged)).toEqual([]);
  });

  test('a node out of it and a node that is not there look the same, on every route', async () => {
    const told: [string, number, string][] = [];
    for (const { method, path, right, reach } of await described()) {
      if (reach !== 'node' || RIGHTS.indexOf(right) > RIGHTS.indexOf('deploy')) continue;
      const at = async (name: string) => {
        const bare = `/api/v1${path.replace('{name}', name).replace(/\{\w+\}/g, 'x')}`;
        const { statusCode, body } = await plainCall(method, bare, { token: tokens.london, ...bodyFor(method) });
        return [statusCode, body.replaceAll(name, 'NAME')];
      };
      const [hidden, missing] = [await at('par-1'), await at('par-9')];
      expect([method, path, hidden]).toEqual([method, path, missing]);
      told.push([path, hidden[0] as number, hidden[1] as string]);
    }
    expect(told.length).toBeGreaterThan(15);
    for (const [path, status, body] of told) {
      expect([path, status, JSON.parse(body).error.code]).toEqual([path, 404, 'CLOUD_NODE_NOT_FOUND']);
    }
    expect((await cloud.call('GET', '/nodes/lon-1', { token: tokens.london ?? '' })).status).toBe(200);
  });

  test('a node is made within it only', async () => {
    const token = tokens.london ?? '';
    const outside = await cloud.call('POST', '/nodes', { json: { name: 'ber-1', ipAddress: '192.0.2.7' }, token });
    expect([outside.status, outside.body.error.code]).toEqual([404, 'CLOUD_NODE_NOT_FOUND']);
    expect(
      (await cloud.call('POST', '/nodes', { json: { name: 'lon-2', ipAddress: '192.0.2.8' }, token })).status,
    ).toBe(201);
    expect((await cloud.call('DELETE', '/nodes/lon-2', { token })).status).toBe(204);
  });

  test('what concerns all nodes is refused', async () => {
    for (const path of ['/accounts', '/traffic', '/routing/prefixes']) {
      const answer = await cloud.call('GET', path, { token: tokens.london ?? '' });
      expect([path, answer.status, answer.body.error.code]).toEqual([path, 403, 'CLOUD_SCOPE_MISSING']);
    }
    const strings = await cloud.call('GET', '/connection-strings', { token: tokens.tagged ?? '' });
    expect(strings.body.error.code).toBe('CLOUD_SCOPE_MISSING');
  });

  test('tags bring a node in, from the next call on', async () => {
    const authorization = await sasToken('iothubowner');
    const patch = await plainCall('PATCH', '/twins/par-1', {
      json: { tags: { region: 'eu' } },
      headers: { authorization },
    });
    expect(patch.statusCode).toBe(200);
    const { body } = await cloud.call('GET', '/nodes', { token: tokens.tagged ?? '' });
    expect(body.nodes.map((node: { name: string }) => node.name)).toEqual(['par-1']);
    expect((await cloud.call('GET', '/nodes/lon-1', { token: tokens.tagged ?? '' })).status).toBe(404);
  });
});

describe('the IoT Hub face takes people by the same rights', () => {
  const hub = (method: string, path: string, user: string, json?: object) =>
    plainCall(method, path, { token: tokens[user], ...(json ? { json } : {}) });

  test.each([
    ['GET', '/twins/lon-1', 'a-viewer', 200],
    ['GET', '/devices/lon-1', 'a-operator', 401],
    ['GET', '/devices/lon-1', 'a-deployer', 200],
    ['PATCH', '/twins/lon-1', 'a-operator', 401],
    ['PATCH', '/twins/lon-1', 'london', 200],
    ['GET', '/twins/lon-1', 'london', 200],
    ['GET', '/twins/par-1', 'london', 401],
    ['GET', '/twins/par-9', 'london', 401],
    ['GET', '/devices', 'london', 401],
    ['POST', '/devices/query', 'london', 401],
    ['POST', '/devices/query', 'a-viewer', 200],
    ['POST', '/devices/lon-1/messages/events', 'a-admin', 401],
  ])('%s %s as %s: %i', async (method, path, user, status) => {
    const json = path.endsWith('query') ? { query: 'SELECT * FROM devices' } : {};
    expect((await hub(method, path, user, method === 'GET' ? undefined : json)).statusCode).toBe(status);
  });

  test('a policy works on /api/v1 with the rights of its role, for the whole hub only', async () => {
    const get = async (path: string, authorization: string) =>
      (await plainCall('GET', `/api/v1${path}`, { headers: { authorization } })).statusCode;
    expect(await get('/nodes', await sasToken('registryRead'))).toBe(200);
    expect(await get('/nodes/lon-1/manifest', await sasToken('service'))).toBe(403);
    expect(await get('/nodes/lon-1/manifest', await sasToken('registryReadWrite'))).toBe(200);
    expect(await get('/audit', await sasToken('iothubowner'))).toBe(200);
    expect(await get('/nodes', await sasToken('device'))).toBe(403);
    expect(await get('/nodes', await sasToken('iothubowner', 'localhost/devices/lon-1'))).toBe(401);
    expect(await get('/me/tokens', await sasToken('iothubowner'))).toBe(403);
  });
});

describe('API tokens', () => {
  const make = (json: object, token = tokens['a-deployer'] ?? '') => cloud.call('POST', '/me/tokens', { json, token });

  test('do what they were made for, and nothing after they are gone', async () => {
    const made = await make({ name: 'ci', role: 'viewer', scope: { names: ['lon-1'] } });
    expect([made.status, made.body.token]).toEqual([201, expect.stringMatching(/^wst_/)]);
    const token = made.body.token;
    expect((await cloud.call('GET', '/nodes/lon-1', { token })).status).toBe(200);
    expect((await cloud.call('GET', '/nodes/par-1', { token })).status).toBe(404);
    expect((await cloud.call('DELETE', '/nodes/lon-1', { token })).status).toBe(403);
    const owner = { token: tokens['a-deployer'] ?? '' };
    const [listed] = (await cloud.call('GET', '/me/tokens', owner)).body.tokens;
    expect(listed).toMatchObject({ name: 'ci', role: 'viewer', lastAddress: '127.0.0.1' });
    expect(JSON.stringify(listed)).not.toContain(token.slice(-20));
    expect((await cloud.call('DELETE', `/me/tokens/${listed.id}`, owner)).status).toBe(204);
    expect((await cloud.call('GET', '/nodes/lon-1', { token })).status).toBe(401);
  });

  test('give no more than their maker has, and make no further ones', async () => {
    expect((await make({ name: 'x', role: 'admin' })).body.error.code).toBe('CLOUD_GRANT_REFUSED');
    expect((await make({ name: 'x', role: 'viewer', scope: 'all' }, tokens.london)).body.error.code).toBe(
      'CLOUD_GRANT_REFUSED',
    );
    const { token } = (await make({ name: 'own', role: 'deployer' })).body;
    expect((await make({ name: 'child', role: 'viewer' }, token)).body.error.code).toBe('CLOUD_SESSION_NEEDED');
  });

  test('end with the rank of their user', async () => {
    await invite('short', { role: 'operator' });
    const { token } = (await make({ name: 'x', role: 'operator' }, tokens.short)).body;
    const logs = () => cloud.call('GET', '/nodes/lon-1/modules/MCC/logs', { token });
    expect((await logs()).status).toBe(503);
    await cloud.call('PATCH', '/users/short', { json: { role: 'viewer' } });
    expect((await logs()).status).toBe(403);
    await cloud.call('PATCH', '/users/short', { json: { isDisabled: true } });
    expect((await logs()).status).toBe(401);
    expect((await cloud.call('GET', '/me', { token: tokens.short ?? '' })).status).toBe(401);
  });

  test.each([
    'wst_',
    'wst_0000000000000000_',
    `wst_0000000000000000_${'a'.repeat(43)}`,
    'wst_%27_or_1',
    'x'.repeat(200),
  ])('that nobody made are refused: %s', async (token) => {
    expect((await cloud.call('GET', '/nodes', { token })).status).toBe(401);
  });
});

describe('cookies of browsers', () => {
  const own = { 'sec-fetch-site': 'same-origin' };
  const signIn = (headers: object = own, username = 'a-operator') =>
    plainCall('POST', '/api/v1/sessions', { json: { username, password: PASSWORD, cookie: true }, headers });
  const cookieOf = (answer: { headers: { 'set-cookie'?: string[] } }) =>
    answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';

  test('a sign-in makes a new session each time, and ends the one that was brought along', async () => {
    const first = cookieOf(await signIn());
    const second = cookieOf(await signIn({ ...own, cookie: first }));
    expect(second).not.toBe(first);
    const me = async (cookie: string) => (await plainCall('GET', '/api/v1/me', { headers: { cookie } })).statusCode;
    expect([await me(first), await me(second)]).toEqual([401, 200]);
    const planted = '__Host-wayside-session=planted-by-somebody-else';
    expect(cookieOf(await signIn({ ...own, cookie: planted }))).not.toContain('planted');
  });

  test('no other site signs in or changes anything', async () => {
    expect((await signIn({ 'sec-fetch-site': 'cross-site' })).statusCode).toBe(403);
    const answer = await signIn();
    const { csrfToken, token } = JSON.parse(answer.body);
    expect(token).toBeUndefined();
    const cookie = cookieOf(answer);
    const end = async (headers: object) =>
      (await plainCall('DELETE', '/api/v1/sessions/current', { headers: { cookie, ...headers } })).statusCode;
    expect(await end({})).toBe(403);
    expect(await end({ 'sec-fetch-site': 'cross-site', 'x-wayside-csrf': csrfToken })).toBe(403);
    expect(await end({ ...own, 'x-wayside-csrf': 'x' })).toBe(403);
    expect(await end({ ...own, 'x-wayside-csrf': csrfToken })).toBe(204);
    expect((await plainCall('GET', '/api/v1/me', { headers: { cookie } })).statusCode).toBe(401);
  });
});

describe('users and invitations', () => {
  test('an invitation works once, gives no more than its giver has, and dies with the rank of its giver', async () => {
    const token = tokens['a-admin'] ?? '';
    const made = await cloud.call('POST', '/invitations', { json: { role: 'viewer' }, token });
    const accept = (username: string) =>
      cloud.call('POST', '/invitations/accept', {
        json: { token: made.body.token, username, password: PASSWORD },
        token: null,
      });
    await cloud.call('PATCH', '/users/a-admin', { json: { role: 'viewer' } });
    expect((await accept('newcomer')).body.error.code).toBe('CLOUD_INVITATION_INVALID');
    await cloud.call('PATCH', '/users/a-admin', { json: { role: 'admin' } });
    expect((await accept('london')).body.error.code).toBe('CLOUD_USER_EXISTS');
    expect((await accept('newcomer')).status).toBe(201);
    expect((await accept('newcomer2')).body.error.code).toBe('CLOUD_INVITATION_INVALID');
    const more = await cloud.call('POST', '/invitations', {
      json: { role: 'viewer', scope: 'all' },
      token: tokens.tagged ?? '',
    });
    expect(more.body.error.code).toBe('CLOUD_GRANT_REFUSED');
  });

  test('an administrator of some nodes neither sees nor changes those who have more', async () => {
    const token = tokens.tagged ?? '';
    const users = (await cloud.call('GET', '/users', { token })).body.users;
    expect(users.map((user: { username: string }) => user.username)).toEqual(['tagged']);
    const known = await cloud.call('PATCH', '/users/a-viewer', { json: { isDisabled: true }, token });
    const unknown = await cloud.call('PATCH', '/users/nobody', { json: { isDisabled: true }, token });
    expect([known.status, known.body.error.code]).toEqual([404, 'CLOUD_USER_NOT_FOUND']);
    expect(known.body.error.message.replace('a-viewer', 'X')).toBe(unknown.body.error.message.replace('nobody', 'X'));
  });

  test('a password reset ends the sessions of the user', async () => {
    const reset = await cloud.call('POST', '/users/a-viewer/password-reset', { json: {} });
    const json = { token: reset.body.token, password: `${PASSWORD} 2` };
    expect((await cloud.call('POST', '/invitations/accept', { json, token: null })).status).toBe(201);
    expect((await cloud.call('GET', '/me', { token: tokens['a-viewer'] ?? '' })).status).toBe(401);
  });

  test('the own password is changed with the old one, and ends the other sessions', async () => {
    const log = async (password: string) =>
      (await cloud.call('POST', '/sessions', { json: { username: 'newcomer', password }, token: null })).body.token;
    const [here, there] = [await log(PASSWORD), await log(PASSWORD)];
    const change = (currentPassword: string, newPassword: string) =>
      cloud.call('PUT', '/me/password', { json: { currentPassword, newPassword }, token: here });
    expect((await change('wrong', 'another horse battery')).status).toBe(401);
    expect((await change(PASSWORD, 'aaaaaaaaaaaa')).body.error.code).toBe('CLOUD_USER_INVALID');
    expect((await change(PASSWORD, 'another horse battery')).status).toBe(204);
    const sessions = (await cloud.call('GET', '/me/sessions', { token: here })).body.sessions;
    expect(sessions).toEqual([expect.objectContaining({ current: true, address: '127.0.0.1' })]);
    expect((await cloud.call('GET', '/me', { token: there })).status).toBe(401);
    expect((await cloud.call('DELETE', `/me/sessions/${sessions[0].id}`, { token: here })).status).toBe(204);
    expect((await cloud.call('GET', '/me', { token: here })).status).toBe(401);
  });

  test('the last administrator of all nodes stays one', async () => {
    await cloud.call('PATCH', '/users/a-admin', { json: { isDisabled: true } });
    for (const json of [{ isDisabled: true }, { role: 'viewer' }, { scope: { prefixes: ['lon-'] } }]) {
      expect((await cloud.call('PATCH', '/users/admin', { json })).body.error.code).toBe('CLOUD_LAST_ADMIN');
    }
    expect((await cloud.call('DELETE', '/users/admin', {})).body.error.code).toBe('CLOUD_LAST_ADMIN');
  });

  test('a login as somebody who is not there is told the same as a wrong password', async () => {
    const said = async (username: string) => {
      const { status, body } = await cloud.call('POST', '/sessions', {
        json: { username, password: 'wrong' },
        token: null,
      });
      return [status, body.error.code, body.error.message.replaceAll(username, 'NAME')];
    };
    expect(await said('london')).toEqual(await said('nobody-here'));
    expect(await said('a-admin')).toEqual(await said('nobody-there'));
  });
});

describe('hostile input', () => {
  const HOSTILE = [
    `' or 1=1 --`,
    `"; drop table person; --`,
    '../../etc/passwd',
    '%00',
    '{{7*7}}',
    '<script>',
    '__proto__',
    'constructor',
  ];

  test.each(HOSTILE)('%s as a name finds nothing and breaks nothing', async (name) => {
    const path = encodeURIComponent(name);
    for (const at of [`/users/${path}`, `/nodes/${path}`, `/users/${path}/tokens`, `/nodes/${path}/timeline`]) {
      expect([at, (await cloud.call('GET', at)).status]).toEqual([at, 404]);
    }
    for (const filter of ['actor', 'action', 'object']) {
      const answer = await cloud.call('GET', `/audit?${filter}=${path}`);
      expect([filter, answer.status, answer.body.entries]).toEqual([filter, 200, []]);
    }
    const login = await cloud.call('POST', '/sessions', { json: { username: name, password: name }, token: null });
    expect(login.status).toBe(401);
    if (name !== 'constructor') {
      const invited = await cloud.call('POST', '/invitations', { json: { username: name, role: 'viewer' } });
      expect(invited.status).toBe(400);
    }
    expect((await cloud.call('GET', '/users')).body.users.length).toBeGreaterThan(4);
  });

  test('queries of the IoT Hub face are no SQL', async () => {
    const authorization = await sasToken('iothubowner');
    const ask = (query: string) => plainCall('POST', '/devices/query', { json: { query }, headers: { authorization } });
    for (const query of [
      `SELECT * FROM person`,
      `SELECT * FROM devices; DROP TABLE person`,
      `SELECT * FROM devices UNION SELECT * FROM policy`,
    ]) {
      expect([query, (await ask(query)).statusCode]).toEqual([query, 400]);
    }
    const injected = await ask(`SELECT * FROM devices WHERE deviceId = 'x'' OR ''1''=''1'`);
    expect([[], 400]).toContainEqual(injected.statusCode === 200 ? JSON.parse(injected.body) : injected.statusCode);
  });

  test('bodies beyond the limit are refused, of strangers at 16 KiB', async () => {
    const password = 'x'.repeat(17 * 1024);
    for (const [path, json] of [
      ['/sessions', { username: 'admin', password }],
      ['/invitations/accept', { token: 'x', password }],
    ] as const) {
      expect([path, (await cloud.call('POST', path, { json, token: null })).status]).toEqual([path, 413]);
    }
    const names = Array.from({ length: 1000 }, (_, n) => `node-${n}-${'x'.repeat(80)}`);
    const large = await cloud.call('POST', '/invitations', { json: { role: 'viewer', scope: { names } } });
    expect(large.status).toBe(413);
    const many = await cloud.call('POST', '/invitations', {
      json: { role: 'viewer', scope: { prefixes: Array(51).fill('a') } },
    });
    expect(many.status).toBe(400);
  });

  test('forwarded headers of a stranger are no address', async () => {
    await plainCall('POST', '/api/v1/sessions', {
      json: { username: 'spoofer', password: 'x' },
      headers: { 'x-forwarded-for': '203.0.113.9' },
    });
    const [entry] = (await cloud.call('GET', '/audit?actor=spoofer')).body.entries;
    expect(entry).toMatchObject({ action: 'login', outcome: 'refused', address: '127.0.0.1' });
  });
});

describe('the audit log', () => {
  const entries = async (query: string) => (await cloud.call('GET', `/audit?${query}`)).body.entries;

  test('says who changed what, from which value to which', async () => {
    await cloud.call('PATCH', '/nodes/lon-1', { json: { maxEgressMbps: 2000 }, token: tokens.london ?? '' });
    expect((await entries('object=nodes/lon-1&actor=london&limit=1'))[0]).toMatchObject({
      ...{ action: 'patchNodesName', credential: 'session', address: '127.0.0.1', outcome: 'done', status: 200 },
      changes: [{ path: 'maxEgressMbps', before: 1000, after: 2000 }],
    });
    const authorization = await sasToken('iothubowner');
    await plainCall('PATCH', '/twins/lon-1', {
      json: { tags: { site: 'x', dbPassword: 'hidden' } },
      headers: { authorization },
    });
    expect((await entries('object=twins/lon-1&limit=1'))[0]).toMatchObject({
      ...{ actor: 'policy:iothubowner', action: 'hub.writeTwin' },
      changes: [
        { path: 'tags.site', after: 'x' },
        { path: 'tags.dbPassword', after: '[secret]' },
      ],
    });
  });

  test('holds logins, refusals, and no secret', async () => {
    expect((await entries('outcome=refused&actor=a-viewer')).length).toBeGreaterThan(10);
    expect((await entries('action=login&outcome=done')).length).toBeGreaterThan(5);
    const text = JSON.stringify(await entries('limit=1000'));
    for (const secret of [PASSWORD, cloud.adminSecret, 'hidden', admin, tokens.london])
      expect(text).not.toContain(secret);
    expect(text).not.toMatch(/ws[ti]_[0-9A-Za-z_-]{20}/);
  });

  test('pages from the newest back, and filters by time', async () => {
    const first = (await cloud.call('GET', '/audit?limit=2')).body;
    const second = (await cloud.call('GET', `/audit?limit=2&before=${first.next}`)).body;
    const seqs = [...first.entries, ...second.entries].map((entry: { seq: number }) => entry.seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => b - a));
    expect(new Set(seqs).size).toBe(4);
    expect(await entries('to=1h')).toEqual([]);
    expect((await entries('from=1h')).length).toBeGreaterThan(0);
  });

  test('is for administrators of all nodes', async () => {
    expect((await cloud.call('GET', '/audit', { token: tokens.tagged ?? '' })).status).toBe(403);
  });
});
