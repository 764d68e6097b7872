// Adapter: one connection of module $edgeAgent over azure-iot-device and MQTT. No retries here: a lost connection is replaced by a new client,
// because the SDK subscribes twin topics only once in the life of a client (cloud.md 3.3).

// Adapter: one connection of module $edgeAgent over azure-iot-device and MQTT. No retries here: a lost connection is replaced by a new client,
// because the SDK subscribes twin topics only once in the life of a client (cloud.md 3.3).

import { Agent as HttpsAgent } from 'node:https';
import tls from 'node:tls';
import { EdgeError, type Logger } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import common from 'azure-iot-common';
import device, {
  type DeviceMethodRequest,
  type DeviceMethodResponse,
  type ModuleClient,
  type Twin,
} from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';

/** Without an answer for this long the connection counts as dead (a twin call has no time limit of its own in the SDK). */
const OPERATION_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** MQTT ping; a dead path is noticed within two of them. */
const KEEPALIVE_SECS = 60;

export interface CloudSettings {
  /** Plain IoT Hub host name: in user name and token. */
  hubHostname: string;
  /** MQTT over WebSocket on httpsPort instead of MQTT over TLS on mqttPort. */
  isOverWebSocket: boolean;
  mqttPort: number;
  httpsPort: number;
  /** Proxy of WebSocket connections. */
  proxyEnv: { https_proxy?: string; no_proxy?: string };
  deviceId: string;
  moduleId: string;
  generationId: string;
  workloadUri: string;
}

export interface MethodCall {
  name: string;
  /** undefined when the request had no body. */
  payload: Json | undefined;
}
export interface MethodAnswer {
  status: number;
  payload: Json;
}

export interface CloudHandlers {
  onDesiredPatch(patch: JsonObject): void;
  onMethod(call: MethodCall): Promise<MethodAnswer>;
  /** The token was renewed by a reconnect: desired patches may have been missed. */
  onRenewed(): void;
  /** Called once; the client is of no use afterwards. */
  onDisconnect(reason: string): void;
}

export interface CloudClient {
  open(): Promise<void>;
  getTwin(): Promise<{ desired: JsonObject; reported: JsonObject }>;
  report(patch: JsonObject): Promise<void>;
  /** Resolves on PUBACK. */
  send(body: string, properties: { [name: string]: string }): Promise<void>;
  close(): Promise<void>;
}

const ANY_METHOD = '*';

/** The SDK emits `method_<name>` for registered names only; here every name reaches one handler, so that unknown ones get an answer. */
function toAnyMethod(event: string | symbol, args: unknown[]): string | symbol {
  if (typeof event !== 'string' || !event.startsWith('method_')) return event;
  const [message] = args as [{ body?: Buffer } | undefined];
  // A call without a payload is legal; the SDK would answer it 400 itself, because it parses the empty body.
  if (message?.body?.length === 0) message.body = Buffer.from('null');
  return `method_${ANY_METHOD}`;
}

class AnyMethodMqtt extends mqtt.Mqtt {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    return super.emit(toAnyMethod(event, args), ...args);
  }
}

class AnyMethodMqttWs extends mqtt.MqttWs {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    return super.emit(toAnyMethod(event, args), ...args);
  }
}

export class AzureModuleClient implements CloudClient {
  readonly #handlers: CloudHandlers;
  readonly #logger: Logger;
  readonly #client: ModuleClient;
  readonly #configured: Promise<unknown>;
  #twin: Twin | undefined;
  #isOver = false;

  /** trustBundle: PEM; the system's roots are added, so that a hub with a public certificate is reached too. */
  constructor(settings: CloudSettings, trustBundle: string, handlers: CloudHandlers, logger: Logger) {
    this.#handlers = handlers;
    this.#logger = logger;
    const provider = new device.IotEdgeAuthenticationProvider({
      workloadUri: settings.workloadUri,
      deviceId: settings.deviceId,
      moduleId: settings.moduleId,
      iothubHostName: settings.hubHostname,
      authScheme: 'sasToken',
      // The SDK dials this and still signs for the plain host (cloud.md 3.2). Its WebSocket URL takes no port.
      gatewayHostName: settings.isOverWebSocket ? undefined : `${settings.hubHostname}:${settings.mqttPort}`,
      generationId: settings.generationId,
    });
    provider.on('newTokenAvailable', () => handlers.onRenewed());
    // Unheard, a failed renewal would end the process.
    provider.on('error', (error: Error) => this.#over(`token cannot be renewed: ${error.message}`));
    this.#client = device.ModuleClient.fromAuthenticationProvider(
      provider,
      settings.isOverWebSocket ? AnyMethodMqttWs : AnyMethodMqtt,
    );
    this.#client.setRetryPolicy(new common.NoRetry());
    const ca = [trustBundle, ...systemRoots()].filter((pem) => pem.trim() !== '').join('\n');
    // The options of an agent win over those of a request, so its port replaces the 443 of the SDK.
    const webSocketAgent = new HttpsAgent({ ca, port: settings.httpsPort, proxyEnv: settings.proxyEnv } as object);
    const options = { ca, keepalive: KEEPALIVE_SECS, productInfo: 'wayside-agent' };
    // The SDK first tries to read `ca` as a file: a connection begun before that would go without it, and the late options would throw where nobody catches.
    this.#configured = this.#client.setOptions({
      ...options,
      ...(settings.isOverWebSocket ? { mqtt: { webSocketAgent } } : {}),
    } as never);
    // open() tells of a failure; unheard until then it would end the process.
    this.#configured.catch(() => undefined);
    this.#client.on('disconnect', (reason: unknown) => this.#over(reasonText(reason)));
    this.#client.on('error', (error: Error) => this.#over(error.message));
  }

  async open(): Promise<void> {
    await this.#inTime(
      'open',
      this.#configured.then(() => this.#client.open()),
    );
    this.#client.onMethod(ANY_METHOD, (request, response) => {
      if (request && response) void this.#answer(request, response);
    });
    const twin = (await this.#inTime('first twin get', this.#client.getTwin())) as Twin;
    twin.on('error', (error: Error) => this.#over(`twin: ${error.message}`));
    twin.on('properties.desired', (patch: JsonObject & object) => {
      // The SDK also emits its own merged copy after each get; only patches are news.
      if (patch !== (twin.properties.desired as unknown)) this.#handlers.onDesiredPatch(structuredClone(patch));
    });
    this.#twin = twin;
  }

  /** Subscribed before it is asked for, so that no patch falls between. */
  async getTwin(): Promise<{ desired: JsonObject; reported: JsonObject }> {
    const twin = this.#twin;
    if (!twin) throw disconnected('get the twin');
    await this.#inTime('twin get', twin.get());
    const { update: _update, ...reported } = twin.properties.reported;
    return structuredClone({ desired: twin.properties.desired as JsonObject, reported: reported as JsonObject });
  }

  async report(patch: JsonObject): Promise<void> {
    const twin = this.#twin;
    if (!twin) throw disconnected('report');
    const sent = new Promise<void>((resolve, reject) => {
      twin.properties.reported.update(patch, (error: Error | undefined) => (error ? reject(error) : resolve()));
    });
    await this.#inTime('reported properties', sent);
  }

  async send(body: string, properties: { [name: string]: string }): Promise<void> {
    const message = new device.Message(body);
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
    await this.#inTime('telemetry', this.#client.sendEvent(message));
  }

  async close(): Promise<void> {
    this.#isOver = true;
    // The SDK's close waits for a DISCONNECT to be flushed, which a dead path never does.
    const closed = this.#client.close().then(
      () => undefined,
      () => undefined,
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([closed, late]);
    clearTimeout(timer);
  }

  #over(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handlers.onDisconnect(reason);
  }

  async #answer(request: DeviceMethodRequest, response: DeviceMethodResponse): Promise<void> {
    const answer = await this.#handlers.onMethod({ name: request.methodName, payload: request.payload });
    await response.send(answer.status, answer.payload).catch((error: unknown) => {
      this.#logger.warn('Method answer cannot be sent', { method: request.methodName, error });
    });
  }

  /** Time limit of one operation; running out of it ends the connection. */
  async #inTime<T>(what: string, operation: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const text = `Cannot finish ${what}: the cloud has not answered within ${OPERATION_TIMEOUT_MS} ms`;
        reject(new EdgeError('AGENT_CLOUD_TIMEOUT', text, { source: 'upstream', retry: 'backoff' }));
        this.#over(`no answer to ${what}`);
      }, OPERATION_TIMEOUT_MS);
    });
    try {
      return await Promise.race([operation, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function disconnected(what: string): EdgeError {
  return new EdgeError('AGENT_CLOUD_DISCONNECTED', `Cannot ${what}: not connected to the cloud`, {
    source: 'upstream',
    retry: 'backoff',
  });
}

/** NODE_EXTRA_CA_CERTS and the bundled roots; the container need not carry any. */
function systemRoots(): readonly string[] {
  return tls.getCACertificates('default');
}

function reasonText(reason: unknown): string {
  const inner = (reason as { transportObj?: { message?: string } } | undefined)?.transportObj;
  return inner?.message ?? 'connection closed';
}
