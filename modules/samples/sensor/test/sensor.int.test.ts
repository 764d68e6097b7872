// The sensor as it runs in its container, on real Node and TLS, against a hub that refuses, breaks off and forgets.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeHub } from './fake-hub.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const KEY = Buffer.from('key').toString('base64');
const WAIT_MS_MAX = 45_000;

let hub: FakeHub;
let sensor: ChildProcess | undefined;
let output = '';

beforeEach(() => {
  hub = new FakeHub();
  output = '';
});
afterEach(async () => {
  if (sensor !== undefined && sensor.exitCode === null && sensor.kill('SIGKILL')) await once(sensor, 'close');
  sensor = undefined;
  await hub.dispose();
});

function start(port: number, env: { [name: string]: string } = {}): ChildProcess {
  sensor = spawn(process.execPath, [MAIN], {
    env: {
      ...env,
      EdgeHubConnectionString: `HostName=hub.example;DeviceId=d;ModuleId=sensor;SharedAccessKey=${KEY};GatewayHostName=localhost:${port}`,
      EdgeModuleCACertificateFile: hub.caFile,
    },
  });
  sensor.stdout?.on('data', (text) => {
    output += text;
  });
  sensor.stderr?.on('data', (text) => {
    output += text;
  });
  return sensor;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms; the sensor said:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sequences seen, each once, in order. */
function sequences(): number[] {
  return [...new Set(hub.received.map((m) => m.sequence))].sort((a, b) => a - b);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

test('sends temperatures on its output as JSON, from 1, under one run id', async () => {
  start(await hub.listen(), { INTERVAL_MS: '20' });
  await until(() => hub.received.length >= 5, 'five messages');
  expect(sequences().slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
  const [first] = hub.received;
  expect(first).toEqual({
    sequence: 1,
    run: expect.stringMatching(/^[0-9a-f-]{36}$/),
    temperature: expect.any(Number),
    atUtc: expect.any(String),
  });
  expect(new Set(hub.received.map((m) => m.run)).size).toBe(1);
  const [topic = ''] = hub.topics;
  expect(topic).toMatch(/^devices\/d\/modules\/sensor\/messages\/events\//);
  expect(decodeURIComponent(topic)).toContain('$.on=temperature');
  expect(decodeURIComponent(topic)).toContain('$.ct=application/json');
});

test('desired properties set interval and burst, also while it runs; a burst id counts once', async () => {
  hub.desired = { intervalMs: 3_600_000, burst: { id: 'a', count: 250 } };
  start(await hub.listen(), { INTERVAL_MS: '3600000' });
  await until(() => sequences().length >= 250, 'the first burst');
  hub.patch({ burst: { id: 'a', count: 250 } }, 2);
  hub.patch({ burst: { id: 'b', count: 300 } }, 3);
  await until(() => sequences().length >= 550, 'the second burst');
  hub.patch({ intervalMs: 15 }, 4);
  await until(() => sequences().length >= 553, 'the new interval');
  expect(sequences()).toEqual(upTo(sequences().length));
});

test('the method status tells run, counts and interval', async () => {
  start(await hub.listen(), { INTERVAL_MS: '20' });
  await until(() => hub.received.length > 0 && output.includes('Connected'), 'a message');
  hub.call('status', '7');
  await until(() => hub.methodResults.length > 0, 'the answer');
  const [{ topic, body } = { topic: '', body: '' }] = hub.methodResults;
  expect(topic).toMatch(/^\$iothub\/methods\/res\/200\/\?\$rid=7/);
  expect(JSON.parse(body)).toMatchObject({ run: hub.received[0]?.run, intervalMs: 20 });
});

test('a hub that is down and then refuses is tried again until it opens', async () => {
  const port = await hub.listen();
  await hub.stop();
  start(port, { INTERVAL_MS: '50' });
  await until(() => output.includes('Cannot connect'), 'a failed try');
  hub.refuse = true;
  await hub.listen();
  await until(() => hub.connects > 0, 'a refused try');
  hub.refuse = false;
  await until(() => hub.received.length > 3, 'messages');
  expect(sequences()).toEqual(upTo(sequences().length));
}, 60_000);

test('what was not acknowledged is sent again after a break: none of 1000 is lost', async () => {
  hub.desired = { intervalMs: 3_600_000 };
  const port = await hub.listen();
  start(port, { INTERVAL_MS: '3600000' });
  await until(() => output.includes('Connected'), 'the connection');
  hub.mute = true;
  hub.patch({ burst: { id: 'x', count: 1000 } }, 2);
  await until(() => hub.dropped > 50, 'unacknowledged messages');
  await hub.stop();
  hub.mute = false;
  await hub.listen();
  await until(() => sequences().length === 1000, 'all messages');
  expect(sequences()).toEqual(upTo(1000));
}, 60_000);

test('a bad interval ends the process with 153', async () => {
  const [code] = await once(start(1, { INTERVAL_MS: 'fast' }), 'close');
  expect([code, output]).toEqual([153, 'INTERVAL_MS is "fast", wanted 10 to 3600000\n']);
});
