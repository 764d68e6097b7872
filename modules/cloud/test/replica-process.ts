// One replica of the cloud as its own process, over a database and a state folder that the test gives it, and clients of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSasToken, parseConnectionString } from '@wayside/protocol';
import got from 'got';
import mqtt, { type MqttClient } from 'mqtt';
import pg from 'pg';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const TOKEN_SECS = 3_600;

export interface JsonAnswer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers have many shapes.
  body: any;
}

export class ReplicaProcess {
  httpsPort = 0;
  mqttPort = 0;
  amqpPort = 0;
  output = '';
  readonly #stateDir: string;
  readonly #databaseUrl: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #token = '';

  private constructor(databaseUrl: string, stateDir: string) {
    this.#stateDir = stateDir;
    this.#databaseUrl = databaseUrl;
    this.#child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env.PATH,
        WAYSIDE_CLOUD_DATABASE_URL: databaseUrl,
        WAYSIDE_CLOUD_HOSTNAME: 'localhost',
        WAYSIDE_CLOUD_STATE_DIR: stateDir,
        WAYSIDE_CLOUD_LISTEN_ADDRESS: '127.0.0.1',
        WAYSIDE_CLOUD_LISTEN_HTTPS_PORT: '0',
        WAYSIDE_CLOUD_LISTEN_MQTT_PORT: '0',
        WAYSIDE_CLOUD_LISTEN_AMQP_PORT: '0',
        WAYSIDE_CLOUD_PROBE_INTERVAL_SECS: '1',
      },
    });
    this.#ended = once(this.#child, 'exit');
  }

  /** Resolves when it listens. */
  static async start(databaseUrl: string, stateDir: string): Promise<ReplicaProcess> {
    const replica = new ReplicaProcess(databaseUrl, stateDir);
    await replica.#ready();
    return replica;
  }

  get ca(): string {
    return readFileSync(join(this.#stateDir, 'ca/ca.pem'), 'utf8');
  }

  url(path: string): string {
    return `https://localhost:${this.httpsPort}${path}`;
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    await this.#ended;
  }

  /** /api/v1 as the user admin. */
  async api(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, json?: unknown): Promise<JsonAnswer> {
    if (this.#token === '' && path !== '/sessions') this.#token = await this.login();
    return await this.#call(method, `/api/v1${path}`, this.#token === '' ? undefined : `Bearer ${this.#token}`, json);
  }

  async login(): Promise<string> {
    const password = readFileSync(join(this.#stateDir, 'admin-secret'), 'utf8').trim();
    const answer = await this.#call('POST', '/api/v1/sessions', undefined, { username: 'admin', password });
    return answer.body.token;
  }

  /** A login of another replica holds here, too. */
  useToken(token: string): void {
    this.#token = token;
  }

  /** The IoT Hub API as iothubowner. */
  async hub(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    json?: unknown,
    ifMatch?: string,
  ): Promise<JsonAnswer> {
    const { iothubowner } = (await this.api('GET', '/connection-strings')).body;
    const { sharedAccessKey: keyBase64 = '' } = parseConnectionString(iothubowner);
    const token = createSasToken({ resource: 'localhost', keyBase64, expiresAtSecs: expiry(), skn: 'iothubowner' });
    return await this.#call(method, `${path}?api-version=2021-04-12`, token, json, ifMatch);
  }

  async keyOf(deviceId: string, moduleId?: string): Promise<string> {
    const path = `/devices/${deviceId}${moduleId === undefined ? '' : `/modules/${moduleId}`}`;
    return (await this.hub('GET', path)).body.authentication.symmetricKey.primaryKey;
  }

  /** `port`: of a balancer in front. */
  async connect(deviceId: string, keyBase64: string, moduleId?: string, port = this.mqttPort): Promise<MqttClient> {
    const clientId = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
    const resource = `localhost/devices/${deviceId}${moduleId === undefined ? '' : `/modules/${moduleId}`}`;
    return await mqtt.connectAsync({
      ...{ protocol: 'mqtts', host: 'localhost', port, ca: this.ca, protocolVersion: 4 },
      ...{ clientId, username: `localhost/${clientId}/?api-version=2021-04-12`, clean: false, reconnectPeriod: 0 },
      password: createSasToken({ resource, keyBase64, expiresAtSecs: expiry() }),
    });
  }

  /** Bodies of messages in order of seq, from the database that the replicas share. */
  async telemetry(deviceId: string, after: number): Promise<{ seq: number; body: string }[]> {
    const client = new pg.Client({ connectionString: this.#databaseUrl });
    await client.connect();
    const { rows } = await client.query(
      "select seq::int, convert_from(body, 'UTF8') as body from telemetry where device_id = $1 and seq > $2 order by seq limit 1000",
      [deviceId, after],
    );
    await client.end();
    return rows;
  }

  /** Seqs of the server-sent events as they come; `stop` ends the stream. */
  events(): { seqs: number[]; opened: Promise<void>; stop(): void } {
    const seqs: number[] = [];
    const opened = Promise.withResolvers<void>();
    const stream = got.stream(this.url('/api/v1/events'), {
      headers: { authorization: `Bearer ${this.#token}` },
      https: { certificateAuthority: this.ca },
      retry: { limit: 0 },
    });
    let rest = '';
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      opened.resolve();
      rest += chunk.toString();
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('id: ')) seqs.push(Number(line.slice(4)));
    });
    return { seqs, opened: opened.promise, stop: () => stream.destroy() };
  }

  async #call(
    method: string,
    path: string,
    authorization: string | undefined,
    json: unknown,
    ifMatch?: string,
  ): Promise<JsonAnswer> {
    const answer = await got(this.url(path), {
      method: method as 'GET',
      https: { certificateAuthority: this.ca },
      throwHttpErrors: false,
      retry: { limit: 0 },
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      ...(json === undefined ? {} : { json }),
    });
    return { status: answer.statusCode, body: answer.body === '' ? undefined : JSON.parse(answer.body) };
  }

  async #ready(): Promise<void> {
    const up = Promise.withResolvers<void>();
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        const ports =
          /"httpsPort":(\d+),"mqttPort":(\d+),"amqpPort":(\d+)/.exec(this.output) ??
          /httpsPort=(\d+) mqttPort=(\d+) amqpPort=(\d+)/.exec(this.output);
        if (!ports) return;
        this.httpsPort = Number(ports[1]);
        this.mqttPort = Number(ports[2]);
        this.amqpPort = Number(ports[3]);
        up.resolve();
      });
    }
    const ended = this.#ended.then(() => {
      throw new Error(`The replica ended: ${this.output}`);
    });
    ended.catch(() => undefined);
    await Promise.race([up.promise, ended]);
  }
}

function expiry(): number {
  return Math.floor(Date.now() / 1000) + TOKEN_SECS;
}
