// The portal for everybody, and against those who mean ill: many nodes, narrow screens, keyboard, screen readers, other roles, foreign forms.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { CloudUnderTest } from './cloud-under-test.ts';
import { accessFindings, ensureBundle, PortalBrowser, signIn } from './portal-browser.ts';
import { ScriptedNode } from './scripted-node.ts';

jest.setTimeout(180_000);

const EVIL = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';
/** Runs in the page. */
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const VIEWER_PASSWORD = 'correct horse battery';

const cloud = new CloudUnderTest();
const node = new ScriptedNode(cloud, 'edge1');
let portal: PortalBrowser;
let page: Page;

beforeAll(async () => {
  ensureBundle();
  await cloud.start();
  await cloud.login();
  const drives = [{ path: '/datadrive', sizeGb: 100 }];
  await cloud.call('POST', '/nodes', { json: { name: 'edge1', ipAddress: '127.0.0.1', httpPort: 9, drives } });
  await node.connect();
  await node.beat();
  portal = new PortalBrowser(cloud.url);
  page = await portal.open();
  await signIn(page, 'admin', cloud.adminSecret);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}, 180_000);
afterAll(async () => {
  await portal.close();
  await node.close();
  await cloud.close();
}, 60_000);

const main = () => page.locator('main');
const isHacked = () => page.evaluate(() => (globalThis as { hacked?: unknown }).hacked !== undefined);

describe('many nodes', () => {
  test('search while typing, state in the address, CSV of what is shown', async () => {
    for (const name of ['lon-1', 'lon-2', 'par-1']) await cloud.call('POST', '/nodes', { json: { name } });
    await page.goto('/portal/nodes');
    await page.getByRole('searchbox').fill('lon');
    await page.locator('.result-count', { hasText: '2 cache nodes' }).waitFor();
    await page.waitForURL('**/portal/nodes?q=lon');
    await page.getByRole('link', { name: /^Not configured/ }).click();
    await page.waitForURL('**/portal/nodes?q=lon&state=NotConfigured');
    const href = await page.getByRole('link', { name: 'Download CSV' }).getAttribute('href');
    const file = await page.request.get(href ?? '');
    expect(file.headers()['content-disposition']).toBe('attachment; filename=nodes.csv');
    const lines = (await file.text()).trimEnd().split('\r\n');
    expect(lines.map((line) => line.split(',')[0])).toEqual(['"Name"', '"lon-1"', '"lon-2"']);
  });

  test('what stands in the address is only text', async () => {
    await page.goto(`/portal/nodes?q=${encodeURIComponent(EVIL)}`);
    expect(await page.getByRole('searchbox').inputValue()).toBe(EVIL);
    await page.goto(`/portal/nodes/${encodeURIComponent(EVIL)}`);
    await page.getByRole('heading', { name: 'Not found' }).waitFor();
    expect(await isHacked()).toBe(false);
  });

  test('deleting asks for the name', async () => {
    await page.goto('/portal/nodes/par-1/edit');
    await page.getByRole('link', { name: 'Delete…' }).click();
    await page.getByLabel('Type par-1 to confirm').fill('lon-1');
    await page.getByRole('button', { name: 'Delete par-1' }).click();
    await main().getByText('is not the name of this cache node').first().waitFor();
    await page.getByLabel('Type par-1 to confirm').fill('par-1');
    await page.getByRole('button', { name: 'Delete par-1' }).click();
    await page.getByText('The cache node was deleted.').waitFor();
    expect((await cloud.call('GET', '/nodes/par-1')).status).toBe(404);
  });
});

const PAGES = [
  ...['/portal', '/portal/nodes', '/portal/nodes/new', '/portal/nodes/edge1', '/portal/nodes/edge1/logs?module=MCC'],
  ...['/portal/nodes/edge1/timeline', '/portal/nodes/edge1/routing', '/portal/nodes/edge1/deployment'],
  ...['/portal/nodes/edge1/edit', '/portal/nodes/edge1/provision', '/portal/nodes/edge1/delete', '/portal/deployments'],
  ...[
    '/portal/deployments/new',
    '/portal/routing',
    '/portal/people',
    '/portal/audit',
    '/portal/account',
    '/portal/none',
  ],
];

describe('for everybody', () => {
  test('axe-core finds nothing serious on any page, in light and in dark', async () => {
    const findings: string[] = [];
    for (const path of PAGES) {
      await page.emulateMedia({ colorScheme: 'light' });
      await page.goto(path);
      findings.push(...(await accessFindings(page)).map((finding) => `${path} ${finding}`));
      await page.emulateMedia({ colorScheme: 'dark' });
      findings.push(...(await accessFindings(page, ['color-contrast'])).map((finding) => `${path} dark ${finding}`));
    }
    expect(findings).toEqual([]);
  });

  test('no page is wider than a telephone', async () => {
    await page.setViewportSize({ width: 320, height: 640 });
    const wide: string[] = [];
    for (const path of PAGES) {
      await page.goto(path);
      const over = await page.evaluate<number>(OVERFLOW);
      if (over > 0) wide.push(`${path}: ${over} px`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    expect(wide).toEqual([]);
  });

  test('the keyboard reaches the content first, then everything', async () => {
    await page.goto('/portal/nodes');
    await page.keyboard.press('Tab');
    expect(await page.evaluate<string>('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('main');
  });

  test('no script failed and no policy was broken on the way', () => {
    expect(portal.complaints).toEqual([]);
    expect(portal.dialogs).toEqual([]);
  });
});

describe('another user', () => {
  test('is invited with lesser rights, joins, and is offered and allowed no more', async () => {
    await page.goto('/portal/people');
    await page.getByLabel('User name').fill('vera');
    await page.getByRole('button', { name: 'Make the invitation' }).click();
    const link = (await page.locator('#link').textContent()) ?? '';
    await portal.forget();
    await page.goto(new URL(link).pathname + new URL(link).hash);
    await page.getByLabel('Password', { exact: true }).fill(VIEWER_PASSWORD);
    await page.getByLabel('Password again').fill(VIEWER_PASSWORD);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('That worked.').waitFor();
    await signIn(page, 'vera', VIEWER_PASSWORD);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(await page.getByRole('link', { name: 'Create cache node' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Users' }).count()).toBe(0);
    const refused = [
      '/portal/nodes/new',
      '/portal/nodes/edge1/edit',
      '/portal/nodes/edge1/logs',
      '/portal/people',
      '/portal/audit',
    ];
    for (const path of refused) expect([path, (await page.goto(path))?.status()]).toEqual([path, 403]);
    await page.goto('/portal/nodes/edge1');
    expect(await page.getByRole('button', { name: /Restart|Drain|Disable/ }).count()).toBe(0);
    const csrf = await page.locator('input[name=_csrf]').first().inputValue();
    const post = (path: string, form: { [name: string]: string }) =>
      page.request.post(path, { form, headers: { 'sec-fetch-site': 'same-origin' }, maxRedirects: 0 });
    const paths = ['enabled', 'draining', 'restart', 'delete', 'edit', 'deployment', 'provision'];
    for (const path of paths) {
      expect([path, (await post(`/portal/nodes/edge1/${path}`, { _csrf: csrf, value: 'false' })).status()]).toEqual([
        path,
        403,
      ]);
    }
  });

  test('a form from elsewhere, or without the token of the session, changes nothing', async () => {
    await portal.forget();
    await signIn(page, 'admin', cloud.adminSecret);
    await page.goto('/portal/nodes/edge1');
    const csrf = await page.locator('input[name=_csrf]').first().inputValue();
    const post = (token: string, site: string) =>
      page.request.post('/portal/nodes/edge1/enabled', {
        form: { value: 'false', _csrf: token },
        headers: { 'sec-fetch-site': site },
        maxRedirects: 0,
      });
    expect((await post(csrf, 'cross-site')).status()).toBe(403);
    expect((await post('', 'same-origin')).status()).toBe(403);
    expect((await post(`${csrf.slice(1)}A`, 'same-origin')).status()).toBe(403);
    expect((await cloud.call('GET', '/nodes/edge1')).body.isEnabled).toBe(true);
    expect((await post(csrf, 'same-origin')).status()).toBe(303);
    expect((await cloud.call('GET', '/nodes/edge1')).body.isEnabled).toBe(false);
  });
});
