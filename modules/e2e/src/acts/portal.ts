// Act 7: an operator's day in a browser: a second node from the form to Healthy and a cached download, a module added, killed and taken back,
// and another user who may only look. Nothing is reloaded to see a change.

import { afterAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { closeBrowser, openPage, PAGE_MS_MAX, pressAndConfirm, signIn } from '../browser.ts';
import { mustRun, mustWayside, until } from '../commands.ts';
import { ask, CDN_HOST } from '../content.ts';
import {
  connectOrigin,
  installSecondNode,
  removeSecondNode,
  SECOND_DRIVE,
  SECOND_HTTP_PORT,
  SECOND_NODE,
  SECOND_SUMMARY_PORT,
  secondContainer,
} from '../second-node.ts';
import { CLOUD_STATE, NODE, SENSOR_MANIFEST } from '../settings.ts';
import { readManifest } from './deployments.ts';

/** From the command to Healthy: containers, connections, heartbeat, probe. */
const HEALTHY_SECS_MAX = 240;
const APPLY_SECS_MAX = 120;
/** Reports of the cache come every few seconds, figures by the minute. */
const FIGURES_SECS_MAX = 180;
const NETWORK_SECS_MAX = 120;
const OBJECT_BYTES = 30_000_000;
const ACT_MS_MAX = 600_000;
const VIEWER = 'vera';
const VIEWER_PASSWORD = 'looks and touches nothing';
const PORTAL_OF_NODE = `/portal/nodes/${SECOND_NODE}`;

interface AgentDesired {
  modules: { [name: string]: unknown };
}

type Content = { [module: string]: { 'properties.desired': { [key: string]: unknown } } };

export function portal(): void {
  let page: Page;
  let viewer: Page;

  afterAll(async () => {
    await closeBrowser();
    await removeSecondNode();
  }, PAGE_MS_MAX * 2);

  test(
    'sign in, create a cache node by the form',
    async () => {
      page = await openPage();
      const secret = (await mustRun('cat', [`${CLOUD_STATE}/admin-secret`])).stdout.trim();
      await signIn(page, 'admin', secret);
      const first = JSON.parse((await mustWayside('node', 'show', NODE, '--json')).stdout) as { ipAddress: string };
      await page.getByRole('link', { name: 'Cache nodes' }).first().click();
      await page.getByRole('link', { name: 'Create cache node' }).first().click();
      await page.getByLabel('Cache node name').fill(SECOND_NODE);
      await page.getByLabel('Server IP address').fill(first.ipAddress);
      await page.getByLabel('Content port').fill(String(SECOND_HTTP_PORT));
      await page.getByLabel('Cache drive 1: folder').fill(SECOND_DRIVE);
      await page.getByLabel('Size').first().fill('10');
      await page.getByLabel('Address range / CIDR blocks').fill('2.21.234.0/24');
      await page.getByRole('button', { name: 'Create', exact: true }).click();
      await page.waitForURL(`**${PORTAL_OF_NODE}/provision?done=created`);
    },
    ACT_MS_MAX,
  );

  test(
    'the stand-in for the CDN and a free port go into its manifest by the editor',
    async () => {
      const { modulesContent } = await readManifest(SENSOR_MANIFEST);
      await editManifest(page, (content, text) => {
        content.MCC!['properties.desired'].origins = modulesContent.MCC!['properties.desired'].origins;
        return text(content).replace('\\"5001\\"', `\\"${SECOND_SUMMARY_PORT}\\"`);
      });
    },
    ACT_MS_MAX,
  );

  test(
    'the one command of the page, run: the page follows to Healthy',
    async () => {
      await page.goto(`${PORTAL_OF_NODE}/provision`);
      await page.getByRole('button', { name: 'Make the command' }).click();
      const command = (await page.locator('#command').textContent()) ?? '';
      const installed = installSecondNode(command);
      const connected = until('the network of the node', NETWORK_SECS_MAX, connectOrigin);
      const done = (label: string) => page.locator('.step.done', { hasText: label });
      await Promise.all([installed, connected, done('Registered').waitFor({ timeout: HEALTHY_SECS_MAX * 1000 })]);
      await done('Modules running').waitFor({ timeout: HEALTHY_SECS_MAX * 1000 });
      await done('Healthy').waitFor({ timeout: HEALTHY_SECS_MAX * 1000 });
      // The command is shown once: it would be gone, had the page been loaded again.
      expect(await page.locator('#command').textContent()).toBe(command);
    },
    ACT_MS_MAX,
  );

  test(
    'a download through its cache shows in the figures',
    async () => {
      await page.getByRole('link', { name: 'Open the node' }).click();
      await page.locator('#part-state', { hasText: 'Healthy' }).waitFor();
      const path = `/bytes/${OBJECT_BYTES}/portal-${Date.now()}`;
      const base = `http://127.0.0.1:${SECOND_HTTP_PORT}`;
      const ofPath = () => ask(path, { base, headers: { host: CDN_HOST } });
      const [miss, hit] = [await ofPath(), await ofPath()];
      expect([miss.status, miss.bytes, hit.headers['x-cache'], hit.sha256]).toEqual([
        ...[200, OBJECT_BYTES, 'HIT', miss.sha256],
      ]);
      const { value: fetched } = await until('30 MB from origins on the page', FIGURES_SECS_MAX, async () => {
        const text = (await page.locator('#part-figures').textContent()) ?? '';
        const megabytes = Number(/([\d.]+)\sMB from origins/.exec(text)?.[1] ?? 0);
        return megabytes >= OBJECT_BYTES / 1e6 && megabytes;
      });
      expect(fetched).toBeLessThan((2 * OBJECT_BYTES) / 1e6);
      await page.locator('#part-drives', { hasText: 'MB of' }).waitFor({ timeout: FIGURES_SECS_MAX * 1000 });
    },
    ACT_MS_MAX,
  );

  test(
    'a module added in the editor runs',
    async () => {
      const { modulesContent } = await readManifest(SENSOR_MANIFEST);
      await editManifest(page, (content, text) => {
        const sensor = modulesContent.$edgeAgent!['properties.desired'] as unknown as AgentDesired;
        (content.$edgeAgent!['properties.desired'] as unknown as AgentDesired).modules.sensor = sensor.modules.sensor;
        return text(content);
      });
      await runs(page, 'sensor').waitFor({ timeout: APPLY_SECS_MAX * 1000 });
      expect((await secondContainer('sensor').inspect()).State.Running).toBe(true);
    },
    ACT_MS_MAX,
  );

  test(
    'its container is killed: restart count and timeline, live',
    async () => {
      const restarts = () => page.locator('#module-sensor td[data-label="Restarts"]').textContent();
      expect(Number(await restarts())).toBe(0);
      const before = Math.max(...(await shownEvents(page)).map(({ seq }) => seq));
      await secondContainer('sensor').kill();
      await until('the restart is counted on the page', APPLY_SECS_MAX, async () => Number(await restarts()) >= 1);
      await runs(page, 'sensor').waitFor({ timeout: APPLY_SECS_MAX * 1000 });
      await until('the timeline of the page tells of it', APPLY_SECS_MAX, async () =>
        (await shownEvents(page)).some(({ seq, text }) => seq > before && text.includes('sensor')),
      );
    },
    ACT_MS_MAX,
  );

  test(
    'back to the deployment before, from the history: the module goes',
    async () => {
      await page.goto(`${PORTAL_OF_NODE}/deployment`);
      const earlier = page.locator('#deployments tbody tr').nth(1);
      expect(await earlier.textContent()).not.toContain('sensor');
      await earlier.getByRole('link').click();
      await pressAndConfirm(page, 'Deploy this one again');
      await runs(page, 'MCC').waitFor();
      await page.locator('#module-sensor').waitFor({ state: 'detached', timeout: APPLY_SECS_MAX * 1000 });
      await expect(secondContainer('sensor').inspect()).rejects.toMatchObject({ statusCode: 404 });
      await page.locator('#part-state', { hasText: 'Healthy' }).waitFor({ timeout: APPLY_SECS_MAX * 1000 });
    },
    ACT_MS_MAX,
  );

  test(
    'a viewer is invited, joins, and looks',
    async () => {
      await page.goto('/portal/people');
      await page.getByLabel('User name').fill(VIEWER);
      await page.getByRole('button', { name: 'Make the invitation' }).click();
      const link = new URL((await page.locator('#link').textContent()) ?? '');
      viewer = await openPage();
      await viewer.goto(link.pathname + link.hash);
      await viewer.getByLabel('Password', { exact: true }).fill(VIEWER_PASSWORD);
      await viewer.getByLabel('Password again').fill(VIEWER_PASSWORD);
      await viewer.getByRole('button', { name: 'Join' }).click();
      await viewer.getByText('That worked.').waitFor();
      await signIn(viewer, VIEWER, VIEWER_PASSWORD);
      await viewer.goto(PORTAL_OF_NODE);
      await runs(viewer, 'MCC').waitFor();
    },
    ACT_MS_MAX,
  );

  test(
    'and can change nothing: no buttons, and a forged form is refused',
    async () => {
      expect(await viewer.locator('main button').count()).toBe(0);
      expect(await viewer.getByRole('link', { name: 'Settings' }).count()).toBe(0);
      const csrf = await viewer.locator('input[name=_csrf]').first().inputValue();
      const forged = { form: { _csrf: csrf, value: 'false' }, headers: { 'sec-fetch-site': 'same-origin' } };
      for (const place of ['enabled', 'draining', 'restart', 'deployment', 'provision', 'delete'])
        expect([place, (await viewer.request.post(`${PORTAL_OF_NODE}/${place}`, forged)).status()]).toEqual([
          place,
          403,
        ]);
      const node = JSON.parse((await mustWayside('node', 'show', SECOND_NODE, '--json')).stdout) as object;
      expect(node).toMatchObject({ isEnabled: true, isDraining: false });
    },
    ACT_MS_MAX,
  );

  test(
    'the node is deleted; its name has to be typed',
    async () => {
      await page.goto(`${PORTAL_OF_NODE}/delete`);
      await page.getByLabel(`Type ${SECOND_NODE} to confirm`).fill(SECOND_NODE);
      await page.getByRole('button', { name: `Delete ${SECOND_NODE}` }).click();
      await page.getByText('The cache node was deleted.').waitFor();
    },
    ACT_MS_MAX,
  );
}

/** Changes the manifest in the editor and deploys it; leaves the page on the node. */
async function editManifest(
  page: Page,
  change: (content: Content, text: (content: Content) => string) => string,
): Promise<void> {
  await page.goto(`${PORTAL_OF_NODE}/deployment`);
  const editor = page.getByLabel('Deployment manifest (JSON)');
  const { modulesContent } = JSON.parse(await editor.inputValue()) as { modulesContent: Content };
  await editor.fill(change(modulesContent, (content) => JSON.stringify({ modulesContent: content }, null, 2)));
  await pressAndConfirm(page, `Deploy to ${SECOND_NODE}`);
  await page.getByText('The deployment was accepted').waitFor();
}

/** Events of the timeline as they stand on the page. */
function shownEvents(page: Page): Promise<{ seq: number; text: string }[]> {
  return page.evaluate(`[...document.querySelectorAll('#part-events .event')].map(({ id, textContent }) =>
    ({ seq: Number(id.replace('event-', '')), text: textContent }))`);
}

/** The status of a module on the page of its node; what is wanted of it stands in another column. */
function runs(page: Page, module: string) {
  return page.locator(`#module-${module} td[data-label="Status"]`, { hasText: 'running' });
}
