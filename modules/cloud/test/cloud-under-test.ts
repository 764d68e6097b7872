// A whole cloud on free ports, and a client of its API that checks every JSON answer against the cloud's own OpenAPI document.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, silentLogger, systemClock } from '@wayside/kit';
import { createSasToken, parseConnectionString } from '@wayside/protocol';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import got from 'got';
import mqtt, { type MqttClient } from 'mqtt';
import { type CloudConfig, loadCloudConfig } from '../src/config.ts';
import { type RunningCloud, startCloud } from '../src/start-cloud.ts';
import { isOnPostgres, testStoreLocation } from './store-under-test.ts';

const WAIT_MS = 45_000;
const POLL_MS = 25;
const TOKEN_SECS = 3600;

export interface ApiAnswer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers have many shapes; the OpenAPI check has proved them.
  body: any;
  headers: { [name: string]: unknown };
}

export class CloudUnderTest {
  readonly stateDir = mkdtempSync(join(tmpdir(), 'wayside-cloud-'));
  config: CloudConfig;
  token = '';
  private cloud: RunningCloud | undefined;
  private document: { paths: { [path: string]: { [method: string]: { responses: object } } } } | undefined;
  private readonly ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, validateFormats: false, strict: false });
  private readonly checks = new Map<string, ValidateFunction>();

  constructor(env: { [name: string]: string } = {}) {
    this.config = loadCloudConfig({
      WAYSIDE_CLOUD_HOSTNAME: 'localhost',
      WAYSIDE_CLOUD_LISTEN_ADDRESS: '127.0.0.1',
      WAYSIDE_CLOUD_LISTEN_HTTPS_PORT: '0',
      WAYSIDE_CLOUD_LISTEN_MQTT_PORT: '0',
      WAYSIDE_CLOUD_PROBE_INTERVAL_SECS: '1',
      ...env,
      WAYSIDE_CLOUD_STATE_DIR: this.stateDir,
    });
  }

  get running(): RunningCloud {
    if (!this.cloud) throw new Error('The cloud is not started');
    return this.cloud;
  }

  get url(): string {
    return `https://localhost:${this.running.httpsPort}`;
  }

  get ca(): string {
    return readFileSync(join(this.stateDir, 'ca/ca.pem'), 'utf8');
  }

  get adminSecret(): string {
    return readFileSync(join(this.stateDir, 'admin-secret'), 'utf8').trim();
  }

  async start(): Promise<void> {
    if (isOnPostgres && !this.config.databaseUrl) {
      this.config = { ...this.config, databaseUrl: new Secret(await testStoreLocation()) };
    }
    this.cloud = await startCloud(this.config, systemClock, silentLogger);
    const answer = await got(`${this.url}/api/v1/openapi.json`, { https: { certificateAuthority: this.ca } });
    this.document = JSON.parse(answer.body);
    this.ajv.removeSchema('openapi');
    this.ajv.addSchema(this.document as object, 'openapi');
  }

  async stop(): Promise<void> {
    await this.cloud?.stop();
    this.cloud = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.stateDir, { recursive: true });
  }

  async login(): Promise<void> {
    const json = { username: 'admin', password: this.adminSecret };
    this.token = (await this.call('POST', '/sessions', { json })).body.token;
  }

  /** Calls /api/v1 and fails when the answer is not what the OpenAPI document says. `token: null` = none. */
  async call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    o: { json?: unknown; body?: string; token?: string | null; type?: string } = {},
  ): Promise<ApiAnswer> {
    const token = o.token === undefined ? this.token : o.token;
    const answer = await got(`${this.url}/api/v1${path}`, {
      method,
      https: { certificateAuthority: this.ca },
      throwHttpErrors: false,
      retry: { limit: 0 },
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(o.body === undefined ? {} : { 'content-type': o.type ?? 'application/json' }),
      },
      ...(o.json === undefined ? {} : { json: o.json }),
      ...(o.body === undefined ? {} : { body: o.body }),
    });
    const isJson = answer.headers['content-type']?.includes('application/json') ?? false;
    const body: unknown = isJson ? JSON.parse(answer.body) : answer.body;
    if (isJson) this.checkAnswer(method.toLowerCase(), path, answer.statusCode, body);
    return { status: answer.statusCode, body, headers: answer.headers };
  }

  /** MQTT client in the name of an identity; its key is read through the IoT Hub face. */
  async connect(deviceId: string, moduleId: string): Promise<MqttClient> {
    const resource = `localhost/devices/${deviceId}/modules/${moduleId}`;
    const keyBase64 = await this.moduleKey(deviceId, moduleId);
    return mqtt.connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: this.running.mqttPort,
      ca: this.ca,
      protocolVersion: 4,
      clientId: `${deviceId}/${moduleId}`,
      username: `localhost/${deviceId}/${moduleId}/?api-version=2021-04-12`,
      password: createSasToken({ resource, keyBase64, expiresAtSecs: expiry() }),
      clean: false,
      reconnectPeriod: 0,
    });
  }

  private async moduleKey(deviceId: string, moduleId: string): Promise<string> {
    const { iothubowner } = (await this.call('GET', '/connection-strings')).body;
    const { sharedAccessKey = '' } = parseConnectionString(iothubowner);
    const authorization = createSasToken({
      resource: 'localhost',
      keyBase64: sharedAccessKey,
      expiresAtSecs: expiry(),
      skn: 'iothubowner',
    });
    const answer = await got(`${this.url}/devices/${deviceId}/modules/${moduleId}?api-version=2021-04-12`, {
      headers: { authorization },
      https: { certificateAuthority: this.ca },
    });
    return JSON.parse(answer.body).authentication.symmetricKey.primaryKey;
  }

  private checkAnswer(method: string, path: string, status: number, body: unknown): void {
    const bare = path.split('?')[0] ?? '';
    const template = Object.keys(this.document?.paths ?? {})
      .filter((one) => new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(bare))
      // `/sessions/current` fits `/sessions/{x}` as well: the one with fewer parameters is meant.
      .sort((a, b) => a.split('{').length - b.split('{').length)[0];
    const described = template === undefined ? undefined : this.document?.paths[template]?.[method];
    const pointer = described
      ? `openapi#/paths/${template?.replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')}/${method}/responses/${status}/content/application~1json/schema`
      : 'openapi#/components/schemas/Error';
    const check = this.checks.get(pointer) ?? this.ajv.compile({ $ref: pointer });
    this.checks.set(pointer, check);
    if (!check(body)) {
      throw new Error(
        `${method} ${path} ${status} is not as described: ${this.ajv.errorsText(check.errors)}: ${JSON.stringify(body)}`,
      );
    }
  }
}

function expiry(): number {
  return Math.floor(Date.now() / 1000) + TOKEN_SECS;
}

/** Waits until `check` gives something other than undefined or false. */
export async function until<T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> {
  const endMs = Date.now() + WAIT_MS;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > endMs) throw new Error(`Not within ${WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Plays the data port of a node; `mode` may change while it runs. */
export class DataPort {
  mode: 'ok' | 'broken' | 'html' = 'ok';
  readonly requests: { url: string; range: string | undefined }[] = [];
  private readonly server: Server = createServer((request, response) => {
    this.requests.push({ url: request.url ?? '', range: request.headers.range });
    if (this.mode === 'broken') response.writeHead(502).end();
    else if (this.mode === 'html') response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    else response.writeHead(206, { 'content-type': 'image/gif' }).end(Buffer.alloc(4096));
  });

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this.port;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
