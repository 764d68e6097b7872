// One identity on IoT Hub's device protocol: token, twin, methods, telemetry over one connection (cloud.md 1).

import type { Buffer } from 'node:buffer';
import { EdgeError } from '@wayside/kit';
import {
  createSasToken,
  formatPropertyBag,
  type Json,
  type JsonObject,
  type MessageProperties,
  type TwinProperties,
  topicOf,
} from '@wayside/protocol';
import { type LinkTarget, MqttLink } from './mqtt-link.ts';

/** As long as the agent waits for the answer to a twin request. */
const TWIN_TIMEOUT_MS = 30_000;
const API_VERSION = '2021-04-12';
const TWIN_ANSWER = /^\$iothub\/twin\/res\/(\d+)\/\?\$rid=([^&]+)(?:&\$version=(\d+))?/;
const METHOD_CALL = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/;
const DESIRED_PATCH = '$iothub/twin/PATCH/properties/desired/';

export interface DeviceIdentity {
  hubHost: string;
  deviceId: string;
  moduleId: string;
  /** base64, secret. */
  key: string;
}

export interface DeviceOptions {
  keepAliveSecs: number;
  expiresAtSecs: number;
  /** As `DeviceClientType` names the program. */
  product: string;
}

export interface DeviceEvents {
  desired(patch: JsonObject & { $version: number }): void;
  /** The answer goes back to the caller. */
  method(name: string, payload: Json | undefined): { status: number; payload: Json };
  closed(why: Error): void;
}

interface TwinAnswer {
  status: number;
  version: number | undefined;
  body: string;
}

export class DeviceClient {
  readonly #identity: DeviceIdentity;
  readonly #events: DeviceEvents;
  readonly #twinCalls = new Map<string, { resolve(answer: TwinAnswer): void; reject(error: Error): void }>();
  #link: MqttLink | undefined;
  #rid = 0;

  private constructor(identity: DeviceIdentity, events: DeviceEvents) {
    this.#identity = identity;
    this.#events = events;
  }

  /** Resolves when connected. SIMULATOR_CONNECTION_FAILED, SIMULATOR_TIMEOUT. */
  static async connect(
    target: LinkTarget,
    identity: DeviceIdentity,
    options: DeviceOptions,
    events: DeviceEvents,
  ): Promise<DeviceClient> {
    const { hubHost, deviceId, moduleId, key } = identity;
    const client = new DeviceClient(identity, events);
    const password = createSasToken({
      resource: `${hubHost}/devices/${deviceId}/modules/${moduleId}`,
      keyBase64: key,
      expiresAtSecs: options.expiresAtSecs,
    });
    const clientId = `${deviceId}/${moduleId}`;
    const query = `api-version=${API_VERSION}&DeviceClientType=${encodeURIComponent(options.product)}`;
    client.#link = await MqttLink.open(
      target,
      { clientId, username: `${hubHost}/${clientId}/?${query}`, password, keepAliveSecs: options.keepAliveSecs },
      {
        publish: (topic, payload) => client.#receive(topic, payload),
        closed: (why) => {
          client.#dropCalls(why);
          events.closed(why);
        },
      },
    );
    return client;
  }

  /** Twin answers, desired patches and methods. */
  async receive(): Promise<void> {
    await this.#open.subscribe([
      { topic: '$iothub/twin/res/#', qos: 0 },
      { topic: `${DESIRED_PATCH}#`, qos: 0 },
      { topic: '$iothub/methods/POST/#', qos: 0 },
    ]);
  }

  async getTwin(): Promise<TwinProperties> {
    const { status, body } = await this.#twinCall('GET', (rid) => `$iothub/twin/GET/?$rid=${rid}`, ' ');
    if (status !== 200) throw refused('get the twin', status, body);
    return JSON.parse(body) as TwinProperties;
  }

  /** Returns the new version. */
  async report(patch: JsonObject): Promise<number> {
    const topic = (rid: string) => `$iothub/twin/PATCH/properties/reported/?$rid=${rid}`;
    const { status, body, version } = await this.#twinCall('PATCH', topic, JSON.stringify(patch));
    if (status !== 204) throw refused('report', status, body);
    return version ?? 0;
  }

  /** Resolves at PUBACK. */
  async send(properties: MessageProperties, body: string): Promise<void> {
    const { deviceId, moduleId } = this.#identity;
    const bag = formatPropertyBag(properties);
    // The SDK ends a bag that names an output with a slash (cloud.md 1.4).
    const end = properties.system.outputName === undefined ? '' : '/';
    await this.#open.publish(`${topicOf.telemetry(deviceId, moduleId, bag)}${end}`, body, 1);
  }

  async close(): Promise<void> {
    this.#dropCalls(refused('wait for the twin', 0, 'the connection was closed'));
    await this.#link?.close();
  }

  /** As a line that breaks. */
  cut(): void {
    this.#link?.cut();
  }

  get #open(): MqttLink {
    return this.#link as MqttLink;
  }

  async #twinCall(what: string, topic: (rid: string) => string, body: string): Promise<TwinAnswer> {
    this.#rid += 1;
    const rid = String(this.#rid);
    const { promise, resolve, reject } = Promise.withResolvers<TwinAnswer>();
    const timer = setTimeout(() => {
      const text = `Cannot finish twin ${what}: no answer within ${TWIN_TIMEOUT_MS} ms`;
      reject(new EdgeError('SIMULATOR_TIMEOUT', text, { source: 'upstream', retry: 'backoff' }));
      this.cut();
    }, TWIN_TIMEOUT_MS);
    this.#twinCalls.set(rid, { resolve, reject });
    try {
      await this.#open.publish(topic(rid), body, 0);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#twinCalls.delete(rid);
    }
  }

  #receive(topic: string, payload: Buffer): void {
    const answer = TWIN_ANSWER.exec(topic);
    if (answer) {
      const [, status, rid = '', version] = answer;
      const call = this.#twinCalls.get(decodeURIComponent(rid));
      call?.resolve({
        ...{ status: Number(status), body: payload.toString('utf8') },
        version: version === undefined ? undefined : Number(version),
      });
    } else if (topic.startsWith(DESIRED_PATCH)) this.#events.desired(JSON.parse(payload.toString('utf8')));
    else this.#answerMethod(METHOD_CALL.exec(topic), payload);
  }

  #answerMethod(call: RegExpExecArray | null, payload: Buffer): void {
    if (!call) return;
    const [, name = '', rid = ''] = call;
    const text = payload.toString('utf8');
    const answer = this.#events.method(decodeURIComponent(name), text === '' ? undefined : (JSON.parse(text) as Json));
    const body = JSON.stringify(answer.payload);
    this.#open.publish(`$iothub/methods/res/${answer.status}/?$rid=${rid}`, body, 0).catch(() => undefined);
  }

  #dropCalls(why: Error): void {
    for (const call of this.#twinCalls.values()) call.reject(why);
    this.#twinCalls.clear();
  }
}

function refused(what: string, status: number, body: string): EdgeError {
  const text = `Cannot ${what}: the cloud answered ${status} ${body.slice(0, 200)}`;
  return new EdgeError('SIMULATOR_CLOUD_REFUSED', text, { source: 'upstream', retry: 'backoff', details: { status } });
}
