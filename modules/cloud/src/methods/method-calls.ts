// Direct methods: waits for the target to be there, sends, waits for the answer, and gives up in time (cloud.md 2.5).

import { randomUUID } from 'node:crypto';
import { type Clock, EdgeError } from '@wayside/kit';
import type { Json } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { BODY_DEPTH_MAX, isWithinDepth } from '../hub-api/body-depth.ts';
import { requireIdentity } from '../identity/identity-rows.ts';
import type { MethodRequest } from '../platform.ts';
import type { Db } from '../store/tables.ts';

const METHOD_PAYLOAD_BYTES_MAX = 128 * 1024;
const RESPONSE_TIMEOUT_SECS_MIN = 5;
const RESPONSE_TIMEOUT_SECS_MAX = 300;
const CONNECT_TIMEOUT_SECS_MAX = 300;
export const RESPONSE_TIMEOUT_SECS_DEFAULT = 30;
/** Calls that wait at once, over all devices and to one identity. */
const PENDING_CALLS_MAX = 5_000;
export const PENDING_CALLS_PER_IDENTITY_MAX = 100;
/** A client subscribes some milliseconds after CONNACK: a call in between waits this long for it. */
const SUBSCRIBE_GRACE_MS = 2_000;
const METHOD_NAME = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,100}$/;

/** The connections, as methods see them. */
export interface MethodLink {
  /** gone: not connected. deaf: connected, no method subscription. */
  reach(deviceId: string, moduleId: string | undefined): 'ready' | 'deaf' | 'gone';
  /** false when it could not be handed to the connection. */
  send(deviceId: string, moduleId: string | undefined, call: { name: string; rid: string; body: string }): boolean;
  /** Calls back at the next change of that identity's connection or subscriptions; returns the way to stop listening. */
  onChange(deviceId: string, moduleId: string | undefined, listener: () => void): () => void;
}

interface Pending {
  key: string;
  answer(result: { status: number; body: Uint8Array }): void;
}

export class MethodCalls {
  private readonly db: Db;
  private readonly clock: Clock;
  private readonly link: MethodLink;
  private readonly pending = new Map<string, Pending>();
  private readonly counts = new Map<string, number>();
  private total = 0;

  constructor(parts: { db: Db; clock: Clock; link: MethodLink }) {
    this.db = parts.db;
    this.clock = parts.clock;
    this.link = parts.link;
  }

  async invoke(
    deviceId: string,
    moduleId: string | undefined,
    call: MethodRequest,
  ): Promise<{ status: number; payload: Json }> {
    const body = checkMethodRequest(call);
    await requireIdentity(this.db, deviceId, moduleId);
    const key = keyOf(deviceId, moduleId);
    this.enter(key);
    try {
      await this.reachTarget(deviceId, moduleId, (call.connectTimeoutSecs ?? 0) * 1_000);
      const timeoutMs = (call.responseTimeoutSecs ?? RESPONSE_TIMEOUT_SECS_DEFAULT) * 1_000;
      return await this.exchange(deviceId, moduleId, { name: call.methodName, body }, timeoutMs);
    } finally {
      this.leave(key);
    }
  }

  /** A client's answer. Unknown and foreign rids, and those that come too late, are dropped: false. */
  answer(deviceId: string, moduleId: string | undefined, rid: string, status: number, body: Uint8Array): boolean {
    const pending = this.pending.get(rid);
    // The rid alone is no proof: only the identity that was asked may answer.
    if (!pending || pending.key !== keyOf(deviceId, moduleId)) return false;
    pending.answer({ status, body });
    return true;
  }

  private async exchange(
    deviceId: string,
    moduleId: string | undefined,
    call: { name: string; body: string },
    timeoutMs: number,
  ): Promise<{ status: number; payload: Json }> {
    const rid = randomUUID();
    const answered = new Promise<{ status: number; body: Uint8Array }>((resolve) => {
      this.pending.set(rid, { key: keyOf(deviceId, moduleId), answer: resolve });
    });
    try {
      if (!this.link.send(deviceId, moduleId, { ...call, rid })) throw offline(deviceId, moduleId, 0);
      const result = await this.within(timeoutMs, answered);
      if (!result) throw timedOut(deviceId, moduleId, call.name, timeoutMs);
      return { status: result.status, payload: parsePayload(result.body) };
    } finally {
      this.pending.delete(rid);
    }
  }

  private async reachTarget(deviceId: string, moduleId: string | undefined, connectTimeoutMs: number): Promise<void> {
    const startMs = this.clock.monotonicMs();
    for (;;) {
      const reach = this.link.reach(deviceId, moduleId);
      if (reach === 'ready') return;
      const patienceMs = reach === 'deaf' ? Math.max(connectTimeoutMs, SUBSCRIBE_GRACE_MS) : connectTimeoutMs;
      const leftMs = patienceMs - (this.clock.monotonicMs() - startMs);
      if (leftMs <= 0) throw offline(deviceId, moduleId, connectTimeoutMs);
      let stop = () => {};
      const changed = new Promise<true>((resolve) => {
        stop = this.link.onChange(deviceId, moduleId, () => resolve(true));
      });
      await this.within(leftMs, changed).finally(stop);
    }
  }

  /** undefined after `ms`. */
  private async within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
    const done = new AbortController();
    const timer = this.clock.sleep(ms, done.signal).then(
      () => undefined,
      () => undefined,
    );
    try {
      return await Promise.race([promise, timer]);
    } finally {
      done.abort();
    }
  }

  private enter(key: string): void {
    const count = this.counts.get(key) ?? 0;
    if (this.total >= PENDING_CALLS_MAX || count >= PENDING_CALLS_PER_IDENTITY_MAX) {
      throw new EdgeError(
        'CLOUD_METHOD_BUSY',
        `Cannot call a method: ${count} calls to this identity and ${this.total} in all wait, at most ${PENDING_CALLS_PER_IDENTITY_MAX} and ${PENDING_CALLS_MAX} may`,
        { source: 'downstream', retry: 'backoff' },
      );
    }
    this.counts.set(key, count + 1);
    this.total += 1;
  }

  private leave(key: string): void {
    const count = (this.counts.get(key) ?? 1) - 1;
    if (count === 0) this.counts.delete(key);
    else this.counts.set(key, count);
    this.total -= 1;
  }
}

/** Throws CLOUD_ARGUMENT_INVALID; returns the body as it goes on the wire. */
export function checkMethodRequest(call: MethodRequest): string {
  if (typeof call.methodName !== 'string' || !METHOD_NAME.test(call.methodName) || /[+#/]/.test(call.methodName)) {
    throw invalid('methodName', JSON.stringify(call.methodName ?? null), '1 to 100 characters without / + #');
  }
  checkSecs('responseTimeoutInSeconds', call.responseTimeoutSecs, RESPONSE_TIMEOUT_SECS_MIN, RESPONSE_TIMEOUT_SECS_MAX);
  checkSecs('connectTimeoutInSeconds', call.connectTimeoutSecs, 0, CONNECT_TIMEOUT_SECS_MAX);
  // An empty body is legal, but the Node SDK on the device answers it with 400: JSON null means the same to all of them.
  const body = JSON.stringify(call.payload ?? null);
  const bytes = Buffer.byteLength(body);
  if (bytes > METHOD_PAYLOAD_BYTES_MAX)
    throw invalid('payload', `${bytes} bytes`, `${METHOD_PAYLOAD_BYTES_MAX} at most`);
  return body;
}

function checkSecs(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  throw invalid(name, JSON.stringify(value), `a whole number from ${min} to ${max}`);
}

/** Clients answer JSON or nothing; anything else, and JSON too deep to be written out again, is handed on as text. */
function parsePayload(body: Uint8Array): Json {
  if (body.length === 0) return null;
  const text = Buffer.from(body).toString('utf8');
  try {
    const payload = JSON.parse(text) as Json;
    return isWithinDepth(payload, BODY_DEPTH_MAX) ? payload : text;
  } catch {
    return text;
  }
}

function keyOf(deviceId: string, moduleId: string | undefined): string {
  return JSON.stringify([deviceId, moduleId ?? '']);
}

function invalid(name: string, current: string, wanted: string): Error {
  return refusal('CLOUD_ARGUMENT_INVALID', `Cannot call a method: ${name} is ${current}, wanted ${wanted}`);
}

function offline(deviceId: string, moduleId: string | undefined, timeoutMs: number): Error {
  const name = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  return refusal(
    'CLOUD_METHOD_DEVICE_OFFLINE',
    `Cannot call a method on "${name}": it is not connected for methods, waited ${timeoutMs / 1_000} s`,
    { timeoutMs },
  );
}

function timedOut(deviceId: string, moduleId: string | undefined, method: string, timeoutMs: number): Error {
  const name = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  return refusal(
    'CLOUD_METHOD_TIMEOUT',
    `No answer to method "${method}" from "${name}" within ${timeoutMs / 1_000} s`,
    {
      timeoutMs,
    },
  );
}
