// Every page of the portal as every role, by the list of pages itself: one that is not in the table below fails. And the same pages by foreign forms.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { CSRF_FIELD } from '../src/people/session-cookie.ts';
import { pages } from '../src/portal/pages/pages.ts';
import { CloudUnderTest } from './cloud-under-test.ts';
import { OWN_ORIGIN, PortalVisitor, type Shown, visitorWithRole } from './portal-visitor.ts';

jest.setTimeout(240_000);

/** Written down by hand: a page whose right changes, or that comes without one here, is seen. */
const RIGHTS: { readonly [page: string]: string } = {
  'GET /sign-in': 'none',
  'POST /sign-in': 'none',
  'POST /sign-out': 'none',
  'POST /theme': 'none',
  'GET /join': 'none',
  'POST /join': 'none',
  'GET /': 'read',
  'GET /nodes': 'read',
  'POST /views': 'read',
  'POST /views/delete': 'read',
  'GET /nodes/new': 'deploy',
  'POST /nodes/new': 'deploy',
  'GET /nodes/:name/edit': 'deploy',
  'POST /nodes/:name/edit': 'deploy',
  'GET /nodes/:name/provision': 'deploy',
  'POST /nodes/:name/provision': 'deploy',
  'GET /nodes/:name': 'read',
  'GET /nodes/:name/logs': 'operate',
  'GET /nodes/:name/timeline': 'read',
  'GET /nodes/:name/routing': 'read',
  'GET /nodes/:name/deployment': 'deploy',
  'POST /nodes/:name/deployment': 'deploy',
  'GET /nodes/:name/deployments/:seq': 'deploy',
  'POST /nodes/:name/deployments/:seq': 'deploy',
  'POST /nodes/:name/enabled': 'deploy',
  'POST /nodes/:name/draining': 'deploy',
  'POST /nodes/:name/restart': 'operate',
  'POST /nodes/:name/update-now': 'deploy',
  'GET /nodes/:name/delete': 'deploy',
  'POST /nodes/:name/delete': 'deploy',
  'GET /deployments/new': 'deploy',
  'POST /deployments/new': 'deploy',
  'GET /deployments': 'read',
  'GET /deployments/:id': 'read',
  'GET /deployments/:id/delete': 'deploy',
  'POST /deployments/:id/delete': 'deploy',
  'GET /routing': 'read',
  'POST /routing/review': 'admin',
  'GET /people': 'admin',
  'POST /people': 'admin',
  'POST /people/:username/change': 'admin',
  'POST /people/:username/remove': 'admin',
  'POST /people/:username/reset': 'admin',
  'POST /invitations/:id/withdraw': 'admin',
  'GET /audit': 'admin',
  'GET /account': 'read',
  'POST /account/password': 'read',
  'POST /account/tokens': 'read',
  'POST /account/tokens/:id/delete': 'read',
  'POST /account/sessions/:id/end': 'read',
};
const ROLES: { readonly [role: string]: readonly string[] } = {
  viewer: ['read'],
  operator: ['read', 'operate'],
  deployer: ['read', 'operate', 'deploy'],
  admin: ['read', 'operate', 'deploy', 'admin'],
};
const PASSWORD = 'a long enough password';
/** What does not exist: a page that is open to the role has nothing to change. */
const NOWHERE = { ':name': 'nowhere', ':seq': '1', ':id': 'nothing', ':username': 'nobody' };

const cloud = new CloudUnderTest();
const visitors: { [role: string]: PortalVisitor } = {};

beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  for (const role of Object.keys(ROLES))
    visitors[role] = await visitorWithRole(cloud, { username: `the-${role}`, role, password: PASSWORD });
  await cloud.call('POST', '/nodes', { json: { name: 'edge1' } });
}, 120_000);
afterAll(() => cloud.close(), 60_000);

const listed = pages().flatMap((page) =>
  (['get', 'post'] as const).flatMap((method) =>
    page[method] ? [{ key: `${method.toUpperCase()} ${page.path}`, right: page.right, method, path: page.path }] : [],
  ),
);
const addressOf = (path: string) =>
  `/portal${Object.entries(NOWHERE).reduce((text, [name, value]) => text.replace(name, value), path)}`.replace(
    /\/$/,
    '',
  );
const wentTo = (visitor: PortalVisitor, { method, path }: { method: 'get' | 'post'; path: string }) =>
  method === 'get' ? visitor.visit(addressOf(path)) : visitor.send(addressOf(path));
const isNoRight = ({ status, body }: Shown) => status === 403 && body.includes('You may not open this page');

describe('the role matrix', () => {
  test('every page has its right, and this table knows every page', () => {
    expect(Object.fromEntries(listed.map(({ key, right }) => [key, right]))).toEqual(RIGHTS);
  });

  test('nobody is led to the sign-in by every page that has a right, and changes nothing', async () => {
    const nobody = new PortalVisitor(cloud);
    const wrong: string[] = [];
    for (const page of listed.filter(({ right }) => right !== 'none')) {
      const { status, location } = await wentTo(nobody, page);
      if (status !== 303 || !location.startsWith('/portal/sign-in')) wrong.push(`${page.key}: ${status} ${location}`);
    }
    expect(wrong).toEqual([]);
  });

  test.each(Object.keys(ROLES))('%s: the pages of its rights open, the others answer 403', async (role) => {
    const wrong: string[] = [];
    for (const page of listed.filter(({ right }) => right !== 'none')) {
      const shown = await wentTo(visitors[role]!, page);
      const mayOpen = ROLES[role]!.includes(RIGHTS[page.key] ?? '');
      if (isNoRight(shown) === mayOpen || shown.status >= 500) wrong.push(`${page.key}: ${shown.status}`);
    }
    expect(wrong).toEqual([]);
  });

  test('a node out of scope looks like one that is not there, on every page of a node', async () => {
    const scope = { names: ['lon-1'] };
    const own = await visitorWithRole(cloud, { username: 'lon', role: 'deployer', scope, password: PASSWORD });
    const wrong: string[] = [];
    for (const { method, path, key } of listed.filter((page) => page.path.startsWith('/nodes/:name'))) {
      const [there, missing] = [path.replace(':name', 'edge1'), path.replace(':name', 'nowhere')];
      const answers = await Promise.all([there, missing].map((one) => wentTo(own, { method, path: one })));
      const [a, b] = answers.map(({ status, body }) => `${status} ${status === 404 ? '' : body.slice(0, 80)}`);
      if (a !== b || answers[0]!.status < 400) wrong.push(`${key}: ${a} | ${b}`);
    }
    expect(wrong).toEqual([]);
    for (const path of ['/portal', '/portal/nodes', '/portal/nodes?csv=nodes', '/portal/deployments'])
      expect((await own.visit(path)).body).not.toContain('edge1');
  });
});

describe('forms from elsewhere', () => {
  const posts = listed.filter(({ method }) => method === 'post');
  const form = () => ({ [CSRF_FIELD]: visitors.admin!.csrf, username: 'x', password: 'y' });
  const FOREIGN: [string, { [name: string]: string }][] = [
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of a sibling domain', { 'sec-fetch-site': 'same-site' }],
    ['typed in', { 'sec-fetch-site': 'none' }],
    ['of another origin', { origin: 'https://evil.example' }],
    ['of a sandboxed frame', { origin: 'null' }],
    ['that say nothing of where they are from', {}],
    ['whose origin is ours with more behind it', { origin: 'https://localhost.evil.example' }],
  ];

  test.each(FOREIGN)('%s are refused by every page that takes one, with a good token', async (_where, headers) => {
    const wrong: string[] = [];
    for (const { path, key } of posts) {
      const { status } = await visitors.admin!.visit(addressOf(path), { form: form(), headers });
      if (status !== 403) wrong.push(`${key}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });

  test('of our own pages without the token of this session are refused by every page that needs a session', async () => {
    const { admin, viewer } = visitors as { admin: PortalVisitor; viewer: PortalVisitor };
    const bad = ['', 'x', viewer.csrf, `${admin.csrf}x`, admin.csrf.toLowerCase()];
    const wrong: string[] = [];
    for (const { path, key } of posts.filter(({ right }) => right !== 'none'))
      for (const token of bad) {
        const { status } = await admin.visit(addressOf(path), { form: { [CSRF_FIELD]: token }, headers: OWN_ORIGIN });
        if (status !== 403) wrong.push(`${key} ${token}: ${status}`);
      }
    expect(wrong).toEqual([]);
  });

  test('an address alone changes nothing: what takes a form only is no page', async () => {
    const shown = listed.filter(({ method }) => method === 'get').map(({ path }) => path);
    for (const { path, key } of posts.filter((page) => !shown.includes(page.path))) {
      const { status } = await visitors.admin!.visit(`${addressOf(path)}?${CSRF_FIELD}=${visitors.admin!.csrf}`);
      expect([key, status]).toEqual([key, 404]);
    }
  });

  test('a node stays as it was', async () => {
    await visitors.admin!.visit('/portal/nodes/edge1/enabled', {
      form: { [CSRF_FIELD]: visitors.admin!.csrf, value: 'false' },
      headers: { origin: 'https://evil.example' },
    });
    expect((await cloud.call('GET', '/nodes/edge1')).body.isEnabled).toBe(true);
  });
});
