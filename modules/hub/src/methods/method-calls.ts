// Direct methods to connected clients: request, correlation by rid, answer or time limit.

import { randomUUID } from 'node:crypto';
import { clientIdOf, type Gateway, type Identity } from '@wayside/gateway';
import { EdgeError } from '@wayside/kit';
import type { Json } from '@wayside/protocol';

export interface MethodAnswer {
  readonly status: number;
  readonly payload: Json | undefined;
}

/** Calls under way to one client. */
const CALLS_PER_CLIENT_MAX = 100;
/** A client that is connected but has not subscribed may still do so. */
const SUBSCRIBE_WAIT_MS = 5_000;
const PAYLOAD_BYTES_MAX = 128 * 1024;

interface Pending {
  readonly clientId: string;
  settle(answer: MethodAnswer): void;
}

type Reason = 'offline' | 'timeout' | 'busy' | 'answer-too-large';

/** Why a call failed: `reason` decides what the caller is told. */
export class MethodError extends EdgeError {
  readonly reason: Reason;
  constructor(reason: Reason, message: string) {
    super('HUB_METHOD_FAILED', message, { source: 'downstream' });
    this.reason = reason;
  }
}

export class MethodCalls {
  readonly #gateway: () => Pick<Gateway, 'method' | 'connection'>;
  readonly #pending = new Map<string, Pending>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(gateway: () => Pick<Gateway, 'method' | 'connection'>) {
    this.#gateway = gateway;
  }

  /**
   * Calls a method of a connected client. Waits up to `connectTimeoutMs` for the client to be connected and subscribed, then up to
   * `responseTimeoutMs` for the answer. Throws MethodError.
   */
  async call(
    identity: Identity,
    call: { name: string; body: string; connectTimeoutMs: number; responseTimeoutMs: number },
  ): Promise<MethodAnswer> {
    const clientId = clientIdOf(identity);
    await this.#reachable(identity, call.connectTimeoutMs);
    if ([...this.#pending.values()].filter((pending) => pending.clientId === clientId).length >= CALLS_PER_CLIENT_MAX) {
      throw new MethodError('busy', `Cannot call ${clientId}: ${CALLS_PER_CLIENT_MAX} calls are under way`);
    }
    const rid = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<MethodAnswer>();
    const timer = setTimeout(
      () =>
        reject(
          new MethodError(
            'timeout',
            `${clientId} did not answer method ${call.name} within ${call.responseTimeoutMs} ms`,
          ),
        ),
      call.responseTimeoutMs,
    );
    this.#pending.set(rid, { clientId, settle: resolve });
    try {
      if (!this.#gateway().method(identity, { name: call.name, rid, body: call.body })) {
        throw new MethodError('offline', `${clientId} is not connected`);
      }
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(rid);
    }
  }

  /** An answer came; one that nobody waits for, or that another client sends, is dropped. */
  answered(identity: Identity, { rid, status, body }: { rid: string; status: number; body: Buffer }): void {
    const pending = this.#pending.get(rid);
    if (!pending || pending.clientId !== clientIdOf(identity)) return;
    if (body.length > PAYLOAD_BYTES_MAX)
      pending.settle({ status: 413, payload: 'Method answer is larger than 128 KiB' });
    else pending.settle({ status, payload: parsePayload(body) });
  }

  /** A client connected or subscribed: who waits for it looks again. */
  changed(identity: Identity): void {
    for (const look of this.#waiting.get(clientIdOf(identity)) ?? []) look();
  }

  async #reachable(identity: Identity, connectTimeoutMs: number): Promise<void> {
    const isSubscribed = () => this.#gateway().connection(identity)?.session.subscriptions.methods !== undefined;
    const isConnected = () => this.#gateway().connection(identity) !== undefined;
    if (isSubscribed()) return;
    if (!(await this.#until(identity, isConnected, connectTimeoutMs))) {
      throw new MethodError('offline', `${clientIdOf(identity)} is not connected`);
    }
    // After the wait it is called in any case: an SDK may believe that it is subscribed (iotedge.md 6.7).
    await this.#until(identity, isSubscribed, Math.max(connectTimeoutMs, SUBSCRIBE_WAIT_MS));
  }

  async #until(identity: Identity, condition: () => boolean, timeoutMs: number): Promise<boolean> {
    if (condition()) return true;
    if (timeoutMs <= 0) return false;
    const clientId = clientIdOf(identity);
    const lookers = this.#waiting.get(clientId) ?? new Set();
    this.#waiting.set(clientId, lookers);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = () => condition() && resolve(true);
    const timer = setTimeout(() => resolve(false), timeoutMs);
    lookers.add(look);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      lookers.delete(look);
      if (lookers.size === 0) this.#waiting.delete(clientId);
    }
  }
}

/** JSON as sent; text that is none is handed on as a text. */
function parsePayload(body: Buffer): Json | undefined {
  if (body.length === 0) return undefined;
  const text = body.toString('utf8');
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
