// The cloud as its own process on free ports, for tests that kill it: SDK clients and API calls find it again after a restart.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import iotHub from 'azure-iothub';
import got from 'got';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export class CloudProcess {
  readonly stateDir = mkdtempSync(join(tmpdir(), 'wayside-cloud-process-'));
  httpsPort = 0;
  private child: ChildProcess | undefined;
  private readonly agents: https.Agent[] = [];

  get ca(): string {
    return readFileSync(join(this.stateDir, 'ca/ca.pem'), 'utf8');
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env.PATH,
        WAYSIDE_CLOUD_HOSTNAME: 'localhost',
        WAYSIDE_CLOUD_STATE_DIR: this.stateDir,
        WAYSIDE_CLOUD_LISTEN_ADDRESS: '127.0.0.1',
        WAYSIDE_CLOUD_LISTEN_HTTPS_PORT: '0',
        WAYSIDE_CLOUD_LISTEN_MQTT_PORT: '0',
      },
    });
    this.child = child;
    this.httpsPort = await new Promise<number>((resolve, reject) => {
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          const port = /Cloud is up.*?httpsPort\W+(\d+)/.exec(output)?.[1];
          if (port !== undefined) resolve(Number(port));
        });
      }
      child.once('exit', (code) => reject(new Error(`The cloud ended with ${code}: ${output}`)));
    });
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    await this.kill('SIGKILL');
    for (const agent of this.agents) agent.destroy();
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  /** The unmodified Registry of azure-iothub. */
  async registry(): Promise<InstanceType<typeof iotHub.Registry>> {
    const { iothubowner } = (await this.api('GET', '/connection-strings')) as { iothubowner: string };
    const agent = new https.Agent({ keepAlive: true, ca: this.ca, port: this.httpsPort } as https.AgentOptions);
    this.agents.push(agent);
    const registry = iotHub.Registry.fromConnectionString(iothubowner);
    const inner = registry as unknown as { _restApiClient: { setOptions(o: unknown): void } };
    inner._restApiClient.setOptions({ http: { agent } });
    return registry;
  }

  /** Calls /api/v1 as admin; refusals throw. */
  async api(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, json?: unknown): Promise<unknown> {
    const url = `https://localhost:${this.httpsPort}/api/v1`;
    const shared = { https: { certificateAuthority: this.ca }, retry: { limit: 0 } };
    const password = readFileSync(join(this.stateDir, 'admin-secret'), 'utf8').trim();
    const login = { username: 'admin', password };
    const { token } = await got.post(`${url}/sessions`, { ...shared, json: login }).json<{ token: string }>();
    const headers = { authorization: `Bearer ${token}` };
    const body = json === undefined ? {} : { json };
    const answer = await got(`${url}${path}`, { ...shared, method, headers, ...body });
    return answer.body === '' ? undefined : JSON.parse(answer.body);
  }
}
