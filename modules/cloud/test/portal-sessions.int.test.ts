// Attacks on the portal's sessions and its answers: planted, stolen and ended cookies, redirects elsewhere, headers that browsers rely on.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { CSRF_FIELD, SESSION_COOKIE } from '../src/people/session-cookie.ts';
import { CloudUnderTest } from './cloud-under-test.ts';
import { ensureBundle } from './portal-browser.ts';
import { OWN_ORIGIN, PortalVisitor, type Shown, sessionOf, visitorWithRole } from './portal-visitor.ts';

jest.setTimeout(180_000);

const PASSWORD = 'a long enough password';
/** More than a page for strangers takes, less than one for people who signed in. */
const LARGE_FORM_CHARACTERS = 100_000;

const cloud = new CloudUnderTest();
const admin = new PortalVisitor(cloud);

beforeAll(async () => {
  ensureBundle();
  await cloud.start();
  await cloud.login();
  await admin.signIn('admin', cloud.adminSecret);
  await cloud.call('POST', '/nodes', { json: { name: 'edge1' } });
}, 120_000);
afterAll(() => cloud.close(), 60_000);

const cookiesOf = ({ headers }: Shown) => [headers['set-cookie'] ?? []].flat();
const isSignedIn = async (visitor: PortalVisitor) => (await visitor.visit('/portal')).status === 200;

describe('sessions', () => {
  test('the cookie of a session is for this host, for https and for no script', async () => {
    const shown = await new PortalVisitor(cloud).signIn('admin', cloud.adminSecret);
    expect(cookiesOf(shown)).toEqual([
      expect.stringMatching(
        new RegExp(`^${SESSION_COOKIE}=[\\w-]{30,}; Path=/; Max-Age=[1-9]\\d*; HttpOnly; Secure; SameSite=Lax$`),
      ),
    ]);
    expect(SESSION_COOKIE.startsWith('__Host-')).toBe(true);
    expect(shown.body).not.toContain(sessionOf(shown));
  });

  test('so is the one of the colours', async () => {
    const shown = await admin.send('/portal/theme', { theme: 'dark', back: '/portal' });
    expect(cookiesOf(shown)).toEqual([
      expect.stringMatching(/^__Host-wayside-theme=dark; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=\d+$/),
    ]);
  });

  test('a planted session is not taken over at sign-in, nor one that lives', async () => {
    for (const planted of ['a'.repeat(43), admin.token!]) {
      const victim = new PortalVisitor(cloud, planted);
      const shown = await victim.signIn('admin', cloud.adminSecret);
      expect(shown.status).toBe(303);
      expect(sessionOf(shown)).not.toBe(planted);
    }
    expect(await isSignedIn(new PortalVisitor(cloud, 'a'.repeat(43)))).toBe(false);
  });

  test('of two cookies of the name neither counts', async () => {
    const cookie = `${SESSION_COOKIE}=${admin.token}; ${SESSION_COOKIE}=${'b'.repeat(43)}`;
    expect((await new PortalVisitor(cloud).visit('/portal', { headers: { cookie } })).status).toBe(303);
  });

  test('an API token is worth nothing as a cookie', async () => {
    const json = { name: 'ci', role: 'viewer', expiresInDays: 1 };
    const { token } = (await cloud.call('POST', '/me/tokens', { json })).body;
    expect((await cloud.call('GET', '/me', { token })).status).toBe(200);
    expect(await isSignedIn(new PortalVisitor(cloud, token))).toBe(false);
  });

  test('signed out: the cookie, the token and its forms are worth nothing, and the browser is told to forget', async () => {
    const visitor = new PortalVisitor(cloud);
    await visitor.signIn('admin', cloud.adminSecret);
    expect(await isSignedIn(visitor)).toBe(true);
    const shown = await visitor.send('/portal/sign-out');
    expect(cookiesOf(shown)[0]).toMatch(/Max-Age=0/);
    expect(await isSignedIn(visitor)).toBe(false);
    expect((await visitor.send('/portal/nodes/edge1/enabled', { value: 'false' })).location).toMatch(/sign-in/);
    expect((await cloud.call('GET', '/me', { token: visitor.token! })).status).toBe(401);
    expect((await cloud.call('GET', '/nodes/edge1')).body.isEnabled).toBe(true);
  });

  test('a new password ends the other sessions, not one’s own', async () => {
    const own = await visitorWithRole(cloud, { username: 'paula', role: 'viewer', password: PASSWORD });
    const stolen = new PortalVisitor(cloud);
    await stolen.signIn('paula', PASSWORD);
    const form = { currentPassword: PASSWORD, newPassword: `${PASSWORD}!`, repeated: `${PASSWORD}!` };
    expect((await own.send('/portal/account/password', form)).location).toBe('/portal/account?done=password');
    expect([await isSignedIn(own), await isSignedIn(stolen)]).toEqual([true, false]);
  });

  test('a new password needs the one of now', async () => {
    const own = await visitorWithRole(cloud, { username: 'peter', role: 'viewer', password: PASSWORD });
    const form = { currentPassword: 'guessed', newPassword: `${PASSWORD}!`, repeated: `${PASSWORD}!` };
    expect((await own.send('/portal/account/password', form)).status).toBeGreaterThanOrEqual(400);
    expect((await new PortalVisitor(cloud).signIn('peter', PASSWORD)).status).toBe(303);
  });

  test('a disabled user is out at once, one of another role has it at once', async () => {
    const own = await visitorWithRole(cloud, { username: 'dora', role: 'deployer', password: PASSWORD });
    expect((await own.visit('/portal/nodes/new')).status).toBe(200);
    await admin.send('/portal/people/dora/change', { role: 'viewer', scope: 'all' });
    expect((await own.visit('/portal/nodes/new')).status).toBe(403);
    await admin.send('/portal/people/dora/change', { isDisabled: 'true' });
    expect(await isSignedIn(own)).toBe(false);
    expect((await new PortalVisitor(cloud).signIn('dora', PASSWORD)).status).not.toBe(303);
  });

  test('nobody ends or sees the sessions and tokens of another', async () => {
    const own = await visitorWithRole(cloud, { username: 'ella', role: 'viewer', password: PASSWORD });
    const { sessions } = (await cloud.call('GET', '/me/sessions')).body;
    for (const { id } of sessions)
      expect((await own.send(`/portal/account/sessions/${encodeURIComponent(id)}/end`)).status).toBe(404);
    expect(await isSignedIn(admin)).toBe(true);
  });

  test('wrong names and wrong passwords look the same, and typed passwords never come back', async () => {
    const visitor = new PortalVisitor(cloud);
    const [unknown, wrong] = [await visitor.signIn('nobody-here', 'pa55'), await visitor.signIn('admin', 'pa55')];
    expect([unknown.status, wrong.status]).toEqual([401, 401]);
    expect(unknown.body.replaceAll('nobody-here', 'admin')).toBe(wrong.body);
    expect(wrong.body).not.toContain('pa55');
  });
});

describe('redirects stay at home', () => {
  const ELSEWHERE = [
    ...['https://evil.example/', '//evil.example', '/\\evil.example', '/\t/evil.example', '\\\\evil.example'],
    ...['javascript:alert(1)', 'data:text/html,x', '/portal/..//evil.example', '/portal/../..//evil.example'],
    ...['/portal@evil.example', '/portal.evil.example', '//portal/nodes', '/portal/\n/evil.example', '/api/v1/nodes'],
    ...['/portal/\\evil.example', '/portal/%2e%2e//evil.example', 'https:evil.example', '/portal\r\nset-cookie: x=y'],
  ];

  test.each(ELSEWHERE)('sign-in and colours with %j end in the portal', async (next) => {
    const visitor = new PortalVisitor(cloud);
    const signedIn = await visitor.signIn('admin', cloud.adminSecret, next);
    const already = await visitor.visit(`/portal/sign-in?next=${encodeURIComponent(next)}`);
    const coloured = await visitor.send('/portal/theme', { theme: 'dark', back: next });
    for (const { status, location, headers } of [signedIn, already, coloured]) {
      const { origin, pathname } = new URL(location, cloud.url);
      expect([status, origin]).toEqual([303, cloud.url]);
      expect(pathname).toMatch(/^\/portal(\/|$)/);
      expect(JSON.stringify(headers['set-cookie'] ?? '')).not.toContain('x=y');
    }
  });

  test('a page of the portal is where one comes back to', async () => {
    const next = '/portal/nodes?q=a%20b&state=Healthy';
    expect((await new PortalVisitor(cloud).signIn('admin', cloud.adminSecret, next)).location).toBe(next);
  });
});

describe('what every answer tells the browser', () => {
  const ANSWERS = [
    ...['/portal', '/portal/nodes', '/portal/nodes/new', '/portal/nodes/edge1', '/portal/nodes/edge1/logs'],
    ...['/portal/nodes/edge1/timeline', '/portal/nodes/edge1/routing', '/portal/nodes/edge1/deployment'],
    ...['/portal/nodes/edge1/edit', '/portal/nodes/edge1/provision', '/portal/nodes/edge1/delete', '/portal/audit'],
    ...['/portal/deployments', '/portal/deployments/new', '/portal/deployments/none', '/portal/routing'],
    ...['/portal/people', '/portal/account', '/portal/none', '/portal/nodes/nowhere', '/portal/nodes?csv=nodes'],
    ...['/portal/join', '/portal/sign-in', '/portal/%ff', '/portal/nodes/%00'],
  ];

  test('scripts and styles of our files only, no frames, no sniffing, nothing kept', async () => {
    const wrong: string[] = [];
    for (const visitor of [admin, new PortalVisitor(cloud)])
      for (const path of ANSWERS) {
        const { headers, status } = await visitor.visit(path);
        const policy = String(headers['content-security-policy']);
        const isStrict =
          /default-src 'none'; script-src 'self'; style-src 'self';/.test(policy) &&
          /frame-ancestors 'none'/.test(policy) &&
          /base-uri 'none'/.test(policy) &&
          /form-action 'self'/.test(policy) &&
          !/unsafe|\*|http/.test(policy);
        const isRest =
          headers['x-content-type-options'] === 'nosniff' &&
          headers['x-frame-options'] === 'DENY' &&
          headers['cache-control'] === 'no-store' &&
          headers['referrer-policy'] === 'same-origin';
        if (!isStrict || !isRest || status === 500) wrong.push(`${path} ${status}: ${JSON.stringify(headers)}`);
      }
    expect(wrong).toEqual([]);
  });

  test('no page holds a script, a style or a handler of its own', async () => {
    const wrong: string[] = [];
    for (const path of ANSWERS.filter((one) => !one.includes('csv='))) {
      const { body } = await admin.visit(path);
      const found = body.match(
        /<script(?![^>]*\ssrc="\/portal\/assets\/)[^>]*>|<style|\sstyle="|\son[a-z]+="|javascript:/gi,
      );
      if (found) wrong.push(`${path}: ${found.join(' ')}`);
    }
    expect(wrong).toEqual([]);
  });

  test('a file of the bundle is found by its name only', async () => {
    for (const file of ['..%2f..%2fsrc%2fmain.ts', 'entries.json', '__proto__', 'constructor'])
      expect([file, (await admin.visit(`/portal/assets/${file}`)).status]).toEqual([file, 404]);
  });

  test('strangers may send little', async () => {
    const form = { username: 'x'.repeat(LARGE_FORM_CHARACTERS), password: 'y' };
    const shown = await new PortalVisitor(cloud).visit('/portal/sign-in', { form, headers: OWN_ORIGIN });
    expect(shown.status).toBe(413);
    const many = Object.fromEntries(Array.from({ length: 1_100 }, (_none, index) => [`f${index}`, '']));
    expect((await admin.send('/portal/nodes/edge1/edit', { ...many, [CSRF_FIELD]: admin.csrf })).status).toBe(413);
  });
});
