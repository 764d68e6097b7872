// A real browser on the portal of a cloud under test: Debian's Chromium, driven by Playwright, judged by axe-core.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];
/** Two cores that others use as well: a page may take its time. */
export const PAGE_TIMEOUT_MS = 45_000;
const HTML_CHARACTERS_MAX = 200;
const BUNDLE = fileURLToPath(new URL('../dist/portal/entries.json', import.meta.url));
const BUILDER = fileURLToPath(new URL('../../../scripts/build-portal.ts', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The pages need their scripts and styles; `npm test` has built them. */
export function ensureBundle(): void {
  if (existsSync(BUNDLE)) return;
  const env = { ...process.env, NODE_OPTIONS: '' };
  execFileSync(process.execPath, [BUILDER], { env });
}

export class PortalBrowser {
  readonly base: string;
  /** What pages complained of: errors of scripts, refusals of the content security policy. */
  readonly complaints: string[] = [];
  /** Texts of dialogs that a script opened. None is ours: we ask in the page. */
  readonly dialogs: string[] = [];
  private readonly profile = mkdtempSync(join(tmpdir(), 'wayside-portal-'));
  private context: BrowserContext | undefined;

  constructor(base: string) {
    this.base = base;
  }

  async open(): Promise<Page> {
    if (!this.context) {
      const executablePath = PROGRAMS.find((program) => existsSync(program));
      if (!executablePath) throw new Error(`No browser for the portal's tests: wanted one of ${PROGRAMS.join(', ')}`);
      this.context = await chromium.launchPersistentContext(this.profile, {
        ...{ executablePath, headless: true, ignoreHTTPSErrors: true, args: FLAGS },
        ...{ baseURL: this.base, viewport: { width: 1280, height: 900 }, timezoneId: 'America/New_York' },
        // Colours that are on their way to others would be measured as they pass.
        reducedMotion: 'reduce',
        ...{ timeout: PAGE_TIMEOUT_MS, locale: 'en-US' },
      });
      this.context.setDefaultTimeout(PAGE_TIMEOUT_MS);
    }
    const page = await this.context.newPage();
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
        this.complaints.push(message.text());
      }
    });
    page.on('dialog', (dialog) => {
      this.dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    return page;
  }

  cookies() {
    return this.context?.cookies() ?? Promise.resolve([]);
  }

  async setCookies(cookies: Parameters<BrowserContext['addCookies']>[0]): Promise<void> {
    await this.context?.addCookies(cookies);
  }

  async forget(): Promise<void> {
    await this.context?.clearCookies();
  }

  async close(): Promise<void> {
    await this.context?.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

export async function signIn(page: Page, username: string, password: string): Promise<void> {
  await page.goto('/portal/sign-in');
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Findings of axe-core that keep people out: serious and critical ones, as `rule: element`. `rules`: only these. */
export async function accessFindings(page: Page, rules?: string[]): Promise<string[]> {
  // By the debugger, which the page's content security policy does not bind.
  await page.evaluate(AXE);
  const only = rules ? { runOnly: { type: 'rule', values: rules } } : {};
  const options = { resultTypes: ['violations'], ...only };
  const violations = await page.evaluate<Violation[]>(`axe.run(${JSON.stringify(options)}).then(({ violations }) =>
    violations.map(({ id, impact, nodes }) => ({ id, impact, html: nodes[0].html })))`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, html }) => `${id}: ${html.slice(0, HTML_CHARACTERS_MAX)}`);
}

interface Violation {
  id: string;
  impact: string;
  html: string;
}
