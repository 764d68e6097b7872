// A whole IoT Hub face on free ports for the tests: store in a temporary folder, own CA, HTTPS with WebSocket, MQTT over TLS,
// and the unmodified Azure clients pointed at it (cloud.md 3.2).

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import tls from 'node:tls';
import { type Clock, createLogger, systemClock } from '@wayside/kit';
import { createSasToken } from '@wayside/protocol';
import iotDevice from 'azure-iot-device';
import iotDeviceMqtt from 'azure-iot-device-mqtt';
import iotHub from 'azure-iothub';
import express from 'express';
import { createPlatform, type HubPlatform } from '../src/create-platform.ts';
import { createHubRouter } from '../src/hub-api/router.ts';
import { issueServerCertificate, makeAuthority, makeServerKey } from '../src/pki/authority.ts';
import { isOnPostgres, testStoreLocation } from './store-under-test.ts';

export const { Client, Message, ModuleClient } = iotDevice;
export const { Mqtt, MqttWs } = iotDeviceMqtt;
export type AnyClient = InstanceType<typeof Client> | InstanceType<typeof ModuleClient>;

const HOST = 'localhost';
const WAIT_MS = 30_000;

export interface HubUnderTest {
  platform: HubPlatform;
  ca: string;
  httpsPort: number;
  mqttPort: number;
  amqpPort: number;
  log: string[];
  registry(policy?: 'iothubowner' | 'service' | 'registryRead'): InstanceType<typeof iotHub.Registry>;
  service(): InstanceType<typeof iotHub.Client>;
  jobs(): InstanceType<typeof iotHub.JobClient>;
  /** A service client for messages and feedback, by AMQP on the hub's own port. */
  messages(policy?: 'iothubowner' | 'service' | 'registryRead'): InstanceType<typeof iotHub.Client>;
  /** Opens an SDK client for an identity of the registry. */
  open(deviceId: string, moduleId?: string, options?: Record<string, unknown>): Promise<AnyClient>;
  /** A client that is not opened yet, with a key and transport of the test's choice. */
  client(o: { deviceId: string; moduleId?: string; key: string; transport?: 'mqtt' | 'ws' }): Promise<AnyClient>;
  request(o: RequestOptions): Promise<RestAnswer>;
  /** Stops everything and starts again on the same store and ports. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface RequestOptions {
  method?: string;
  path: string;
  /** Authorization header; default: a token of iothubowner. null = none. */
  token?: string | null;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface RestAnswer {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

export async function startHub(options: { clock?: Clock } = {}): Promise<HubUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-hub-'));
  const authority = await makeAuthority('Test CA', Date.now());
  const privateKey = await makeServerKey();
  const certificate = await issueServerCertificate(authority, privateKey, [HOST, '127.0.0.1'], Date.now());
  const dbPath = isOnPostgres ? await testStoreLocation() : join(folder, 'cloud.db');
  const log: string[] = [];
  const clients: AnyClient[] = [];
  const backEnds: InstanceType<typeof iotHub.Client>[] = [];
  const start = (ports: Ports) =>
    startServers({ dbPath, certificate, privateKey, log, clock: options.clock ?? systemClock }, ports);
  let running = await start({ https: 0, mqtt: 0, amqp: 0 });
  const agents: https.Agent[] = [];
  const ca = authority.certificate;

  const restAgent = () => {
    const agent = new https.Agent({ keepAlive: true, ca, port: running.httpsPort } as https.AgentOptions);
    agents.push(agent);
    return agent;
  };
  const pointAtUs = <T>(sdk: T): T => {
    const inner = sdk as unknown as { _restApiClient: { setOptions(o: unknown): void } };
    inner._restApiClient.setOptions({ http: { agent: restAgent() } });
    return sdk;
  };
  const hub: HubUnderTest = {
    get platform() {
      return running.platform;
    },
    ca,
    log,
    get httpsPort() {
      return running.httpsPort;
    },
    get mqttPort() {
      return running.mqttPort;
    },
    get amqpPort() {
      return running.amqpPort;
    },
    registry: (policy = 'iothubowner') =>
      pointAtUs(iotHub.Registry.fromConnectionString(running.platform.connectionStrings()[policy])),
    jobs: () => pointAtUs(iotHub.JobClient.fromConnectionString(running.platform.connectionStrings().service)),
    messages(policy = 'service') {
      // The SDK has no option for the CA of AMQP, and takes the port from the host name.
      tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca]);
      const text = running.platform.connectionStrings()[policy];
      const client = iotHub.Client.fromConnectionString(text.replace(HOST, `${HOST}:${running.amqpPort}`));
      backEnds.push(client);
      return client;
    },
    service: () => pointAtUs(iotHub.Client.fromConnectionString(running.platform.connectionStrings().service)),
    async client({ deviceId, moduleId, key, transport = 'mqtt' }) {
      const host = transport === 'mqtt' ? `${HOST}:${running.mqttPort}` : HOST;
      const text = `HostName=${host};DeviceId=${deviceId}${moduleId ? `;ModuleId=${moduleId}` : ''};SharedAccessKey=${key}`;
      const how = transport === 'mqtt' ? Mqtt : MqttWs;
      const client = moduleId ? ModuleClient.fromConnectionString(text, how) : Client.fromConnectionString(text, how);
      clients.push(client);
      const webSocketAgent = new https.Agent({ port: running.httpsPort, ca } as https.AgentOptions);
      await client.setOptions(transport === 'mqtt' ? { ca } : ({ ca, mqtt: { webSocketAgent } } as object));
      return client;
    },
    async open(deviceId, moduleId, clientOptions) {
      const { registry } = running.platform;
      const identity = moduleId ? await registry.getModule(deviceId, moduleId) : await registry.getDevice(deviceId);
      const client = await hub.client({ deviceId, ...(moduleId ? { moduleId } : {}), key: identity?.primaryKey ?? '' });
      // Options replace each other as a whole.
      if (clientOptions) await client.setOptions({ ca, ...clientOptions });
      await client.open();
      return client;
    },
    request: (o) => request(hub, restAgent(), o),
    async restart() {
      const ports = { https: running.httpsPort, mqtt: running.mqttPort, amqp: running.amqpPort };
      await running.stop();
      running = await start(ports);
    },
    async close() {
      await Promise.all([...clients, ...backEnds].map((client) => client.close().catch(() => undefined)));
      for (const agent of agents) agent.destroy();
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return hub;
}

interface Ports {
  https: number;
  mqtt: number;
  amqp: number;
}

interface Files {
  dbPath: string;
  certificate: string;
  privateKey: string;
  log: string[];
  clock: Clock;
}

async function startServers(files: Files, ports: Ports) {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      files.log.push(String(chunk));
      done();
    },
  });
  const platform = await createPlatform({
    dbPath: files.dbPath,
    clock: files.clock,
    logger: createLogger({ module: 'cloud', level: 'debug', stream }),
    hostNames: [HOST, 'wayside-cloud'],
  });
  const app = express();
  app.disable('etag');
  app.use(createHubRouter(platform));
  app.use((_request, response) => {
    response.status(418).json({ passedOn: true });
  });
  const server = https.createServer({ cert: files.certificate, key: files.privateKey }, app);
  platform.gateway.attachWebSocket(server, { otherwise: platform.amqp.upgrade });
  server.listen(ports.https, '127.0.0.1');
  await once(server, 'listening');
  const listener = await platform.gateway.listenTls({
    port: ports.mqtt,
    address: '127.0.0.1',
    certificate: { certificate: files.certificate, privateKey: files.privateKey },
  });
  const amqp = await platform.amqp.listenTls({
    port: ports.amqp,
    address: '127.0.0.1',
    certificate: { certificate: files.certificate, privateKey: files.privateKey },
  });
  return {
    platform,
    httpsPort: (server.address() as AddressInfo).port,
    mqttPort: listener.port,
    amqpPort: amqp.port,
    stop: async () => {
      await Promise.all([platform.close(), amqp.close()]);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function request(hub: HubUnderTest, agent: https.Agent, o: RequestOptions): Promise<RestAnswer> {
  const owner = /SharedAccessKey=(.*)$/.exec(hub.platform.connectionStrings().iothubowner)?.[1] ?? '';
  const token = o.token === undefined ? sas({ key: owner, policy: 'iothubowner' }) : o.token;
  const isBytes = Buffer.isBuffer(o.body) || typeof o.body === 'string';
  const body = o.body === undefined ? undefined : isBytes ? (o.body as string | Buffer) : JSON.stringify(o.body);
  return new Promise((resolve, reject) => {
    const sent = https.request(
      {
        ...{ host: HOST, agent, path: o.path, method: o.method ?? 'GET' },
        headers: {
          ...(token === null ? {} : { authorization: token }),
          ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
          ...o.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const headers = new Headers();
          for (const [name, value] of Object.entries(response.headers)) headers.set(name, String(value));
          const json = /json/.test(headers.get('content-type') ?? '') ? JSON.parse(text) : {};
          resolve({ status: response.statusCode ?? 0, headers, text, json });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A token as the SDKs make it. */
export function sas(o: { key: string; resource?: string; policy?: string; expiresAtSecs?: number }): string {
  return createSasToken({
    resource: o.resource ?? HOST,
    keyBase64: o.key,
    expiresAtSecs: o.expiresAtSecs ?? Math.floor(Date.now() / 1000) + 3600,
    ...(o.policy ? { skn: o.policy } : {}),
  });
}

/** Waits until `condition` holds; fails by name. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`Waited ${WAIT_MS} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The error of a promise that must fail. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { [name: string]: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { [name: string]: unknown };
  }
  throw new Error('It was expected to fail, and did not');
}
