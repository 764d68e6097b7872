// The portal in a real browser, on a real cloud, with a node that the test plays.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { CloudUnderTest, DataPort, until } from './cloud-under-test.ts';
import { accessFindings, ensureBundle, PortalBrowser, signIn } from './portal-browser.ts';
import { ScriptedNode } from './scripted-node.ts';

jest.setTimeout(180_000);

const EVIL = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';

const cloud = new CloudUnderTest();
const dataPort = new DataPort();
const node = new ScriptedNode(cloud, 'edge1');
let portal: PortalBrowser;
let page: Page;

beforeAll(async () => {
  ensureBundle();
  await dataPort.listen();
  await cloud.start();
  await cloud.login();
  portal = new PortalBrowser(cloud.url);
  page = await portal.open();
}, 180_000);
afterAll(async () => {
  await portal.close();
  await node.close();
  await cloud.close();
  await dataPort.close();
}, 60_000);

const main = () => page.locator('main');
const isHacked = () => page.evaluate(() => (globalThis as { hacked?: unknown }).hacked !== undefined);

describe('signing in', () => {
  test('a page leads to the sign-in and back to itself', async () => {
    await page.goto('/portal/nodes?state=Healthy');
    expect(new URL(page.url()).pathname).toBe('/portal/sign-in');
    await page.getByLabel('User name').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await main().getByText('User name or password is wrong').waitFor();
    expect(await page.getByLabel('User name').inputValue()).toBe('admin');
    await page.getByLabel('Password', { exact: true }).fill(cloud.adminSecret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/portal/nodes?state=Healthy');
    const [session] = (await portal.cookies()).filter(({ name }) => name.includes('session'));
    expect(session).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax', path: '/' });
  });

  test('a session that was planted is not the one of the sign-in, and a signed-out one is worth nothing', async () => {
    const planted = (await portal.cookies()).filter(({ name }) => name.includes('session'));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await main().getByText('You are signed out.').waitFor();
    await portal.setCookies(planted);
    await page.goto('/portal/nodes');
    expect(new URL(page.url()).pathname).toBe('/portal/sign-in');
    await signIn(page, 'admin', cloud.adminSecret);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    const [fresh] = (await portal.cookies()).filter(({ name }) => name.includes('session'));
    expect(fresh?.value).not.toBe(planted[0]?.value);
  });
});

describe('from nothing to a healthy node', () => {
  test('the form keeps what was typed and says what is wrong beside the field', async () => {
    await page.goto('/portal/nodes');
    await page.getByRole('link', { name: 'Create cache node' }).first().click();
    await page.getByLabel('Cache node name').fill('edge 1');
    await page.getByLabel('Server IP address').fill('2001:db8::1');
    await page.getByLabel('Address range / CIDR blocks').fill('2.21.234.0/99');
    await page.getByRole('button', { name: 'Add a drive' }).click();
    await page.getByLabel('Cache drive 2: folder').waitFor();
    expect(await page.getByLabel('Cache node name').inputValue()).toBe('edge 1');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await main().getByRole('alert').waitFor();
    const problemOf = (label: string) =>
      main().locator('.field', { hasText: label }).locator('.problem').first().textContent();
    expect(await problemOf('Cache node name')).toContain('is already in use or in the wrong format');
    expect(await problemOf('Server IP address')).toContain('Only IPv4 addresses are supported at this time');
    expect(await problemOf('Address range / CIDR blocks')).toContain('CIDR list or notation is incorrect');
    expect(await page.getByLabel('Server IP address').inputValue()).toBe('2001:db8::1');
    expect(await accessFindings(page)).toEqual([]);
  });

  test('create, run the one command, watch it become healthy', async () => {
    await page.getByLabel('Cache node name').fill('edge1');
    await page.getByLabel('Server IP address').fill('127.0.0.1');
    await page.getByLabel('Content port').fill(String(dataPort.port));
    await page.getByLabel('Address range / CIDR blocks').fill('2.21.234.0/24, 3.22.235.0/24');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.waitForURL('**/portal/nodes/edge1/provision?done=created');
    await page.getByRole('button', { name: 'Make the command' }).click();
    const command = (await page.locator('#command').textContent()) ?? '';
    expect(command).toContain('curl -fsSk --pinnedpubkey sha256//');
    expect(page.url()).not.toContain('registrationkey');
    await node.register(command);
    // Without a reload: the page follows the cloud's events.
    await page.locator('.step.done', { hasText: 'Registered' }).waitFor();
    await node.connect();
    await node.beat();
    await page.locator('.step.done', { hasText: 'Modules running' }).waitFor();
    await page.locator('.step.done', { hasText: 'Healthy' }).waitFor();
    expect(await page.locator('#command').textContent()).toBe(command);
    expect(await accessFindings(page)).toEqual([]);
  });
});

describe('a node that runs', () => {
  test('a module that dies is seen without a reload, and its words are only words', async () => {
    await page.goto('/portal/nodes/edge1');
    await page.locator('#part-state', { hasText: 'Healthy' }).waitFor();
    await node.beat({ runtimeStatus: 'failed', exitCode: 137, statusDescription: EVIL });
    await page.locator('#module-MCC', { hasText: 'failed' }).waitFor();
    await page.locator('#part-judgement', { hasText: 'Module MCC is failed' }).waitFor();
    expect(await page.locator('#part-judgement').textContent()).toContain(EVIL);
    expect(await isHacked()).toBe(false);
    await page.goto('/portal');
    await page.locator('#part-needs', { hasText: 'edge1' }).waitFor();
    expect(await isHacked()).toBe(false);
    await node.beat({ restartCount: 1, lastStartTimeUtc: '2026-01-02T00:00:00Z' });
    await page.locator('#part-needs', { hasText: 'Every cache node is healthy' }).waitFor();
  });

  test('a restart is asked for first, then reaches edgeAgent', async () => {
    await page.goto('/portal/nodes/edge1');
    const restart = page.getByRole('button', { name: 'Restart MCC' });
    await restart.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await restart.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
    await page.getByText('The module was told to restart.').waitFor();
    const restarts = node.calls.filter(({ method }) => method === 'RestartModule');
    expect(restarts).toEqual([{ method: 'RestartModule', payload: { schemaVersion: '1.0', id: 'MCC' } }]);
  });

  test('its log is followed, and log lines are text', async () => {
    node.log = `started\n${EVIL}\n`;
    await page.goto('/portal/nodes/edge1/logs?module=MCC');
    await page.locator('.log-lines', { hasText: 'globalThis.hacked=1' }).waitFor();
    node.log += 'and then a new line\n';
    await page.locator('.log-lines', { hasText: 'and then a new line' }).waitFor();
    await page.getByPlaceholder('Only lines that hold').fill('new');
    await until('the filter', async () => (await page.locator('.log-lines').textContent()) === 'and then a new line');
    expect(await isHacked()).toBe(false);
  });

  test('drain and end of it, with the question first', async () => {
    await page.goto('/portal/nodes/edge1');
    await page.getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByRole('dialog').getByText('answers old ones with 503').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByRole('button', { name: 'End draining' }).click();
    await page.getByText('The cache node takes clients again.').waitFor();
    expect((await cloud.call('GET', '/nodes/edge1')).body.isDraining).toBe(false);
  });

  test('settings are changed, the rest stays', async () => {
    await page.goto('/portal/nodes/edge1/edit');
    await page.getByLabel('Max allowable egress').fill('10 000');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The changes were saved.').waitFor();
    const { maxEgressMbps, cidrs, ipAddress } = (await cloud.call('GET', '/nodes/edge1')).body;
    expect({ maxEgressMbps, cidrs, ipAddress }).toEqual({
      maxEgressMbps: 10_000,
      cidrs: ['2.21.234.0/24', '3.22.235.0/24'],
      ipAddress: '127.0.0.1',
    });
  });

  test('the routing explorer says who serves an address, and why', async () => {
    await page.goto('/portal/routing');
    await page.getByLabel('Client address').fill('2.21.234.7');
    await page.getByRole('button', { name: 'Look up' }).click();
    await main().locator('.lookup-result', { hasText: 'edge1' }).waitFor();
    expect(await main().locator('.lookup-steps').textContent()).toContain('2.21.234.0/24');
    await page.goto('/portal/routing?ip=nonsense');
    expect(await main().locator('.problem').first().textContent()).toContain('wanted an IPv4 or IPv6 address');
  });
});

describe('a deployment', () => {
  const manifest = () => page.locator('#manifest');

  test('problems stand with their lines, and what was typed stays', async () => {
    await page.goto('/portal/nodes/edge1/deployment');
    const text = await manifest().inputValue();
    await manifest().fill(text.replace('"schemaVersion": "1.1"', '"schemaVersion": "7"'));
    await page.getByRole('button', { name: 'Deploy to edge1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy to edge1' }).click();
    await main().getByRole('alert').getByText('schemaVersion').first().waitFor();
    const line = text.split('\n').findIndex((one) => one.includes('"schemaVersion"')) + 1;
    expect(await main().getByRole('alert').textContent()).toContain(`Line ${line}`);
    expect(await manifest().inputValue()).toContain('"schemaVersion": "7"');
    await manifest().fill('{ "modulesContent": }');
    await page.getByRole('button', { name: 'Deploy to edge1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy to edge1' }).click();
    await main().getByRole('alert').getByText('The text is no JSON').waitFor();
    expect(await accessFindings(page)).toEqual([]);
  });

  test('a good one is taken, and the earlier one comes back', async () => {
    await page.goto('/portal/nodes/edge1/deployment');
    const text = await manifest().inputValue();
    const before = (await cloud.call('GET', '/nodes/edge1/deployment')).body.modulesContent;
    const changed = JSON.parse(text);
    changed.modulesContent.$edgeAgent['properties.desired'].modules.MCC.env = { EXTRA: { value: 'yes' } };
    await manifest().fill(JSON.stringify(changed, null, 2));
    await page.getByRole('button', { name: 'Deploy to edge1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy to edge1' }).click();
    await page.getByText('The deployment was accepted').waitFor();
    expect(JSON.stringify((await cloud.call('GET', '/nodes/edge1/deployment')).body)).toContain('EXTRA');
    const history = page.locator('#deployments tbody tr');
    await until('both in the history', async () => {
      await page.goto('/portal/nodes/edge1/deployment');
      return (await history.count()) >= 2;
    });
    await history.nth(1).getByRole('link').click();
    await page.getByRole('button', { name: 'Deploy this one again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy this one again' }).click();
    await page.getByText('The deployment was accepted').waitFor();
    expect((await cloud.call('GET', '/nodes/edge1/deployment')).body.modulesContent).toEqual(before);
  });

  test('at scale: shown before it is done', async () => {
    await page.goto('/portal/deployments/new');
    const { modulesContent } = (await cloud.call('GET', '/nodes/edge1/manifest')).body;
    modulesContent.$edgeAgent['properties.desired'].modules.MCC.env.FROM_AFAR = { value: 'yes' };
    await page.getByLabel('Content (JSON)').fill(JSON.stringify({ modulesContent }));
    await page.getByLabel('Name', { exact: true }).fill('sensors');
    await page.getByLabel('Target condition').fill("deviceId='edge1'");
    await page.getByRole('button', { name: 'Show what it would change' }).click();
    await main().locator('.forecasts', { hasText: 'edge1' }).waitFor();
    expect((await cloud.call('GET', '/deployments')).body.deployments).toEqual([]);
    await page.getByRole('button', { name: 'Deploy to 1 node' }).click();
    await page.waitForURL('**/portal/deployments/sensors?**');
    await page.locator('#targets', { hasText: 'edge1' }).waitFor();
    await page.getByRole('link', { name: 'Delete…' }).click();
    await page.getByRole('button', { name: 'Delete sensors' }).click();
    await page.getByText('The deployment was deleted.').waitFor();
  });
});

test('no script failed and no policy was broken on the way', () => {
  expect(portal.complaints).toEqual([]);
  expect(portal.dialogs).toEqual([]);
});
