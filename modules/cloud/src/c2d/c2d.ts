// Cloud-to-device messages: takes them from back ends, gives them to devices over MQTT as soon as they listen, or hands them out under a
// lock, and ends what nobody took in time.
//
// INVARIANTS
// - A message is on disk before its sender hears that it was taken, and until its device acknowledged it: it may arrive twice, never not.
// - One pump a device: messages leave in the order they were taken.

import { randomUUID } from 'node:crypto';
import type { Gateway } from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { checkMessage, type NewC2dMessage } from './c2d-message.ts';
import {
  countWaiting,
  devicesWithMessages,
  endLocked,
  enqueue,
  expire,
  giveBack,
  type LockedMessage,
  lockMessages,
  purge,
} from './c2d-rows.ts';
import {
  completeFeedback,
  type LockedFeedback,
  lockFeedback,
  pruneFeedback,
  releaseFeedback,
} from './feedback-rows.ts';
import { type C2dDb, c2dTables } from './tables.ts';

/** How long a device may take with a message before another delivery begins; more than the gateway's wait for a PUBACK. */
const LOCK_MS = 60_000;
/** What a device may ask for instead, over HTTPS (IoT Hub: 5 to 300 s). */
export const LOCK_SECS_MIN = 5;
export const LOCK_SECS_MAX = 300;
/** Messages on their way to one device over MQTT. */
const IN_FLIGHT_MAX = 10;
/** A feedback message is the back end's for so long. */
const FEEDBACK_LOCK_MS = 60_000;
/** Expiry, and devices of this replica with messages that another one took. */
const SWEEP_MS = 5_000;
const SWEEP_DEVICES_MAX = 1_000;

export interface C2dParts {
  db: Db;
  commits: CommitGroup;
  clock: Clock;
  logger: Logger;
  gateway: Pick<Gateway, 'connection' | 'c2d'>;
  /** Tells the other replicas that a message waits for the device: it may be connected there. */
  tellOthers?(deviceId: string): void;
}

export class CloudToDevice {
  private readonly parts: C2dParts;
  private readonly db: C2dDb;
  /** Device -> its pump, with a mark when news came while it ran. */
  private readonly pumps = new Map<string, { again: boolean; done: Promise<void> }>();
  private readonly feedbackListeners = new Set<() => void>();
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(parts: C2dParts) {
    this.parts = parts;
    this.db = c2dTables(parts.db);
  }

  /** On disk when it resolves. CLOUD_DEVICE_NOT_FOUND, CLOUD_C2D_QUEUE_FULL, CLOUD_C2D_INVALID, CLOUD_C2D_TOO_LARGE. */
  async send(message: NewC2dMessage): Promise<{ sequence: number }> {
    const { commits, clock } = this.parts;
    const nowMs = clock.nowMs();
    const checked = checkMessage(message, nowMs);
    const sequence = await commits.run((trx) => enqueue(trx, checked, nowMs), message.deviceId);
    this.reachable(message.deviceId);
    this.parts.tellOthers?.(message.deviceId);
    return { sequence };
  }

  /** Resolves with the number of messages taken away. The device must be there. */
  async purge(deviceId: string): Promise<number> {
    const purged = await this.write((db, nowMs) => purge(db, deviceId, nowMs), deviceId);
    if (purged > 0) this.feedbackCame();
    return purged;
  }

  countWaiting(deviceIds: readonly string[]): Promise<Map<string, number>> {
    return countWaiting(this.db, deviceIds);
  }

  /** The oldest message for a device that fetches it, locked for `lockSecs`; undefined when none waits. */
  async receive(deviceId: string, lockSecs = LOCK_MS / 1_000): Promise<LockedMessage | undefined> {
    const [message] = await this.lock(deviceId, lockSecs * 1_000, 1);
    return message;
  }

  /** CLOUD_C2D_LOCK_LOST. */
  async settle(deviceId: string, lockToken: string, how: 'complete' | 'reject' | 'abandon'): Promise<void> {
    const held = { deviceId, lockToken };
    await this.write(
      (db, nowMs) =>
        how === 'abandon'
          ? giveBack(db, held, nowMs)
          : endLocked(db, held, how === 'complete' ? 'Success' : 'Rejected', nowMs),
      deviceId,
    );
    this.feedbackCame();
    if (how !== 'abandon') return;
    this.reachable(deviceId);
    this.parts.tellOthers?.(deviceId);
  }

  /** The device may have begun to listen, or a message came for it. */
  reachable(deviceId: string): void {
    const pump = this.pumps.get(deviceId);
    if (pump) {
      pump.again = true;
      return;
    }
    if (!this.listens(deviceId) || this.stopping.signal.aborted) return;
    const started = { again: false, done: Promise.resolve() };
    this.pumps.set(deviceId, started);
    started.done = this.pump(deviceId, started)
      .catch((error) =>
        this.parts.logger.error('Messages wait for a device', { device: deviceId, error: describeError(error) }),
      )
      .finally(() => this.pumps.delete(deviceId));
  }

  /** Records for one feedback message; undefined when there are none. */
  async takeFeedback(): Promise<LockedFeedback | undefined> {
    return await this.write((db, nowMs) =>
      lockFeedback(db, randomUUID(), { nowMs, lockedUntilMs: nowMs + FEEDBACK_LOCK_MS }),
    );
  }

  async settleFeedback(lockToken: string, how: 'complete' | 'release'): Promise<void> {
    await this.write((db) => (how === 'complete' ? completeFeedback(db, lockToken) : releaseFeedback(db, lockToken)));
    if (how === 'release') this.feedbackCame();
  }

  /** Calls back when records may have come; returns the way to stop listening. */
  onFeedback(listener: () => void): () => void {
    this.feedbackListeners.add(listener);
    return () => this.feedbackListeners.delete(listener);
  }

  start(): void {
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await Promise.all([...this.pumps.values()].map(({ done }) => done));
  }

  private async pump(deviceId: string, state: { again: boolean }): Promise<void> {
    do {
      state.again = false;
      while (this.listens(deviceId) && !this.stopping.signal.aborted) {
        const messages = await this.lock(deviceId, LOCK_MS, IN_FLIGHT_MAX);
        if (messages.length === 0) break;
        const acked = await Promise.all(messages.map((message) => this.deliver(message)));
        this.feedbackCame();
        // What came back waits for the next sign of the device: it is gone, or does not acknowledge.
        if (!acked.every(Boolean)) break;
      }
    } while (state.again);
  }

  private async deliver(message: LockedMessage): Promise<boolean> {
    const { deviceId, lockToken } = message;
    const result = await this.parts.gateway.c2d(
      { deviceId },
      {
        properties: message.properties,
        body: Buffer.from(message.body),
        duplicate: message.deliveryCount > 1,
      },
    );
    const held = { deviceId, lockToken };
    await this.write(
      (db, nowMs) => (result === 'acked' ? endLocked(db, held, 'Success', nowMs) : giveBack(db, held, nowMs)),
      deviceId,
    ).catch((error) =>
      // Purged, or the device was deleted, while it was on its way.
      this.parts.logger.debug('A message ended otherwise', { device: deviceId, error: describeError(error) }),
    );
    return result === 'acked';
  }

  /** Only where the device subscribed: IoT Hub keeps messages for devices that do not ask for them. */
  private listens(deviceId: string): boolean {
    return this.parts.gateway.connection({ deviceId })?.session.subscriptions.c2d !== undefined;
  }

  private lock(deviceId: string, lockMs: number, messagesMax: number): Promise<LockedMessage[]> {
    return this.write(
      (db, nowMs) => lockMessages(db, deviceId, { nowMs, lockedUntilMs: nowMs + lockMs }, messagesMax, randomUUID),
      deviceId,
    );
  }

  private async run(): Promise<void> {
    const { clock, logger } = this.parts;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.sweep().catch((error) =>
        logger.error('Cannot look through messages for devices', { error: describeError(error) }),
      );
      await clock.sleep(SWEEP_MS, signal).catch(() => undefined);
    }
  }

  private async sweep(): Promise<void> {
    const ended = await this.write((db, nowMs) => expire(db, nowMs));
    await this.write((db, nowMs) => pruneFeedback(db, nowMs));
    if (ended > 0) this.feedbackCame();
    let after = '';
    for (;;) {
      const deviceIds = await devicesWithMessages(this.db, after, SWEEP_DEVICES_MAX);
      for (const deviceId of deviceIds) this.reachable(deviceId);
      if (deviceIds.length < SWEEP_DEVICES_MAX || this.stopping.signal.aborted) return;
      after = deviceIds.at(-1)!;
    }
  }

  private feedbackCame(): void {
    for (const listener of this.feedbackListeners) listener();
  }

  /** `key` = the device: its writes keep their order. */
  private write<T>(write: (db: C2dDb, nowMs: number) => Promise<T>, key?: string): Promise<T> {
    const { commits, clock } = this.parts;
    return commits.run((trx) => write(c2dTables(trx), clock.nowMs()), key);
  }
}
