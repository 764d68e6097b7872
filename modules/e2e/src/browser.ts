// A browser on the cloud's portal: Debian's Chromium without a window, one profile for each person that looks.

import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { CLOUD_HTTPS_PORT } from './settings.ts';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking'.split(' ');
/** Of what a page does by itself; what a node has to do first has limits of its own. */
export const PAGE_MS_MAX = 60_000;

let browser: Browser | undefined;

/** A page in a profile of its own: nobody is signed in there. */
export async function openPage(): Promise<Page> {
  const executablePath = PROGRAMS.find((program) => existsSync(program));
  if (!executablePath) throw new Error(`No browser: wanted one of ${PROGRAMS.join(', ')}`);
  browser ??= await chromium.launch({ executablePath, headless: true, args: FLAGS, timeout: PAGE_MS_MAX });
  const context: BrowserContext = await browser.newContext({
    baseURL: `https://localhost:${CLOUD_HTTPS_PORT}`,
    ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(PAGE_MS_MAX);
  return context.newPage();
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

export async function signIn(page: Page, username: string, password: string): Promise<void> {
  await page.goto('/portal/sign-in');
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}

/** Presses a button that asks first, and says yes. */
export async function pressAndConfirm(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name }).click();
  await page.getByRole('dialog').getByRole('button', { name }).click();
}
