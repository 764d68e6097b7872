// Versions of the modules over the real cloud: a new one waits for the window of the node, a critical one does not, a broken one goes back
// (connected-cache.md 6, rows 60 and 61). And what a node announced by BGP, as a list to download (row 52).

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { group, Sender } from './bgp-sender.ts';
import { CloudUnderTest, until } from './cloud-under-test.ts';
import { ScriptedNode } from './scripted-node.ts';

jest.setTimeout(180_000);

const HOUR_MS = 3_600_000;
const cloud = new CloudUnderTest({ WAYSIDE_IMAGE_TAG: '1.0.0' });
let node = new ScriptedNode(cloud, 'edge1');

/** The month's window of the ring that opened an hour ago; at the end of a month, when there is none, the fast ring. */
function ringOpenNow(): object {
  const from = new Date(Date.now() - HOUR_MS);
  const day = from.getUTCDate();
  if (day > 28) return { ring: 'fast' };
  const at = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  const window = { week: Math.ceil(day / 7), weekday: from.getUTCDay() + 1, timeZone: 'UTC' };
  return { ring: 'slow', ...window, from: at(Number(from)), to: at(Number(from) + 6 * HOUR_MS) };
}
/** A window that is not today. */
function ringShutNow(): object {
  const weekday = ((new Date().getUTCDay() + 3) % 7) + 1;
  return { ring: 'slow', week: 1, weekday, from: '02:00', to: '03:00', timeZone: 'UTC' };
}

const patch = async (json: object) =>
  expect(await cloud.call('PATCH', '/nodes/edge1', { json })).toMatchObject({ status: 200 });
const update = async () => (await cloud.call('GET', '/nodes/edge1')).body.update;
const inState = (state: string) =>
  until(`the update is ${state}`, async () => {
    const now = await update();
    return now.state === state && now;
  });
const cacheImage = async () => {
  const { body } = await cloud.call('GET', '/nodes/edge1/deployment');
  return body.modulesContent.$edgeAgent['properties.desired'].modules.MCC.settings.image;
};
const history = async () =>
  (await cloud.call('GET', '/nodes/edge1/updates')).body.updates.map(
    (row: { version: string; reason: string; by: string; state: string }) => [
      ...[row.version, row.reason, row.by, row.state],
    ],
  );
const timeline = async (): Promise<string[]> =>
  (await cloud.call('GET', '/nodes/edge1/timeline?limit=1000')).body.events
    .filter(({ kind }: { kind: string }) => kind === 'update')
    .map(({ text }: { text: string }) => text);
async function setAccount(json: object): Promise<void> {
  const [account] = (await cloud.call('GET', '/accounts')).body.accounts;
  expect((await cloud.call('PATCH', `/accounts/${account.customerId}`, { json })).status).toBe(200);
}

beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  const drives = [{ path: '/d', sizeGb: 10 }];
  const json = { name: 'edge1', ipAddress: '203.0.114.7', drives, updateRing: ringShutNow() };
  expect((await cloud.call('POST', '/nodes', { json })).status).toBe(201);
  await node.register((await cloud.call('POST', '/nodes/edge1/provisioning')).body.command);
  await node.connect();
  await node.beat();
});
afterAll(async () => {
  await node.close();
  await cloud.close();
});

describe('a new version of the cloud', () => {
  test('waits for the window of the node, while other fields reach it at once', async () => {
    await node.close();
    await cloud.stop();
    cloud.config = { ...cloud.config, imageTag: '1.1.0' };
    await cloud.start();
    await cloud.login();
    node = new ScriptedNode(cloud, 'edge1');
    await node.connect();
    const waiting = await inState('waiting');
    expect(waiting).toMatchObject({ version: '1.0.0', waitingVersion: '1.1.0', ring: ringShutNow() });
    expect(Date.parse(waiting.nextWindow.fromUtc)).toBeGreaterThan(Date.now());
    await patch({ httpPort: 8080 });
    const { body } = await cloud.call('GET', '/nodes/edge1/deployment');
    const { settings } = body.modulesContent.$edgeAgent['properties.desired'].modules.MCC;
    expect([settings.image, settings.createOptions]).toEqual(['wayside/cache:1.0.0', expect.stringContaining('8080')]);
    expect(await history()).toEqual([]);
  });

  test('goes out when the window opens, and is current when the node runs it', async () => {
    await patch({ updateRing: ringOpenNow() });
    await inState('underway');
    expect(await cacheImage()).toBe('wayside/cache:1.1.0');
    await node.beat();
    expect(await inState('current')).toMatchObject({ version: '1.1.0', waitingVersion: null });
    expect(await history()).toEqual([['1.1.0', 'ring', '', 'applied']]);
    expect(await timeline()).toEqual([
      'Version 1.1.0 of the modules waits for the window of the node',
      'Version 1.1.0 of the modules goes out, 1.0.0 ran before: its ring lets it',
      'Version 1.1.0 of the modules runs',
    ]);
  });
});

describe('a broken version', () => {
  const description =
    'replace MCC: Cannot update MCC to wayside/cache:1.2.0: it ended with exit code 1; wayside/cache:1.1.0 runs again (AGENT_UPDATE_ROLLED_BACK)';

  test('goes back to the one before: an issue of the node, a row of the history, and no second try', async () => {
    await setAccount({ moduleVersion: '1.2.0' });
    await inState('underway');
    await node.beat({}, { code: 500, description });
    expect(await inState('failed')).toMatchObject({ version: '1.1.0', failedVersion: '1.2.0', error: description });
    expect(await cacheImage()).toBe('wayside/cache:1.1.0');
    await node.beat();
    const { body } = await cloud.call('GET', '/nodes/edge1');
    expect(body.issues).toEqual([{ kind: 'UpdateFailed', subject: '1.2.0' }]);
    expect(body.reasons.map(({ code }: { code: string }) => code)).toContain('UpdateFailed');
    expect((await history())[0]).toEqual(['1.2.0', 'ring', '', 'failed']);
  });

  test('is tried again when somebody says so', async () => {
    const asked = await cloud.call('POST', '/nodes/edge1/update-now');
    expect(asked).toMatchObject({ status: 200, body: { state: 'underway', version: '1.2.0', failedVersion: null } });
    // Between the failure and this no round of the cloud had tried it.
    expect((await history()).slice(0, 2)).toEqual([
      ['1.2.0', 'asked', 'admin', 'underway'],
      ['1.2.0', 'ring', '', 'failed'],
    ]);
    await node.beat();
    expect((await inState('current')).version).toBe('1.2.0');
  });
});

test('a critical version goes out at once, outside the window', async () => {
  await patch({ updateRing: ringShutNow() });
  await setAccount({ moduleVersion: '1.3.0', criticalVersions: ['1.3.0'] });
  await inState('underway');
  expect(await cacheImage()).toBe('wayside/cache:1.3.0');
  expect((await history())[0]).toEqual(['1.3.0', 'critical', '', 'underway']);
  await node.beat();
  await inState('current');
});

test('what is no ring is named field by field; a deployment of the own has its own versions', async () => {
  const json = { updateRing: { ring: 'slow', week: 9, weekday: 1, from: '02:00', to: '03:00', timeZone: 'Mars' } };
  const refused = await cloud.call('PATCH', '/nodes/edge1', { json });
  expect([refused.status, refused.body.error.problems.map(({ path }: { path: string }) => path)]).toEqual([
    400,
    ['updateRing.week', 'updateRing.timeZone'],
  ]);
  const { body } = await cloud.call('GET', '/nodes/edge1/deployment');
  body.modulesContent.$edgeAgent['properties.desired'].modules.MCC.version = '7';
  expect((await cloud.call('PUT', '/nodes/edge1/deployment', { json: body })).status).toBe(200);
  const asked = await cloud.call('POST', '/nodes/edge1/update-now');
  expect([asked.status, asked.body.error.code]).toEqual([409, 'CLOUD_UPDATE_NOT_POSSIBLE']);
});

test('row 52: the downloaded JSON lists the prefixes that the node announced, and no others', async () => {
  const sessions = [{ neighborAddress: '192.0.2.1', neighborAsn: 64510 }];
  const json = { name: 'edge2', ipAddress: '203.0.114.8', prefixSource: 'bgp', bgp: { sessions } };
  const drives = [{ path: '/d', sizeGb: 10 }];
  expect((await cloud.call('POST', '/nodes', { json: { ...json, drives } })).status).toBe(201);
  const bgp = await cloud.connect('edge2', 'bgp');
  const sender = new Sender();
  const send = (batch: object) =>
    bgp.publishAsync(
      'devices/edge2/modules/bgp/messages/events/messageType=bgpRoutes&%24.ct=application%2Fjson',
      JSON.stringify(batch),
      { qos: 1 },
    );
  const download = async (): Promise<string[]> => (await cloud.call('GET', '/nodes/edge2/bgp-cidrs')).body.bgpCidrs;
  const lists = (what: string, wanted: string[]) =>
    until(what, async () => (await download()).sort().join() === wanted.sort().join());
  await send(sender.batch('snapshot', [group(['2.20.0.0/16', '2.21.234.0/24', '5.6.0.0/20'])]));
  await lists('the snapshot', ['2.20.0.0/16', '2.21.234.0/24', '5.6.0.0/20']);
  await send(sender.batch('delta', [group(['9.9.9.0/24'])], [{ session: 'r1', prefixes: ['2.21.234.0/24'] }]));
  await lists('one more, one withdrawn', ['2.20.0.0/16', '5.6.0.0/20', '9.9.9.0/24']);
  await bgp.endAsync(true);
});
