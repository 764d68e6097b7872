// The module's connection to edgeHub: desired properties and direct methods in, messages and reported properties out. Opened in its own
// loop: routes are collected without it.

import { type Clock, describeError, EdgeError, type Logger, retry } from '@wayside/kit';
import { BGP_ROUTES_MESSAGE_TYPE, BGP_STATE_MESSAGE_TYPE, type BgpRoutes, type BgpState } from '@wayside/protocol';
import iotDevice, { type ModuleClient, type Twin } from 'azure-iot-device';
import iotMqtt from 'azure-iot-device-mqtt';
import { METHOD_NAMES, type MethodAnswer, type MethodName } from './methods.ts';

/** Between two tries to open the connection. */
const OPEN_RETRY_BASE_MS = 1000;
const OPEN_RETRY_MAX_MS = 30_000;
/** One try to open it and to get the twin; the SDK's own limit is far longer. */
const OPEN_TIMEOUT_MS = 45_000;
const SEND_TIMEOUT_MS = 15_000;

export interface HubLinkEvents {
  /** The whole desired document, at start and after every change. */
  onDesired(desired: unknown): void;
  onMethod(name: MethodName, payload: unknown): Promise<MethodAnswer>;
}

export class HubLink {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: HubLinkEvents;
  readonly #stop = new AbortController();
  #client: ModuleClient | null = null;
  #twin: Twin | null = null;

  constructor(clock: Clock, logger: Logger, events: HubLinkEvents) {
    this.#clock = clock;
    this.#logger = logger;
    this.#events = events;
  }

  /** Resolves when the connection is open; tries until then. */
  async run(): Promise<void> {
    await retry(() => this.#open(), {
      attempts: 'infinite',
      baseMs: OPEN_RETRY_BASE_MS,
      maxMs: OPEN_RETRY_MAX_MS,
      clock: this.#clock,
      signal: this.#stop.signal,
      isRetryable: () => !this.#stop.signal.aborted,
      onRetry: ({ error }) => {
        this.#logger.warn('edgeHub cannot be reached yet', {
          code: 'BGP_HUB_UNREACHABLE',
          reason: describeError(error),
        });
      },
    }).catch((error) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  async #open(): Promise<void> {
    const client = await iotDevice.ModuleClient.fromEnvironment(iotMqtt.Mqtt);
    try {
      client.on('error', (error) =>
        this.#logger.warn('Connection to edgeHub has trouble', { reason: describeError(error) }),
      );
      await within(OPEN_TIMEOUT_MS, client.open());
      const twin = await within(OPEN_TIMEOUT_MS, client.getTwin());
      for (const name of METHOD_NAMES) {
        client.onMethod(name, (request, response) => {
          void this.#events.onMethod(name, request?.payload).then(({ status, payload }) =>
            response?.send(status, payload).catch((error: unknown) => {
              this.#logger.warn('Answer of a direct method was not taken', { name, reason: describeError(error) });
            }),
          );
        });
      }
      this.#client = client;
      this.#twin = twin;
      this.#logger.info('Connected to edgeHub');
      // The SDK calls back once with the whole document when the listener is added, then merges every patch into twin.properties.
      twin.on('properties.desired', () => this.#events.onDesired(twin.properties.desired));
      // Changes made while the connection was down are not sent again: they are asked for.
      client.on('connect', () => twin.get(() => undefined));
      // The SDK has given up and would subscribe nothing any more.
      client.once('disconnect', () => this.#replace(client));
    } catch (error) {
      discard(client);
      throw error;
    }
  }

  /** Another client takes the place of one that is of no use any more. */
  #replace(client: ModuleClient): void {
    if (this.#stop.signal.aborted || this.#client !== client) return;
    this.#logger.warn('Connection to edgeHub is lost, it is made anew', { code: 'BGP_HUB_UNREACHABLE' });
    this.#client = null;
    this.#twin = null;
    discard(client);
    void this.run();
  }

  sendRoutes(message: BgpRoutes): Promise<void> {
    return this.#send('routes', BGP_ROUTES_MESSAGE_TYPE, message);
  }

  sendState(message: BgpState): Promise<void> {
    return this.#send('state', BGP_STATE_MESSAGE_TYPE, message);
  }

  /** Resolves when edgeHub acknowledged it: it is on edgeHub's disk then. */
  async #send(output: string, messageType: string, body: object): Promise<void> {
    const client = this.#client;
    if (client === null)
      throw new EdgeError('BGP_HUB_UNREACHABLE', 'Cannot send a message: there is no connection to edgeHub', {
        retry: 'backoff',
      });
    const message = new iotDevice.Message(JSON.stringify(body));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('messageType', messageType);
    await within(SEND_TIMEOUT_MS, client.sendOutputEvent(output, message));
  }

  /** Reported properties: what of the desired ones is in force. */
  async reportSettings(reported: object): Promise<void> {
    const twin = this.#twin;
    if (twin === null) return;
    await new Promise<void>((resolve) => {
      twin.properties.reported.update(reported, (error: Error | null) => {
        if (error) this.#logger.warn('Reported properties were not taken', { reason: describeError(error) });
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#client?.close().catch(() => {});
  }
}

function discard(client: ModuleClient): void {
  client.removeAllListeners();
  client.on('error', () => {});
  void client.close().catch(() => {});
}

async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
