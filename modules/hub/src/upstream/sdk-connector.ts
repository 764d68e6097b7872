// Connects to the cloud with the Azure SDK's MQTT transport: one transport object a connection, so that no state of an earlier one is carried over.

import { EventEmitter } from 'node:events';
import type { Identity } from '@wayside/gateway';
import { EdgeError } from '@wayside/kit';
import type { Json, JsonObject, TwinProperties } from '@wayside/protocol';
import common from 'azure-iot-common';
import deviceMqtt from 'azure-iot-device-mqtt';
import type { HubMessage } from '../message.ts';
import type { CloudConnection, CloudConnector, CloudEvents } from './cloud-connection.ts';

export interface SdkConnectorOptions {
  /** IoT Hub host name: stands in user name and token, and is dialled. */
  readonly hubHost: string;
  readonly mqttPort: number;
  /** PEM roots. */
  readonly roots: () => string[];
}

type Callback<T = unknown> = (error?: Error | null, result?: T) => void;

/** System properties the SDK's Message has fields for. */
const MESSAGE_FIELDS = [
  'messageId',
  'correlationId',
  'userId',
  'to',
  'contentType',
  'contentEncoding',
  'interfaceId',
  'expiryTimeUtc',
] as const;
const PRODUCT_INFO = 'wayside-hub';

/** The SDK announces methods one name at a time; a relay takes them all. */
class RelayTransport extends deviceMqtt.Mqtt {
  onAnyMethod: (message: { methods: { methodName: string }; requestId: string; body: Buffer }) => void = () =>
    undefined;

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (typeof event === 'string' && event.startsWith('method_')) {
      this.onAnyMethod(values[0] as Parameters<typeof this.onAnyMethod>[0]);
      return true;
    }
    return super.emit(event, ...values);
  }
}

export class SdkConnector implements CloudConnector {
  readonly #options: SdkConnectorOptions;

  constructor(options: SdkConnectorOptions) {
    this.#options = options;
  }

  async open(identity: Identity, token: string, events: CloudEvents): Promise<CloudConnection> {
    const { hubHost, mqttPort, roots } = this.#options;
    const credentials = {
      host: hubHost,
      // The SDK dials this name and port; user name and token keep the plain host.
      gatewayHostName: `${hubHost}:${mqttPort}`,
      deviceId: identity.deviceId,
      ...(identity.moduleId === undefined ? {} : { moduleId: identity.moduleId }),
      sharedAccessSignature: token,
    };
    const provider = Object.assign(new EventEmitter(), {
      type: common.AuthenticationType.Token,
      getDeviceCredentials: (done: Callback<typeof credentials>) => done(null, credentials),
      stop: () => undefined,
    });
    const transport = new RelayTransport(provider as never);
    transport.setOptions({ ca: roots().join('\n'), productInfo: PRODUCT_INFO } as never);
    const connection = new SdkConnection(transport, events);
    await connection.connect();
    return connection;
  }
}

class SdkConnection implements CloudConnection {
  readonly #transport: RelayTransport;
  #closed = false;

  constructor(transport: RelayTransport, events: CloudEvents) {
    this.#transport = transport;
    transport.on('disconnect', (error: unknown) => {
      if (this.#closed) return;
      this.#closed = true;
      events.lost(error);
    });
    transport.on('error', () => undefined);
    transport.on('twinDesiredPropertiesUpdate', (patch: JsonObject) => events.desired(patch));
    transport.onAnyMethod = ({ methods, requestId, body }) => {
      events.method({ name: decodeURIComponent(methods.methodName), requestId, body: body.toString('utf8') });
    };
  }

  async connect(): Promise<void> {
    try {
      await this.#call((done) => this.#transport.connect(done as never));
    } catch (error) {
      this.#closed = true;
      throw error;
    }
  }

  async send(message: HubMessage): Promise<void> {
    const output = message.properties.system.outputName;
    const sdkMessage = toSdkMessage(message);
    await this.#call((done) =>
      output
        ? this.#transport.sendOutputEvent(output, sdkMessage, done as never)
        : this.#transport.sendEvent(sdkMessage, done as never),
    );
  }

  async getTwin(): Promise<TwinProperties> {
    return await this.#call<TwinProperties>((done) => this.#transport.getTwin(done as never));
  }

  async patchReported(patch: JsonObject): Promise<void> {
    await this.#call((done) => this.#transport.updateTwinReportedProperties(patch, done as never));
  }

  async answerMethod(requestId: string, status: number, payload: Json | undefined): Promise<void> {
    const response = { requestId, status, payload: payload === undefined ? null : payload };
    await this.#call((done) => this.#transport.sendMethodResponse(response as never, done as never));
  }

  async receive(wanted: boolean): Promise<void> {
    const transport = this.#transport;
    if (wanted) {
      await this.#call((done) => transport.enableMethods(done as never));
      await this.#call((done) => transport.enableTwinDesiredPropertiesUpdates(done as never));
    } else {
      await this.#call((done) => transport.disableMethods(done as never));
      await this.#call((done) => transport.disableTwinDesiredPropertiesUpdates(done as never));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#call((done) => this.#transport.disconnect(done as never));
  }

  #call<T>(start: (done: Callback<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      start((error, result) => (error ? reject(error) : resolve(result as T)));
    });
  }
}

function toSdkMessage({ body, properties }: HubMessage): InstanceType<typeof common.Message> {
  const message = new common.Message(body);
  const fields = message as unknown as { [name: string]: unknown };
  for (const name of MESSAGE_FIELDS) {
    const value = properties.system[name];
    if (value !== undefined) fields[name] = value;
  }
  const subject = properties.system['dt-subject'];
  if (subject !== undefined) message.properties.add('dt-subject', subject);
  for (const [key, value] of Object.entries(properties.app)) message.properties.add(key, value);
  return message;
}

/** The cloud will never take this message: sending it again is of no use. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof EdgeError) return false;
  return error instanceof common.errors.MessageTooLargeError || error instanceof common.errors.ArgumentError;
}
