import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import got from 'got';
import type { MqttClient } from 'mqtt';
import { CloudUnderTest, DataPort, until } from './cloud-under-test.ts';

jest.setTimeout(40_000);

const cloud = new CloudUnderTest();
const dataPort = new DataPort();
let agent: MqttClient;
let daemon: { version: string; startTimeUtc: string } | null = null;

const HEALTH_TOPIC = 'devices/edge1/modules/$edgeAgent/messages/events/messageType=health&%24.ct=application%2Fjson';
const REPORT_TOPIC = 'devices/edge1/modules/MCC/messages/events/messageType=cacheReport';

beforeAll(async () => {
  const httpPort = await dataPort.listen();
  await cloud.start();
  await cloud.login();
  const drives = [{ path: '/datadrive', sizeGb: 10 }];
  await cloud.call('POST', '/nodes', { json: { name: 'edge1', ipAddress: '127.0.0.1', httpPort, drives } });
  agent = await cloud.connect('edge1', '$edgeAgent');
}, 60_000);
afterAll(async () => {
  await agent.endAsync(true);
  await cloud.close();
  await dataPort.close();
});

const monitor = async () => (await cloud.call('GET', '/nodes/edge1/monitor')).body;
const timeline = async (): Promise<string[]> =>
  (await cloud.call('GET', '/nodes/edge1/timeline?limit=1000')).body.events.map(
    (event: { text: string }) => event.text,
  );
const seenOf = ({ modules, daemon: seen }: { modules: unknown; daemon: unknown }) => ({ modules, daemon: seen });
const untilState = (state: string) =>
  until(`state ${state}`, async () => {
    const document = await monitor();
    return document.state === state && document;
  });

async function beat(mcc: object = {}, version?: number): Promise<void> {
  const lastDesiredVersion = version ?? (await monitor()).deployment.desiredVersion;
  const started = { runtimeStatus: 'running', restartCount: 0, lastStartTimeUtc: '2026-01-01T00:00:00Z' };
  const modules = ['edgeAgent', 'edgeHub', 'MCC'].map((name) => ({ name, ...started, ...(name === 'MCC' ? mcc : {}) }));
  const status = { lastDesiredVersion, lastDesiredStatus: { code: 200, description: '' } };
  const health = {
    schemaVersion: '1.0',
    atUtc: new Date().toISOString(),
    agentVersion: '1',
    ...status,
    modules,
    daemon,
    host: {},
  };
  await agent.publishAsync(HEALTH_TOPIC, JSON.stringify(health), { qos: 1 });
}

describe('a node that phones home', () => {
  test('is Healthy when heartbeat, modules, deployment and data port are in order', async () => {
    await beat();
    const document = await untilState('Healthy');
    expect(document).toMatchObject({
      connected: true,
      reasons: [],
      lastHeartbeatUtc: expect.any(String),
      probe: { ok: true, httpStatus: 206, error: null },
      deployment: { code: 200 },
    });
    expect(document.modules.map((m: { name: string; startsSeen: number }) => [m.name, m.startsSeen])).toEqual([
      ['edgeAgent', 1],
      ['edgeHub', 1],
      ['MCC', 1],
    ]);
    expect(dataPort.requests[0]).toEqual({
      url: '/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com',
      range: 'bytes=0-4095',
    });
  });

  test('a killed and restarted module is seen with times and counts', async () => {
    await beat({ runtimeStatus: 'failed', exitCode: 137, lastExitTimeUtc: '2026-01-02T00:00:00Z' });
    expect((await untilState('Unhealthy')).reasons).toMatchObject([{ code: 'ModuleNotRunning' }]);
    await beat({ restartCount: 1, exitCode: 137, lastStartTimeUtc: '2026-01-02T00:00:05Z' });
    const mcc = (await untilState('Healthy')).modules[2];
    expect(mcc).toMatchObject({ restartCount: 1, startsSeen: 2, lastStartTimeUtc: '2026-01-02T00:00:05Z' });
    // Written down a moment after it is shown.
    const texts = await until('the change of state in the timeline', async () => {
      const found = await timeline();
      return found.includes('Unhealthy -> Healthy') && found;
    });
    expect(texts).toContain('MCC running -> failed');
    expect(texts).toContain('MCC failed -> running, started at 2026-01-02T00:00:05Z, restart count 0 -> 1');
  });

  test('a restarted daemon is seen with time and count', async () => {
    expect((await monitor()).daemon).toBeNull();
    daemon = { version: '1.0', startTimeUtc: '2026-01-01T00:00:00.000Z' };
    await beat({ restartCount: 1 });
    await until('the daemon', async () => (await monitor()).daemon !== null);
    daemon = { version: '1.1', startTimeUtc: '2026-01-02T00:00:00.000Z' };
    await beat({ restartCount: 1 });
    await until('its restart', async () => (await monitor()).daemon.startsSeen === 2);
    const seen = (await monitor()).daemon;
    expect(seen).toEqual({ ...daemon, startsSeen: 2, lastChangeUtc: expect.any(String) });
    expect(Date.now() - Date.parse(seen.lastChangeUtc)).toBeLessThan(40_000);
    expect(await timeline()).toContain('Daemon started at 2026-01-02T00:00:00.000Z, starts seen 2, version 1.0 -> 1.1');
  });

  test.each([
    ['broken', 'answered 502, wanted 200 or 206'],
    ['html', 'answered with content type text/html, wanted image/gif'],
  ] as const)(
    'is Unhealthy while its data port is %s though the heartbeat lives, and Healthy again after',
    async (mode, why) => {
      dataPort.mode = mode;
      const document = await untilState('Unhealthy');
      expect(document.reasons).toMatchObject([{ code: 'DataPortUnreachable', text: expect.stringContaining(why) }]);
      dataPort.mode = 'ok';
      await beat();
      await untilState('Healthy');
      expect((await timeline()).filter((text) => text === 'The data port answers').length).toBeGreaterThan(0);
    },
  );

  test('cache figures and messages of modules can be read back', async () => {
    const mcc = await cloud.connect('edge1', 'MCC');
    const toMs = Date.now();
    const times = { fromUtc: new Date(toMs - 10_000).toISOString(), toUtc: new Date(toMs).toISOString() };
    const counts = { requests: 10, hits: 8, misses: 2, errors5xx: 0 };
    const bytes = { hitBytes: 8e6, missBytes: 2e6, egressBytes: 1e7, ingressBytes: 2e6 };
    const byOrigin = [{ host: 'a.example', hitBytes: 5e6, missBytes: 2e6 }];
    const totals = { hitBytes: 8e6, missBytes: 2e6, egressBytes: 1e7, hitRatioBytes: 0.8 };
    const report = { schemaVersion: '1.0', ...times, ...counts, ...bytes, totals, byOrigin, drives: [] };
    await mcc.publishAsync(REPORT_TOPIC, JSON.stringify(report), { qos: 1 });
    await mcc.publishAsync('devices/edge1/modules/MCC/messages/events/a=b', 'plain', { qos: 1 });
    await mcc.publishAsync('devices/edge1/modules/MCC/messages/events/', Buffer.from([0xff, 0]), { qos: 1 });
    await mcc.endAsync();
    const { cache } = await until('cache figures', async () => {
      const document = await monitor();
      return document.cache !== null && document;
    });
    expect(cache).toMatchObject({ egressMbps: 8, ingressMbps: 1.6, hitRatio: 0.8, requestsPerSec: 1, totals });
    const page = (await cloud.call('GET', '/nodes/edge1/telemetry?module=MCC&after=0')).body;
    expect(page.messages.map((message: { body: unknown }) => message.body)).toEqual([
      report,
      'plain',
      { base64: '/wA=' },
    ]);
    expect(page.messages[1].properties).toEqual({ a: 'b' });
    expect(page.next).toBe(page.messages[2].seq);
    const rest = (await cloud.call('GET', `/nodes/edge1/telemetry?module=MCC&after=${page.next}`)).body;
    expect(rest).toEqual({ messages: [], next: page.next });
    const { minutes } = (await cloud.call('GET', '/nodes/edge1/cache-minutes?to=2099-01-01T00:00:00Z&from=1h')).body;
    expect(minutes).toMatchObject([{ requests: 10, egressBytes: 1e7 }]);
    for (const range of ['1h', '12h', '1d', '7d', '14d', '30d']) {
      const { points } = (await cloud.call('GET', `/nodes/edge1/traffic?range=${range}`)).body;
      expect([range, points.length, points[0]?.hitBytes]).toEqual([range, 1, 8e6]);
    }
    const { points } = (await cloud.call('GET', '/traffic?range=1h&by=origin')).body;
    expect(points.map((one: { label: string; hitBytes: number }) => [one.label, one.hitBytes])).toEqual([
      ['(other)', 3e6],
      ['a.example', 5e6],
    ]);
    expect((await cloud.call('GET', '/traffic?range=2h')).status).toBe(400);
  });

  test.each(['limit=0', 'limit=1001', 'limit=x', 'after=-1', 'since=yesterday', 'colour=red'])(
    'refuses ?%s',
    async (query) => {
      expect((await cloud.call('GET', `/nodes/edge1/telemetry?${query}`)).status).toBe(400);
    },
  );
});

describe('reaching into a node', () => {
  test('methods and logs go through edgeAgent; the timeline keeps who called', async () => {
    await agent.subscribeAsync('$iothub/methods/POST/#', { qos: 0 });
    const asked: { method: string; body: unknown }[] = [];
    agent.on('message', (topic, payload) => {
      const [, method = '', rid = ''] = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/.exec(topic) ?? [];
      if (method === '') return;
      asked.push({ method, body: JSON.parse(payload.toString() || 'null') });
      const logs = [{ id: 'MCC', payloadBytes: null, payload: 'line 1\nline 2\n' }];
      agent.publish(`$iothub/methods/res/200/?$rid=${rid}`, JSON.stringify(method === 'GetModuleLogs' ? logs : null));
    });
    const ping = { methodName: 'ping', payload: { a: 1 } };
    expect(await cloud.call('POST', '/nodes/edge1/modules/edgeAgent/methods', { json: ping })).toMatchObject({
      status: 200,
      body: { status: 200, payload: null },
    });
    const logs = await cloud.call('GET', '/nodes/edge1/modules/MCC/logs?tail=2&since=1h');
    expect([logs.status, logs.body]).toEqual([200, 'line 1\nline 2\n']);
    expect(asked).toMatchObject([
      { method: 'ping', body: { a: 1 } },
      {
        method: 'GetModuleLogs',
        body: { items: [{ id: '^MCC$', filter: { tail: 2, since: '1h' } }], encoding: 'none' },
      },
    ]);
    expect(await timeline()).toContain('admin called ping of $edgeAgent: 200');
  });

  test('a module that is not connected is 503, one that is not there 404', async () => {
    const json = { methodName: 'x' };
    expect((await cloud.call('POST', '/nodes/edge1/modules/MCC/methods', { json })).status).toBe(503);
    expect((await cloud.call('POST', '/nodes/edge1/modules/none/methods', { json })).status).toBe(404);
    const tooLong = { methodName: 'x', responseTimeoutInSeconds: 301 };
    expect((await cloud.call('POST', '/nodes/edge1/methods', { json: tooLong })).status).toBe(400);
  });
});

describe('the stream of events', () => {
  async function readEvents(query: string, wanted: string, trigger: () => Promise<unknown>): Promise<string> {
    const stream = got.stream(`${cloud.url}/api/v1/events${query}`, {
      https: { certificateAuthority: cloud.ca },
      headers: { authorization: `Bearer ${cloud.token}` },
      retry: { limit: 0 },
    });
    let text = '';
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await until('an open stream', async () => text.startsWith('retry:'));
    await trigger();
    await until(wanted, async () => text.includes(wanted));
    stream.destroy();
    return text;
  }

  test('tells what happens, with place and kind', async () => {
    const text = await readEvents('?node=edge1', 'restart count 0 -> 2', () => beat({ restartCount: 2 }));
    expect(text).toMatch(/id: \d+\nevent: module\ndata: \{"seq":\d+,"nodeName":"edge1"/);
  });

  test('tells a reader that comes back what it missed, in order and once', async () => {
    const all = (await cloud.call('GET', '/nodes/edge1/timeline?after=0&limit=1000')).body.events;
    const place = all[all.length - 4].seq;
    const text = await readEvents(`?after=${place}`, `id: ${all.at(-1).seq}\n`, async () => undefined);
    const seqs = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
    expect(seqs).toEqual(all.slice(-3).map((event: { seq: number }) => event.seq));
  });
});

describe('a restart of the cloud', () => {
  test('keeps nodes, logins, CA and history; messages that came are not taken twice', async () => {
    const before = { events: await timeline(), ca: cloud.ca, seen: seenOf(await monitor()) };
    await agent.endAsync(true);
    await cloud.stop();
    await cloud.start();
    expect(cloud.ca).toBe(before.ca);
    const after = await monitor();
    expect(seenOf(after)).toEqual(before.seen);
    expect(after.daemon.startsSeen).toBe(2);
    expect((await timeline()).filter((text) => text.startsWith('MCC'))).toEqual(
      before.events.filter((text) => text.startsWith('MCC')),
    );
    agent = await cloud.connect('edge1', '$edgeAgent');
    await beat({ restartCount: 2 });
    await untilState('Healthy');
  });
});

describe('deletion', () => {
  test('takes the node, its device and its connection', async () => {
    const closed = new Promise<void>((resolve) => agent.once('close', () => resolve()));
    expect((await cloud.call('DELETE', '/nodes/edge1')).status).toBe(204);
    await closed;
    expect((await cloud.call('GET', '/nodes/edge1')).status).toBe(404);
    expect((await cloud.call('GET', '/nodes')).body.nodes).toEqual([]);
    expect((await cloud.call('DELETE', '/nodes/edge1')).status).toBe(404);
  });
});
