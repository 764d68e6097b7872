// The module's connection to edgeHub: desired properties in, reports out. Opened in its own loop: the cache serves without it.

import { type Clock, describeError, type Logger, retry } from '@wayside/kit';
import type { CacheReport } from '@wayside/protocol';
import iotDevice, {
  type DeviceMethodRequest,
  type DeviceMethodResponse,
  type ModuleClient,
  type Twin,
} from 'azure-iot-device';
import iotMqtt from 'azure-iot-device-mqtt';
import type { CommandAnswer } from './commands.ts';

/** Between two tries to open the connection. */
const OPEN_RETRY_BASE_MS = 1000;
const OPEN_RETRY_MAX_MS = 30_000;
/** One try to open it and to get the twin; the SDK's own limit is far longer. */
const OPEN_TIMEOUT_MS = 45_000;
const SEND_TIMEOUT_MS = 30_000;
const OUTPUT = 'report';
/** IoT Hub's limit for the payload of a direct method, in characters as good as bytes. */
const ANSWER_CHARACTERS_MAX = 128 * 1024;

export interface HubLinkEvents {
  /** The whole desired document, at start and after every change. */
  onDesired(desired: unknown): void;
}

/** What the hub may have this module do, by method name; answers never reject. */
export type MethodTable = Readonly<Record<string, (payload: unknown) => Promise<CommandAnswer>>>;

export class HubLink {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: HubLinkEvents;
  readonly #methods: MethodTable;
  readonly #stop = new AbortController();
  #client: ModuleClient | null = null;
  #twin: Twin | null = null;

  constructor(clock: Clock, logger: Logger, events: HubLinkEvents, methods: MethodTable = {}) {
    this.#clock = clock;
    this.#logger = logger;
    this.#events = events;
    this.#methods = methods;
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
          code: 'CACHE_HUB_UNREACHABLE',
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
      await within(OPEN_TIMEOUT_MS, client.open());
      const twin = await within(OPEN_TIMEOUT_MS, client.getTwin());
      client.on('error', (error) =>
        this.#logger.warn('Connection to edgeHub has trouble', { reason: describeError(error) }),
      );
      for (const [name, method] of Object.entries(this.#methods))
        client.onMethod(name, this.#answering(name, method) as never);
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

  #answering(name: string, method: MethodTable[string]) {
    return (request: DeviceMethodRequest, response: DeviceMethodResponse): void => {
      void method(request.payload).then(({ status, payload }) => {
        const text = JSON.stringify(payload);
        const isTooLong = text.length > ANSWER_CHARACTERS_MAX;
        const answer = isTooLong ? tooLong(name, text.length) : payload;
        response.send(isTooLong ? 413 : status, answer, (error) => {
          if (error)
            this.#logger.warn('Answer of a direct method was not taken', { name, reason: describeError(error) });
        });
      });
    };
  }

  /** Another client takes the place of one that is of no use any more. */
  #replace(client: ModuleClient): void {
    if (this.#stop.signal.aborted || this.#client !== client) return;
    this.#logger.warn('Connection to edgeHub is lost, it is made anew', { code: 'CACHE_HUB_UNREACHABLE' });
    this.#client = null;
    this.#twin = null;
    discard(client);
    void this.run();
  }

  async send(report: CacheReport): Promise<void> {
    if (this.#client === null) return;
    const message = new iotDevice.Message(JSON.stringify(report));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('messageType', 'cacheReport');
    try {
      await within(SEND_TIMEOUT_MS, this.#client.sendOutputEvent(OUTPUT, message));
    } catch (error) {
      this.#logger.warn('Report was not taken', { code: 'CACHE_REPORT_FAILED', reason: describeError(error) });
    }
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

function tooLong(name: string, characters: number): object {
  const message = `Cannot answer "${name}": the answer has ${characters} characters, wanted at most ${ANSWER_CHARACTERS_MAX}; ask for less with limit and offset`;
  return { error: { code: 'CACHE_ANSWER_TOO_LONG', message } };
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
