// Keeps the history bounded: per device by count, over all by age. Cuts run between commits, in small steps.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Db } from '../store/tables.ts';
import { cutByAge, cutByCount, cutTypes } from './telemetry-rows.ts';

/** Messages kept of one device: over a day of an edge node with a sensor each second, or 20 days of health and cache reports. */
const DEVICE_MESSAGES_MAX = 100_000;
/** Messages older than this go, whatever their number. */
const MESSAGE_AGE_MS_MAX = 7 * 24 * 3_600_000;
/** Message types of one sender whose newest message is kept; the runtime's own modules use three. */
export const SENDER_TYPES_MAX = 64;
/** How often a sweep looks at devices that got messages, and at ages. */
const SWEEP_INTERVAL_MS = 30_000;
/** Rows removed in one statement: other writers wait no longer than this takes. */
const CUT_ROWS_MAX = 2_000;

export interface RingLimits {
  deviceMessagesMax: number;
  messageAgeMsMax: number;
}

export class TelemetryRing {
  private readonly parts: { db: Db; clock: Clock; logger: Logger };
  private readonly limits: RingLimits;
  private readonly stopping = new AbortController();
  private grown = new Set<string>();
  private loop: Promise<void> | undefined;

  constructor(parts: { db: Db; clock: Clock; logger: Logger }, limits?: Partial<RingLimits>) {
    this.parts = parts;
    this.limits = { deviceMessagesMax: DEVICE_MESSAGES_MAX, messageAgeMsMax: MESSAGE_AGE_MS_MAX, ...limits };
  }

  /** These devices got messages since the last sweep. */
  note(deviceIds: Iterable<string>): void {
    for (const deviceId of deviceIds) this.grown.add(deviceId);
  }

  start(): void {
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  /** One sweep; returns how many messages went. */
  async sweep(): Promise<number> {
    const { db, clock } = this.parts;
    const devices = this.grown;
    this.grown = new Set();
    let removed = 0;
    for (const deviceId of devices) {
      await cutTypes(db, deviceId, SENDER_TYPES_MAX);
      removed += await this.cut(() => cutByCount(db, deviceId, this.limits.deviceMessagesMax, CUT_ROWS_MAX));
    }
    const beforeMs = clock.nowMs() - this.limits.messageAgeMsMax;
    return removed + (await this.cut(() => cutByAge(db, beforeMs, CUT_ROWS_MAX)));
  }

  private async cut(step: () => Promise<number>): Promise<number> {
    let removed = 0;
    for (let count = CUT_ROWS_MAX; count === CUT_ROWS_MAX && !this.stopping.signal.aborted; ) {
      count = await step();
      removed += count;
    }
    return removed;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.parts.clock.sleep(SWEEP_INTERVAL_MS, signal);
        await this.sweep();
      } catch (error) {
        if (!signal.aborted) {
          this.parts.logger.error('Cannot cut the telemetry history, trying again', { error: describeError(error) });
        }
      }
    }
  }
}
