// Keeps one identity connected to the cloud for as long as it is wanted: jittered reconnect, hard time limits, token renewal.
//
// INVARIANTS: at most one connection at a time; an operation that passes its time limit costs the connection, because a connection that
// answers nothing is worse than none; operations end with the connection they began on (the SDK leaves them unanswered); send() keeps the
// order of its calls.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { backoffDelayMs, type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import type { Json, JsonObject, TwinProperties } from '@wayside/protocol';
import type { HubMessage } from '../message.ts';
import type { CloudConnection, CloudConnector, MethodCall } from './cloud-connection.ts';

export interface LinkEvents {
  connected(link: UpstreamLink): void;
  disconnected(link: UpstreamLink): void;
  desired(link: UpstreamLink, patch: JsonObject): void;
  method(link: UpstreamLink, call: MethodCall): void;
}

export interface LinkOptions {
  readonly connector: CloudConnector;
  /** A fresh SAS token; undefined when the identity has no key any more. */
  readonly token: (identity: Identity, expiresAtSecs: number) => Promise<string>;
  readonly events: LinkEvents;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timing: LinkTiming;
}

export interface LinkTiming {
  readonly openTimeoutMs: number;
  readonly operationTimeoutMs: number;
  readonly sendTimeoutMs: number;
  readonly reconnectMsBase: number;
  readonly reconnectMsMax: number;
  readonly tokenLifeSecs: number;
  readonly tokenRenewBeforeSecs: number;
}

export const DEFAULT_TIMING: LinkTiming = {
  openTimeoutMs: 20_000,
  operationTimeoutMs: 20_000,
  sendTimeoutMs: 30_000,
  reconnectMsBase: 500,
  reconnectMsMax: 30_000,
  tokenLifeSecs: 3_600,
  tokenRenewBeforeSecs: 900,
};

/** Share of a pause that is left to chance, so that a fleet does not come back in step. */
const JITTER = 0.5;
/** How long close() waits for the goodbye. */
const CLOSE_TIMEOUT_MS = 3_000;

export class UpstreamLink {
  readonly identity: Identity;
  readonly clientId: string;
  readonly #options: LinkOptions;
  readonly #stopped = new AbortController();
  #connection: CloudConnection | undefined;
  #ended: PromiseWithResolvers<unknown> = Promise.withResolvers();
  /** Aborted when the connection is over. */
  #over = new AbortController();
  #inFlight = new Set<Promise<unknown>>();
  readonly #waiting = new Set<() => void>();
  #receive = false;
  #renewing = false;
  #lastAckAtMs: number;
  #lostAtMs: number;
  #done: Promise<void>;
  #nudge = new AbortController();

  constructor(identity: Identity, options: LinkOptions) {
    this.identity = identity;
    this.clientId = clientIdOf(identity);
    this.#options = options;
    this.#lastAckAtMs = this.#lostAtMs = options.clock.monotonicMs();
    this.#done = this.#run();
  }

  get isConnected(): boolean {
    return this.#connection !== undefined && !this.#renewing;
  }

  /** Monotonic time of the last acknowledgement of the cloud, or of the connect. */
  get lastAckAtMs(): number {
    return this.#lastAckAtMs;
  }

  get isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Milliseconds since the connection was lost; undefined while connected. */
  get offlineMs(): number | undefined {
    return this.#connection ? undefined : this.#options.clock.monotonicMs() - this.#lostAtMs;
  }

  send(message: HubMessage): Promise<void> {
    return this.#operate('send a message', this.#options.timing.sendTimeoutMs, (connection) =>
      connection.send(message),
    );
  }
  getTwin(): Promise<TwinProperties> {
    return this.#operate('get the twin', this.#options.timing.operationTimeoutMs, (connection) => connection.getTwin());
  }
  patchReported(patch: JsonObject): Promise<void> {
    return this.#operate('report properties', this.#options.timing.operationTimeoutMs, (connection) =>
      connection.patchReported(patch),
    );
  }
  answerMethod(requestId: string, status: number, payload: Json | undefined): Promise<void> {
    return this.#operate('answer a method', this.#options.timing.operationTimeoutMs, (connection) =>
      connection.answerMethod(requestId, status, payload),
    );
  }

  /** Whether desired patches and methods are wanted: only while somebody is there to take them. */
  receive(wanted: boolean): void {
    if (this.#receive === wanted) return;
    this.#receive = wanted;
    if (!this.isConnected) return;
    const began = this.#connection;
    this.#operate('subscribe', this.#options.timing.operationTimeoutMs, (connection) =>
      connection.receive(wanted),
    ).catch((error) => this.#resetIf(began, error));
  }

  /** Drops the connection and connects again. */
  reset(error: unknown): void {
    this.#ended.resolve(error);
  }

  /** An error of an earlier connection is no reason to drop the present one. */
  #resetIf(began: CloudConnection | undefined, error: unknown): void {
    if (began !== undefined && began === this.#connection) this.reset(error);
  }

  /** Ends a pause between two attempts: there is a reason to believe that the cloud is back. */
  nudge(): void {
    this.#nudge.abort();
    this.#nudge = new AbortController();
  }

  /** true as soon as there is a connection, false when there is none after `timeoutMs`. */
  async whenConnected(timeoutMs: number): Promise<boolean> {
    if (this.isConnected) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const up = () => resolve(true);
    this.#waiting.add(up);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(up);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#nudge.abort();
    this.#ended.resolve(undefined);
    // An attempt to connect that hangs must not hold up the shutdown.
    await this.#limit(this.#done, 'stop', CLOSE_TIMEOUT_MS).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { timing, clock, logger } = this.#options;
    for (let attempt = 0; !this.isStopped; ) {
      try {
        const openedAtMs = clock.monotonicMs();
        const error = await this.#connectOnce();
        if (error !== undefined)
          logger.warn('Connection to the cloud lost', { client: this.clientId, error: describeError(error) });
        // A connection that held is a fresh start, one that broke at once is not.
        attempt = clock.monotonicMs() - openedAtMs > timing.reconnectMsMax || error === undefined ? 0 : attempt + 1;
        if (error === undefined) continue;
      } catch (error) {
        attempt++;
        const level = attempt === 1 ? 'warn' : 'debug';
        logger[level]('Cannot connect to the cloud', { client: this.clientId, attempt, error: describeError(error) });
      }
      if (this.isStopped) return;
      const delayMs = backoffDelayMs({
        attempt: attempt - 1,
        baseMs: timing.reconnectMsBase,
        maxMs: timing.reconnectMsMax,
        jitter: JITTER,
      });
      await clock.sleep(delayMs, this.#nudge.signal).catch(() => undefined);
    }
  }

  /** Opens, serves until the end, closes. Resolves with what ended it: undefined = wanted (stop, renewal). */
  async #connectOnce(): Promise<unknown> {
    const { connector, token, events, clock, timing } = this.#options;
    const expiresAtSecs = Math.floor(clock.nowMs() / 1000) + timing.tokenLifeSecs;
    const ended = Promise.withResolvers<unknown>();
    this.#ended = ended;
    const text = await token(this.identity, expiresAtSecs);
    const opening = connector.open(this.identity, text, {
      desired: (patch) => events.desired(this, patch),
      method: (call) => events.method(this, call),
      lost: (error) => ended.resolve(error ?? new Error('Connection closed')),
    });
    const connection = await this.#limit(opening, 'open the connection', timing.openTimeoutMs).catch((error) => {
      // An open that comes after its time must not leave a connection behind.
      opening.then((late) => late.close()).catch(() => undefined);
      throw error;
    });
    let served = false;
    try {
      // What was wanted when the subscription began; a change meanwhile is made good after it.
      for (let done: boolean | undefined; this.#receive && done !== this.#receive; ) {
        done = this.#receive;
        await this.#limit(connection.receive(done), 'subscribe', timing.operationTimeoutMs);
      }
      if (this.isStopped) return undefined;
      served = true;
      this.#connection = connection;
      this.#over = new AbortController();
      this.#renewing = false;
      this.#lastAckAtMs = clock.monotonicMs();
      for (const up of this.#waiting) up();
      events.connected(this);
      const renewal = new AbortController();
      const renewAfterMs = (timing.tokenLifeSecs - timing.tokenRenewBeforeSecs) * 1000;
      const due = clock.sleep(renewAfterMs, renewal.signal).then(
        () => this.#drain(),
        () => new Promise<never>(() => undefined),
      );
      const error = await Promise.race([ended.promise, due]);
      renewal.abort();
      return error;
    } finally {
      this.#connection = undefined;
      this.#over.abort();
      this.#lostAtMs = clock.monotonicMs();
      if (served) events.disconnected(this);
      await this.#limit(connection.close(), 'close', CLOSE_TIMEOUT_MS).catch(() => undefined);
    }
  }

  /** Before a token renewal: no new operations, those under way may end. */
  async #drain(): Promise<undefined> {
    this.#renewing = true;
    await Promise.allSettled(this.#inFlight);
    this.#renewing = false;
    return undefined;
  }

  async #operate<T>(what: string, timeoutMs: number, start: (connection: CloudConnection) => Promise<T>): Promise<T> {
    const connection = this.#connection;
    if (!connection || this.#renewing) throw this.#offline(what, 'is not connected to the cloud');
    const over = this.#over.signal;
    const lost = Promise.withResolvers<never>();
    const onOver = () => lost.reject(this.#offline(what, 'lost its connection to the cloud'));
    over.addEventListener('abort', onOver, { once: true });
    const work = start(connection);
    this.#inFlight.add(work);
    try {
      const result = await this.#limit(Promise.race([work, lost.promise]), what, timeoutMs);
      this.#lastAckAtMs = this.#options.clock.monotonicMs();
      return result;
    } catch (error) {
      if (error instanceof EdgeError && error.code === 'HUB_UPSTREAM_TIMEOUT') this.#resetIf(connection, error);
      throw error;
    } finally {
      over.removeEventListener('abort', onOver);
      this.#inFlight.delete(work);
    }
  }

  #offline(what: string, why: string): EdgeError {
    return new EdgeError('HUB_UPSTREAM_OFFLINE', `Cannot ${what}: ${this.clientId} ${why}`, {
      source: 'upstream',
      retry: 'backoff',
    });
  }

  async #limit<T>(work: Promise<T>, what: string, timeoutMs: number): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () =>
        reject(
          new EdgeError('HUB_UPSTREAM_TIMEOUT', `Cannot ${what}: the cloud did not answer within ${timeoutMs} ms`, {
            source: 'upstream',
            retry: 'backoff',
          }),
        ),
      timeoutMs,
    );
    try {
      return await Promise.race([work, promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
