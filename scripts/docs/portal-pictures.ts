// Takes the README's pictures of the portal from a running cloud into docs/pictures: node scripts/docs/portal-pictures.ts URL SECRET_FILE [NODE]

import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const FOLDER = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
const VIEWPORT = { width: 1280, height: 800 };

const [url = 'https://localhost', secretFile = '/var/lib/wayside-cloud/admin-secret', node = 'edge1'] =
  process.argv.slice(2);
mkdirSync(FOLDER, { recursive: true });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  const context = await browser.newContext({ baseURL: url, ignoreHTTPSErrors: true, viewport: VIEWPORT });
  const page = await context.newPage();
  await page.goto('/portal/sign-in');
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password', { exact: true }).fill(readFileSync(secretFile, 'utf8').trim());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  for (const [name, path] of [
    ['portal-overview', '/portal?range=1h'],
    ['portal-node', `/portal/nodes/${encodeURIComponent(node)}?range=1h`],
  ] as const) {
    await page.goto(path);
    // Drawn by scripts; an hour without traffic has no chart.
    if ((await page.locator('[data-charts]').count()) > 0) await page.locator('.chart canvas').first().waitFor();
    await page.screenshot({ path: `${FOLDER}${name}.png` });
  }
} finally {
  await browser.close();
}
