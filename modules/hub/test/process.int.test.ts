// The hub as its own process on real node: killed without warning, stopped, started with a bad configuration.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import iotDevice from 'azure-iot-device';
import { EdgeBench } from './edge-bench.ts';
import { until } from './until.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;

let bench: EdgeBench;
let child: ChildProcess | undefined;
let output = '';
beforeEach(async () => {
  bench = await new EdgeBench().start();
}, 20_000);
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await bench.stop();
}, 20_000);

function spawnHub(env: { [name: string]: string }): ChildProcess {
  output = '';
  const started = spawn(process.execPath, [MAIN], {
    env: { ...env, PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [started.stdout!, started.stderr!])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child = started;
  return started;
}

async function startHub(): Promise<ChildProcess> {
  const started = spawnHub(bench.hubEnv());
  await until(() => output.includes('edgeHub is up') || started.exitCode !== null, 'the hub starts', 30_000);
  const port = (name: string) => Number(new RegExp(` ${name}=(\\d+)`).exec(output)?.[1]);
  bench.ports = { mqtt: port('mqtt'), https: port('https'), metrics: port('metrics') };
  return started;
}

test('kill -9 with a full queue: every acknowledged message arrives after the restart', async () => {
  const first = await startHub();
  const sender = await bench.openModule('sender');
  await until(async () => {
    const health = (await (await fetch(`http://127.0.0.1:${bench.ports.metrics}/healthz`)).json()) as {
      routes: number;
    };
    return health.routes === 1;
  }, 'the routes');
  await bench.cloud.down();
  const acknowledged: number[] = [];
  const sends = Array.from({ length: 500 }, (_, n) =>
    sender.sendOutputEvent('out', new iotDevice.Message(String(n))).then(() => acknowledged.push(n)),
  );
  await until(() => acknowledged.length >= 250, 'half of them');
  first.kill('SIGKILL');
  await once(first, 'exit');
  const before = [...acknowledged];
  await startHub();
  // The SDK sends what was not acknowledged again.
  await Promise.all(sends);
  await bench.cloud.up();
  const arrived = () => new Set(bench.cloud.messages.map(({ body }) => Number(body.toString())));
  await until(() => arrived().size === 500, 'all 500', 60_000);
  for (const n of before) expect(arrived().has(n)).toBe(true);
  expect(output).not.toContain(bench.workload.keyOf('sender'));
}, 120_000);

test('SIGTERM ends it with 0; a bad configuration with 153 and every problem named', async () => {
  const running = await startHub();
  running.kill('SIGTERM');
  expect((await once(running, 'exit'))[0]).toBe(0);
  const { IOTEDGE_DEVICEID: _, ...env } = bench.hubEnv();
  const failing = spawnHub({ ...env, MaxConnectedClients: 'many', WAYSIDE_STORE_OVERFLOW: 'ignore' });
  expect((await once(failing, 'exit'))[0]).toBe(153);
  await until(() => output.includes('WAYSIDE_STORE_OVERFLOW'), 'the problems');
  for (const name of ['deviceId', 'MaxConnectedClients', 'WAYSIDE_STORE_OVERFLOW']) expect(output).toContain(name);
}, 60_000);
