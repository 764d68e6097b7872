// Words of strangers on every page of the portal: markup and formulas in everything that a node, a user or an address can say stay words.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { MqttClient } from 'mqtt';
import type { Page } from 'playwright-core';
import { CloudUnderTest, until } from './cloud-under-test.ts';
import { ensureBundle, PAGE_TIMEOUT_MS, PortalBrowser, signIn } from './portal-browser.ts';

jest.setTimeout(240_000);

/** Leaves every place markup can stand in: text, attributes, textarea, title, script, comment, JSON. `who` tells where it came through. */
const evil = (who: string) =>
  `--></textarea></title></script>"'><svg onload=globalThis.hacked='${who}'><img src=x onerror=globalThis.hacked='${who}'>&lt;b&gt;`;
/** What stands in a page where something of it was not escaped. */
const RAW = /<(svg|img)[^>]*(onload|onerror)=globalThis/;
const FORMULA = '=HYPERLINK("https://evil.example","x")';

const cloud = new CloudUnderTest();
let portal: PortalBrowser;
let page: Page;
let agent: MqttClient;
let cache: MqttClient;

beforeAll(async () => {
  ensureBundle();
  await cloud.start();
  await cloud.login();
  const node = { name: 'edge1', ipAddress: '127.0.0.1', httpPort: 9, drives: [{ path: '/datadrive', sizeGb: 100 }] };
  await cloud.call('POST', '/nodes', { json: node });
  agent = await cloud.connect('edge1', '$edgeAgent');
  answerMethods(agent);
  await agent.subscribeAsync('$iothub/methods/POST/#', { qos: 0 });
  await say(agent, '$edgeAgent', 'health', hostileHealth());
  await until('the words of the agent', async () =>
    (await cloud.call('GET', '/nodes/edge1/monitor')).body.modules.some(({ name }: { name: string }) => name !== 'MCC'),
  );
  cache = await cloud.connect('edge1', 'MCC');
  await say(cache, 'MCC', 'cacheReport', hostileReport());
  portal = new PortalBrowser(cloud.url);
  page = await portal.open();
  await signIn(page, 'admin', cloud.adminSecret);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}, 180_000);
afterAll(async () => {
  await portal?.close();
  await agent?.endAsync(true);
  await cache?.endAsync(true);
  await cloud.close();
}, 60_000);

/** Who got a script to run; undefined = nobody. */
const hacked = () => page.evaluate<string | undefined>('globalThis.hacked');

async function openSafely(path: string): Promise<string> {
  const response = await page.goto(path);
  const markup = (await response?.text()) ?? '';
  expect([path, RAW.exec(markup)?.[0], await hacked()]).toEqual([path, undefined, undefined]);
  return markup;
}

describe('words that are kept', () => {
  test('of a node: modules, reasons, images, versions, deployment, drives, content classes, timeline', async () => {
    const shown = [];
    for (const place of ['', '/timeline', '/routing', '/deployment', '/edit', '/provision', '/delete'])
      shown.push(await openSafely(`/portal/nodes/edge1${place}`));
    // They came that far: a page that left them out would prove nothing.
    for (const who of ['module', 'description', 'image', 'daemon'])
      expect([who, shown[0]?.includes(`hacked=&#39;${who}&#39;`)]).toEqual([who, true]);
    expect(shown[1]).toContain('hacked=&#39;module&#39;');
    expect(await openSafely('/portal')).toContain('hacked=&#39;');
    await openSafely('/portal/nodes?sort=state');
    expect(await page.locator('#node-edge1', { hasText: /and \d more/ }).count()).toBe(1);
  });

  test('charts and legends are drawn from words, too', async () => {
    await page.goto('/portal/nodes/edge1?range=1h');
    await until('the report is in the traffic', async () => {
      const { points } = (await cloud.call('GET', '/nodes/edge1/traffic?range=1h&by=contentClass')).body;
      return points.length > 0;
    });
    await page.reload();
    await page.locator('.chart canvas').first().waitFor();
    expect(await hacked()).toBeUndefined();
  });

  test('live: parts that are morphed in', async () => {
    await page.goto('/portal/nodes/edge1');
    await say(agent, '$edgeAgent', 'health', hostileHealth('later'));
    await page.locator('#part-modules', { hasText: "hacked='later'" }).waitFor({ timeout: PAGE_TIMEOUT_MS });
    expect(await hacked()).toBeUndefined();
  });

  test('of a log, and of the name of its module', async () => {
    await openSafely(`/portal/nodes/edge1/logs?module=${encodeURIComponent(evil('param'))}`);
    await page.goto('/portal/nodes/edge1/logs?module=MCC');
    await page.locator('.log-lines', { hasText: "hacked='log'" }).waitFor();
    await page.getByPlaceholder('Only lines that hold').fill(evil('filter'));
    expect(await hacked()).toBeUndefined();
  });

  test('of people: names of tokens, programs that signed in, labels and conditions of deployments, the audit log of it all', async () => {
    const json = { name: evil('token').slice(0, 100), role: 'viewer', expiresInDays: 1 };
    await cloud.call('POST', '/me/tokens', { json });
    const invited = await cloud.call('POST', '/invitations', { json: { username: evil('user'), role: 'viewer' } });
    expect(invited.status).toBe(400);
    await cloud.call('PATCH', '/nodes/edge1', { json: { proxy: evil('proxy') } });
    for (const path of ['/portal/account', '/portal/people', '/portal/audit', '/portal/deployments'])
      await openSafely(path);
  });

  test('of a deployment: kept in the manifest, shown in editor, history and dry run', async () => {
    const { modulesContent } = (await cloud.call('GET', '/nodes/edge1/manifest')).body;
    modulesContent.$edgeAgent['properties.desired'].modules.MCC.env.X = { value: evil('env') };
    modulesContent.$edgeHub['properties.desired'].routes['</pre>'] = 'FROM /messages/* INTO $upstream';
    const { status } = await cloud.call('PUT', '/nodes/edge1/deployment', { json: { modulesContent } });
    expect([200, 202, 204, 400]).toContain(status);
    await openSafely('/portal/nodes/edge1/deployment');
    await page.locator('#manifest').waitFor();
    const links = page.locator('#deployments tbody a');
    if ((await links.count()) > 0) await openSafely((await links.first().getAttribute('href')) ?? '');
  });
});

describe('words that come back', () => {
  const PARAMETERS = ['q', 'state', 'sort', 'page', 'range', 'kind', 'done', 'next', 'from', 'module', 'address'];
  const PATHS = [
    ...['/portal', '/portal/nodes', '/portal/nodes/edge1', '/portal/nodes/edge1/timeline', '/portal/nodes/edge1/logs'],
    ...['/portal/nodes/edge1/deployment', '/portal/nodes/edge1/routing', '/portal/routing', '/portal/audit'],
    ...['/portal/deployments', '/portal/people', '/portal/account', '/portal/sign-in', '/portal/join'],
  ];

  test.each(PATHS)('every parameter of %s', async (path) => {
    const known = await page.evaluate<string[]>(
      `fetch(${JSON.stringify(path)}).then((r) => r.text()).then((t) => [...new DOMParser().parseFromString(t, 'text/html')
        .querySelectorAll('[name]')].map((e) => e.name).filter((n) => n && n !== '_csrf'))`,
    );
    const query = new URLSearchParams(
      [...new Set([...PARAMETERS, ...known])].map((name) => [name, evil(name)] as [string, string]),
    );
    await openSafely(`${path}?${query}`);
    await openSafely(`${path}?${encodeURIComponent(evil('name'))}=1`);
  });

  test('a path that is no page, a node that is none, a fragment', async () => {
    for (const path of ['', 'nodes/', 'deployments/', 'nodes/edge1/', 'nodes/edge1/deployments/'])
      await openSafely(`/portal/${path}${encodeURIComponent(evil('path'))}`);
    await page.goto(`/portal/join#${evil('hash')}`);
    expect(await hacked()).toBeUndefined();
  });

  test('every field of every form', async () => {
    const forms = ['/portal/nodes/new', '/portal/nodes/edge1/edit', '/portal/deployments/new', '/portal/people'];
    const sent: string[] = [];
    for (const path of [...forms, '/portal/account', '/portal/nodes/edge1/deployment', '/portal/join']) {
      await page.goto(path);
      for (const form of await page.locator('main form[method=post]').all()) {
        const action = (await form.getAttribute('action')) ?? '';
        // Whoever ends their own session, or withdraws what is there, says nothing that comes back.
        if (/\/(end|withdraw|delete|remove|reset)$/.test(action)) continue;
        const names = await form.locator('[name]').all();
        const fields = await Promise.all(names.map((one) => one.getAttribute('name')));
        const typed = fields.filter((name) => name !== null && name !== '_csrf') as string[];
        const values = Object.fromEntries(typed.map((name) => [name, evil(name)]));
        sent.push(action);
        const csrf = (await form.locator('input[name=_csrf]').inputValue()) ?? '';
        const answer = await page.request.post(action, {
          form: { ...values, _csrf: csrf },
          headers: { 'sec-fetch-site': 'same-origin' },
          maxRedirects: 0,
        });
        expect([action, answer.status() < 500, RAW.exec(await answer.text())?.[0]]).toEqual([action, true, undefined]);
      }
    }
    for (const action of ['/portal/people', '/portal/account/tokens', '/portal/nodes/edge1/deployment'])
      expect(sent).toContain(action);
  });

  test('sign-in gives a name back as a name', async () => {
    await portal.forget();
    await page.goto('/portal/sign-in');
    await page.getByLabel('User name').fill(evil('sign-in').slice(0, 100));
    await page.getByLabel('Password', { exact: true }).fill('x');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('User name or password is wrong').waitFor();
    expect([await hacked(), RAW.exec(await page.content())?.[0]]).toEqual([undefined, undefined]);
    await signIn(page, 'admin', cloud.adminSecret);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });
});

describe('and elsewhere', () => {
  test('no cell of a CSV is a formula', async () => {
    for (const path of ['/portal/nodes/edge1?csv=modules', '/portal/nodes/edge1/timeline?csv=timeline']) {
      const text = await (await page.request.get(path)).text();
      expect(text).toContain('HYPERLINK');
      expect(text).not.toMatch(/(^|,)"?[=+\-@\t]/m);
    }
  });

  test('no policy was broken, no script failed, no dialog opened', () => {
    expect(portal.complaints).toEqual([]);
    expect(portal.dialogs).toEqual([]);
  });
});

async function say(client: MqttClient, module: string, type: string, body: object): Promise<void> {
  const topic = `devices/edge1/modules/${module}/messages/events/messageType=${type}&%24.ct=application%2Fjson`;
  await client.publishAsync(topic, JSON.stringify(body), { qos: 1 });
}

function answerMethods(client: MqttClient): void {
  client.on('message', (topic) => {
    const rid = /\$rid=(.+)$/.exec(topic)?.[1] ?? '';
    const answer = [{ id: 'MCC', payload: `${evil('log')}\n\u001b[31m${evil('colour')}\n` }];
    client.publish(`$iothub/methods/res/200/?$rid=${rid}`, JSON.stringify(answer));
  });
}

function hostileHealth(description = 'description'): object {
  const module = {
    ...{ runtimeStatus: 'failed', statusDescription: evil(description), image: evil('image'), imageHash: evil('hash') },
    ...{ restartCount: 3, exitCode: 1, lastStartTimeUtc: '2026-01-01T00:00:00Z', lastExitTimeUtc: '<svg onload=1>' },
  };
  const names = ['MCC', evil('module'), FORMULA];
  return {
    ...{ schemaVersion: '1.0', atUtc: new Date().toISOString(), agentVersion: evil('agent'), lastDesiredVersion: 1 },
    lastDesiredStatus: { code: 400, description: evil('status') },
    modules: names.map((name) => ({ ...module, name })),
    daemon: { version: evil('daemon').slice(0, 100), startTimeUtc: '2026-01-01T00:00:00Z' },
    host: { name: evil('host') },
  };
}

function hostileReport(): object {
  const [from, to] = [new Date(Date.now() - 15_000), new Date()];
  const volume = { hits: 1, misses: 1, hitBytes: 1_000_000, missBytes: 1_000_000 };
  return {
    ...{ schemaVersion: '1.0', fromUtc: from.toISOString(), toUtc: to.toISOString(), requests: 2, errors5xx: 0 },
    ...{ ...volume, egressBytes: 2_000_000, ingressBytes: 1_000_000 },
    byOrigin: [{ host: evil('origin'), contentClass: evil('class'), ...volume }],
    byContentClass: [{ contentClass: evil('class'), ...volume }],
    drives: [
      { path: evil('drive'), sizeBytes: 1e11, usedBytes: 1e9, state: 'failed', issue: evil('drive').slice(0, 90) },
    ],
  };
}
