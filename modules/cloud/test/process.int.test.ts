import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, jest, test } from '@jest/globals';

jest.setTimeout(40_000);

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const stateDir = mkdtempSync(join(tmpdir(), 'wayside-cloud-process-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(stateDir, { recursive: true });
});

function start(env: { [name: string]: string }) {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      WAYSIDE_CLOUD_STATE_DIR: stateDir,
      WAYSIDE_CLOUD_LISTEN_ADDRESS: '127.0.0.1',
      WAYSIDE_CLOUD_LISTEN_HTTPS_PORT: '0',
      WAYSIDE_CLOUD_LISTEN_MQTT_PORT: '0',
      ...env,
    },
  });
  children.push(child);
  let output = '';
  const said = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Cloud is up')) said.resolve();
    });
  }
  const ended = once(child, 'exit').then(([code]) => code as number);
  return { child, up: Promise.race([said.promise, ended]), ended, output: () => output };
}

describe('the process', () => {
  test('ends with 153 and names every problem when the settings are wrong', async () => {
    const { ended, output } = start({ WAYSIDE_CLOUD_HOSTNAME: 'not a host', WAYSIDE_CLOUD_PUBLIC_MQTT_PORT: '0' });
    expect(await ended).toBe(153);
    expect(output()).toContain('hostname');
    expect(output()).toContain('publicMqttPort');
  });

  test('ends with 1 and names the port when it is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const port = (taken.address() as { port: number }).port;
    const { ended, output } = start({ WAYSIDE_CLOUD_LISTEN_HTTPS_PORT: String(port) });
    expect(await ended).toBe(1);
    expect(output()).toContain('KIT_PORT_TAKEN');
    expect(output()).toContain(String(port));
    taken.close();
  });

  test('ends with 0 on SIGTERM, and never logs a secret', async () => {
    const { child, up, ended, output } = start({ WAYSIDE_CLOUD_LOG_LEVEL: 'verbose' });
    await up;
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    for (const file of ['admin-secret', 'metrics-token', 'ca/ca-key.pem']) {
      const secret = readFileSync(join(stateDir, file), 'utf8').trim();
      expect(output()).not.toContain(secret);
    }
  });
});
