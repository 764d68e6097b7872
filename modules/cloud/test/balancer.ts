// HAProxy with the configuration of the compose file, in front of replicas on ports of this machine.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './postgres-server.ts';
import type { ReplicaProcess } from './replica-process.ts';

const CONFIG = fileURLToPath(new URL('../../../deployment/replicas/haproxy.cfg', import.meta.url));

export interface Balancer {
  httpsPort: number;
  mqttPort: number;
  amqpPort: number;
  /** What it said when it ended by itself. */
  readonly failure: string | undefined;
  stop(): Promise<void>;
}

/** `folder` takes the configuration as it is used. */
export async function startBalancer(folder: string, replicas: readonly ReplicaProcess[]): Promise<Balancer> {
  const [httpsPort, mqttPort, amqpPort] = [await freePort(), await freePort(), await freePort()];
  let text = readFileSync(CONFIG, 'utf8')
    .replace('bind :10443', `bind 127.0.0.1:${httpsPort}`)
    .replace('bind :18883', `bind 127.0.0.1:${mqttPort}`)
    .replace('bind :15671', `bind 127.0.0.1:${amqpPort}`);
  for (const [index, replica] of replicas.entries()) {
    const name = `cloud-${index + 1}`;
    text = text
      .replace(`${name}:8883 port 8443`, `127.0.0.1:${replica.mqttPort} port ${replica.httpsPort}`)
      .replace(`${name}:5671 port 8443`, `127.0.0.1:${replica.amqpPort} port ${replica.httpsPort}`)
      .replace(`${name}:8443`, `127.0.0.1:${replica.httpsPort}`);
  }
  const path = join(folder, 'haproxy.cfg');
  writeFileSync(path, text);
  const child: ChildProcess = spawn('/usr/sbin/haproxy', ['-db', '-f', path], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    httpsPort,
    mqttPort,
    amqpPort,
    get failure() {
      return child.exitCode === null ? undefined : said;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
