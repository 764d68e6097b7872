// The portal without a mouse and with a screen reader: every stop of every page is reached and seen, dialogs and the editor let go, and axe-core
// finds nothing in states that need somebody to do something first.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { CloudUnderTest, until } from './cloud-under-test.ts';
import { accessFindings, ensureBundle, PortalBrowser, signIn } from './portal-browser.ts';
import { ScriptedNode } from './scripted-node.ts';

jest.setTimeout(240_000);

/** Runs in the page: what Tab has to reach, in `globalThis.stops`. Of radio buttons of a name it is one. */
const FIND_STOPS = `(() => {
  const found = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]');
  const isThere = (e) => !e.disabled && e.ariaHidden !== 'true' && e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })
    && (e.type !== 'radio' || e.checked);
  globalThis.stops = [...found].filter(isThere);
  return stops.length;
})()`;
/** Runs in the page: which stop has the focus (-1: none of them), and is it seen to have it. */
const WHERE = `(() => {
  const e = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(e.closest('[data-editor]') ?? e);
  const isMarked = (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none';
  return { index: stops.indexOf(e), isMarked, isEditor: 'editor' in (e.parentElement?.dataset ?? {}), html: e.outerHTML.slice(0, 120) };
})()`;
/** Stops that come and go while one tabs (a live part) are no reason to go on for ever. */
const EXTRA_PRESSES = 5;

const cloud = new CloudUnderTest();
const node = new ScriptedNode(cloud, 'edge1');
let portal: PortalBrowser;
let page: Page;
const pages: string[] = [];

beforeAll(async () => {
  ensureBundle();
  await cloud.start();
  await cloud.login();
  const drives = [{ path: '/datadrive', sizeGb: 100 }];
  const fields = {
    name: 'edge1',
    ipAddress: '127.0.0.1',
    httpPort: 9,
    drives,
    prefixSource: 'manual',
    cidrs: '2.21.234.0/24',
  };
  const made = await cloud.call('POST', '/nodes', { json: fields });
  if (made.status >= 300) throw new Error(JSON.stringify(made.body));
  await node.connect();
  await node.beat();
  await deployOnce();
  await cloud.call('POST', '/invitations', { json: { username: 'vera', role: 'viewer', scope: 'all' } });
  await cloud.call('POST', '/me/tokens', { json: { name: 'ci', role: 'viewer', expiresInDays: 1 } });
  portal = new PortalBrowser(cloud.url);
  page = await portal.open();
  await signIn(page, 'admin', cloud.adminSecret);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const places = ['', '/logs?module=MCC', '/timeline', '/routing', '/deployment', '/edit', '/provision', '/delete'];
  pages.push(...['', '/nodes', '/nodes/new', '/deployments', '/deployments/new', '/deployments/blue'].map(inPortal));
  pages.push(...places.map((place) => inPortal(`/nodes/edge1${place}`)), await earlierDeployment());
  pages.push(...['/routing?address=2.21.234.7', '/people', '/audit', '/account', '/none'].map(inPortal));
}, 180_000);
afterAll(async () => {
  await portal?.close();
  await node.close();
  await cloud.close();
}, 60_000);

const inPortal = (path: string) => `/portal${path}`;

/** A deployment of the node itself and one at scale, so that their pages have something to show. */
async function deployOnce(): Promise<void> {
  const { modulesContent } = (await cloud.call('GET', '/nodes/edge1/manifest')).body;
  modulesContent.$edgeAgent['properties.desired'].modules.MCC.env.EXTRA = { value: 'yes' };
  await cloud.call('PUT', '/nodes/edge1/deployment', { json: { modulesContent } });
  const json = { id: 'blue', content: { modulesContent }, targetCondition: "tags.colour='blue'", priority: 1 };
  const { status, body } = await cloud.call('POST', '/deployments', { json });
  if (status >= 300) throw new Error(JSON.stringify(body));
}

async function earlierDeployment(): Promise<string> {
  return until('a deployment in the history', async () => {
    const { deployments } = (await cloud.call('GET', '/nodes/edge1/deployments')).body;
    return deployments.length > 0 && `/portal/nodes/edge1/deployments/${deployments.at(-1).seq}`;
  });
}

interface Where {
  index: number;
  isMarked: boolean;
  isEditor: boolean;
  html: string;
}

/** Tabs through the page; what was never reached, and what had the focus without showing it. */
async function tabThrough(path: string): Promise<{ missed: string[]; unmarked: string[] }> {
  await page.goto(path);
  await page.waitForLoadState();
  const count = await page.evaluate<number>(FIND_STOPS);
  await page.evaluate('document.activeElement?.blur(); getSelection().removeAllRanges(); document.body.focus()');
  const reached = new Set<number>();
  const unmarked: string[] = [];
  for (let press = 0; press < count + EXTRA_PRESSES && reached.size < count; press += 1) {
    await page.keyboard.press('Tab');
    const { index, isMarked, isEditor, html } = await page.evaluate<Where>(WHERE);
    if (index >= 0) reached.add(index);
    if (index >= 0 && !isMarked) unmarked.push(html);
    // In the editor Tab indents; Escape lets go of it, as its hint says.
    if (isEditor) await page.keyboard.press('Escape');
  }
  const missed = await page.evaluate<string[]>(
    `stops.filter((_, i) => !${JSON.stringify([...reached])}.includes(i)).map((e) => e.outerHTML.slice(0, 120))`,
  );
  return { missed, unmarked };
}

describe('without a mouse', () => {
  test('Tab reaches everything that can be used on every page, and it is seen where one is', async () => {
    const findings: string[] = [];
    for (const path of pages) {
      const { missed, unmarked } = await tabThrough(path);
      findings.push(...missed.map((html) => `${path} not reached: ${html}`));
      findings.push(...unmarked.map((html) => `${path} not marked: ${html}`));
    }
    expect(findings).toEqual([]);
  });

  test('a node is created, from the sign-in on', async () => {
    await portal.forget();
    await page.goto('/portal/nodes/new');
    await page.keyboard.type('admin');
    await page.keyboard.press('Tab');
    await page.keyboard.type(cloud.adminSecret);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/portal/nodes/new');
    // The first field has the focus.
    await page.keyboard.type('typed-1');
    await page.keyboard.press('Tab');
    await page.keyboard.type('192.0.2.7');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/portal/nodes/typed-1/provision?done=created');
    expect((await cloud.call('GET', '/nodes/typed-1')).body.ipAddress).toBe('192.0.2.7');
  });

  test('a refused form leads to its first problem', async () => {
    await page.goto('/portal/nodes/new');
    await page.getByLabel('Cache node name').fill('no good');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    expect(await page.evaluate<string>('document.activeElement.className')).toBe('problems');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await until('the field has the focus', async () =>
      page.evaluate<boolean>('document.activeElement === document.querySelector("[aria-invalid=true]")'),
    );
  });

  test('a dialog takes the focus, keeps it, and gives it back', async () => {
    await page.goto('/portal/nodes/edge1');
    const drain = page.getByRole('button', { name: 'Drain', exact: true });
    await drain.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    const inDialog = 'document.activeElement.closest("dialog") !== null || document.activeElement === document.body';
    for (let press = 0; press < 6; press += 1) {
      expect(await page.evaluate<boolean>(inDialog)).toBe(true);
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate<string>('document.activeElement.textContent')).toBe('Drain');
    expect((await cloud.call('GET', '/nodes/edge1')).body.isDraining).toBe(false);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'End draining' }).waitFor();
    expect((await cloud.call('GET', '/nodes/edge1')).body.isDraining).toBe(true);
  });

  test('the editor indents with Tab and is left by Escape, Tab', async () => {
    await page.goto('/portal/nodes/edge1/deployment');
    const editor = page.getByLabel('Deployment manifest (JSON)');
    const before = await editor.inputValue();
    await editor.focus();
    await page.keyboard.press('Tab');
    expect((await editor.inputValue()).length).toBe(before.length + 2);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    expect(await page.evaluate<string>('document.activeElement.textContent')).toBe('Deploy to edge1');
  });
});

describe('axe-core in both themes', () => {
  const inBoth = async (what: string) => {
    const findings: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      findings.push(...(await accessFindings(page)).map((finding) => `${what}, ${colorScheme}: ${finding}`));
    }
    return findings;
  };

  test('pages that show one deployment, an answer of the routing, an error', async () => {
    const findings: string[] = [];
    for (const path of [...pages.filter((one) => /blue|deployments\/\d|address=/.test(one)), '/portal/nodes/nowhere']) {
      await page.goto(path);
      findings.push(...(await inBoth(path)));
    }
    expect(findings).toEqual([]);
  });

  test('an open dialog', async () => {
    await page.goto('/portal/nodes/edge1');
    await page.getByRole('button', { name: 'Restart MCC' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await inBoth('dialog')).toEqual([]);
  });

  test('problems beside the lines of a manifest', async () => {
    await page.goto('/portal/nodes/edge1/deployment');
    await page.getByLabel('Deployment manifest (JSON)').fill('{"modulesContent": {}}');
    await page.getByRole('button', { name: 'Deploy to edge1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy to edge1' }).click();
    await page.getByRole('alert').waitFor();
    expect(await inBoth('problems')).toEqual([]);
  });

  test('a link that is shown once, the command, a new token', async () => {
    const findings: string[] = [];
    for (const [path, button] of [
      ['/portal/people', 'Make the invitation'],
      ['/portal/nodes/edge1/provision', 'Make the command'],
    ] as const) {
      await page.goto(path);
      await page.getByRole('button', { name: button }).click();
      await page.locator('.command').waitFor();
      findings.push(...(await inBoth(button)));
    }
    expect(findings).toEqual([]);
  });

  test('for who is not signed in, and for who may not', async () => {
    await portal.forget();
    const findings: string[] = [];
    for (const path of ['/portal/sign-in', '/portal/join']) {
      await page.goto(path);
      findings.push(...(await inBoth(path)));
    }
    expect(findings).toEqual([]);
    expect(portal.complaints).toEqual([]);
  });
});
