// The loop that keeps one connection to the cloud: open, twin, serve until lost, again with growing pauses. The rest of the agent never waits for it.

import { backoffDelayMs, type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { DesiredTracker } from './desired-tracker.ts';
import type { CloudClient, CloudHandlers, MethodAnswer, MethodCall } from './module-client.ts';

const RECONNECT_BASE_MS = 1_000;
const RECONNECT_MAX_MS = 30_000;
const RECONNECT_JITTER = 0.3;
/** The reconnect of a token renewal is over by then. */
const RENEWAL_SETTLE_MS = 5_000;

export interface CloudConnectionOptions {
  connect: (handlers: CloudHandlers) => Promise<CloudClient>;
  clock: Clock;
  logger: Logger;
  /** ConfigRefreshFrequencySecs in ms. */
  refreshMs: number;
  onDesired: (desired: JsonObject) => void;
  onMethod: (call: MethodCall) => Promise<MethodAnswer>;
  /** Connected, with the reported section as the hub has it. */
  onConnected: (client: CloudClient, reported: JsonObject) => void;
  onDisconnected: () => void;
  /** Each twin get; for metrics. */
  onSync?: (isOk: boolean) => void;
}

export class CloudConnection {
  readonly #options: CloudConnectionOptions;
  readonly #tracker = new DesiredTracker();
  #client: CloudClient | undefined;
  #fetching: Promise<void> | undefined;
  #isFetchWanted = false;

  constructor(options: CloudConnectionOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#client !== undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const wasConnected = await this.#session(signal);
      if (wasConnected) attempt = 0;
      if (signal.aborted) return;
      const delayMs = backoffDelayMs({
        attempt,
        baseMs: RECONNECT_BASE_MS,
        maxMs: RECONNECT_MAX_MS,
        jitter: RECONNECT_JITTER,
      });
      logger.debug('Next connection to the cloud', { delayMs });
      await clock.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** One connection from dial to loss. true when it came so far that the twin was read. */
  async #session(signal: AbortSignal): Promise<boolean> {
    const { connect, logger, onDisconnected } = this.#options;
    const lost = Promise.withResolvers<string>();
    let isLost = false;
    void lost.promise.then(() => {
      isLost = true;
    });
    const stop = () => lost.resolve('shutting down');
    signal.addEventListener('abort', stop, { once: true });
    let client: CloudClient | undefined;
    let isUp = false;
    try {
      client = await connect(this.#handlers(lost.resolve));
      await Promise.race([this.#establish(client, () => isLost), lost.promise.then(endedEarly)]);
      isUp = true;
      const refreshing = this.#refreshUntil(lost.promise);
      const reason = await lost.promise;
      logger.warn('Connection to the cloud ended', { reason });
      await refreshing;
    } catch (error) {
      logger.warn('Cannot connect to the cloud', { error: describeError(error) });
    } finally {
      signal.removeEventListener('abort', stop);
      this.#client = undefined;
      if (isUp) onDisconnected();
      // On shutdown the owner closes the client after its last words.
      if (!signal.aborted || !isUp) await client?.close();
    }
    return isUp;
  }

  #handlers(onLost: (reason: string) => void): CloudHandlers {
    const { clock, onMethod } = this.#options;
    return {
      onDesiredPatch: (patch) => this.#onPatch(patch),
      onMethod,
      onRenewed: () => void clock.sleep(RENEWAL_SETTLE_MS).then(() => this.#refetch()),
      onDisconnect: onLost,
    };
  }

  async #establish(client: CloudClient, isOver: () => boolean): Promise<void> {
    const { logger, onConnected, onDesired } = this.#options;
    await client.open();
    const twin = await client.getTwin();
    if (isOver()) return;
    this.#tracker.reset();
    this.#tracker.replace(twin.desired);
    this.#client = client;
    logger.info('Connected to the cloud', { desiredVersion: this.#tracker.version });
    onConnected(client, twin.reported);
    this.#options.onSync?.(true);
    onDesired(this.#tracker.document ?? {});
  }

  #onPatch(patch: JsonObject): void {
    const outcome = this.#tracker.patch(patch);
    if (outcome === 'gap') this.#refetch();
    else if (outcome === 'applied' && this.#tracker.document) this.#options.onDesired(this.#tracker.document);
  }

  async #refreshUntil(lost: Promise<string>): Promise<void> {
    const over = new AbortController();
    void lost.then(() => over.abort());
    while (!over.signal.aborted) {
      await this.#options.clock.sleep(this.#options.refreshMs, over.signal).catch(() => undefined);
      if (!over.signal.aborted) this.#refetch();
    }
  }

  /** A full get; asked for again while one is under way, one more follows. */
  #refetch(): void {
    this.#isFetchWanted = true;
    this.#fetching ??= this.#fetchAll().finally(() => {
      this.#fetching = undefined;
    });
  }

  async #fetchAll(): Promise<void> {
    const { logger, onDesired, onSync } = this.#options;
    while (this.#isFetchWanted && this.#client) {
      this.#isFetchWanted = false;
      try {
        const twin = await this.#client.getTwin();
        onSync?.(true);
        if (this.#tracker.replace(twin.desired) && this.#tracker.document) onDesired(this.#tracker.document);
      } catch (error) {
        onSync?.(false);
        logger.warn('Twin cannot be read', { error: describeError(error) });
      }
    }
  }
}

function endedEarly(reason: string): never {
  throw new EdgeError('AGENT_CLOUD_DISCONNECTED', `Cannot connect to the cloud: ${reason}`, {
    source: 'upstream',
    retry: 'backoff',
  });
}
