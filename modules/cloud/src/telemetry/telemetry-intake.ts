// Takes messages in: what arrives while a commit is being written shares the next one, and each sender is answered after its commit.

import type { Identity } from '@wayside/gateway';
import type { Clock } from '@wayside/kit';
import { EdgeError } from '@wayside/kit';
import type { MessageProperties } from '@wayside/protocol';
import { takenOver } from '../device-front/ownership.ts';
import { refusal } from '../errors.ts';
import type { PlatformBus } from '../platform-events.ts';
import type { Db } from '../store/tables.ts';
import { type NewMessage, type WrittenMessage, writeMessages } from './telemetry-rows.ts';

/** Body and properties of one message (IoT Hub's device-to-cloud limit). */
export const MESSAGE_BYTES_MAX = 256 * 1024;
/** Messages and bytes that wait for a commit, over all senders; each connection is bounded by the gateway besides. */
const QUEUE_MESSAGES_MAX = 50_000;
const QUEUE_BYTES_MAX = 256 * 1024 * 1024;
/** Messages of one commit. */
const COMMIT_MESSAGES_MAX = 1_000;
const COMMIT_BYTES_MAX = 16 * 1024 * 1024;

export interface IncomingMessage {
  deviceId: string;
  moduleId?: string;
  properties: MessageProperties;
  body: Uint8Array;
  /** Epoch of the connection it came by, over all replicas. */
  fence?: number | undefined;
}

interface Waiting {
  message: NewMessage;
  resolve(seq: number): void;
  reject(error: unknown): void;
}

export class TelemetryIntake {
  private readonly parts: { db: Db; clock: Clock; bus: PlatformBus; stored: (deviceIds: Iterable<string>) => void };
  private queue: Waiting[] = [];
  private queueBytes = 0;
  private running: Promise<void> | undefined;

  /** `stored` is told after each commit which devices got messages. */
  constructor(parts: { db: Db; clock: Clock; bus: PlatformBus; stored: (deviceIds: Iterable<string>) => void }) {
    this.parts = parts;
  }

  /** Resolves with the message's seq when it is on disk. CLOUD_TELEMETRY_INVALID, CLOUD_TELEMETRY_BUSY. */
  add(incoming: IncomingMessage): Promise<number> {
    const message = toNewMessage(incoming, this.parts.clock.nowMs());
    if (message.bytes > MESSAGE_BYTES_MAX) {
      throw refusal(
        'CLOUD_TELEMETRY_INVALID',
        `Cannot take a message: it has ${message.bytes} bytes with its properties, at most ${MESSAGE_BYTES_MAX} are allowed`,
      );
    }
    if (this.queue.length >= QUEUE_MESSAGES_MAX || this.queueBytes + message.bytes > QUEUE_BYTES_MAX) {
      throw new EdgeError(
        'CLOUD_TELEMETRY_BUSY',
        `Cannot take a message: ${this.queue.length} messages of ${this.queueBytes} bytes wait for the disk`,
        { source: 'internal', retry: 'backoff' },
      );
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ message, resolve, reject });
      this.queueBytes += message.bytes;
      this.running ??= this.drain();
    });
  }

  /** Resolves when all that was taken is on disk. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private async drain(): Promise<void> {
    while (this.queue.length > 0) {
      // One turn of the event loop: all packets of the sockets that are readable now come into this commit.
      await new Promise((resolve) => setImmediate(resolve));
      await this.commit(this.takeBatch());
    }
    this.running = undefined;
  }

  private takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.queue.length && count < COMMIT_MESSAGES_MAX && (count === 0 || bytes < COMMIT_BYTES_MAX)) {
      bytes += this.queue[count]!.message.bytes;
      count += 1;
    }
    this.queueBytes -= bytes;
    return this.queue.splice(0, count);
  }

  private async commit(batch: Waiting[]): Promise<void> {
    let written: WrittenMessage[];
    try {
      written = await writeMessages(
        this.parts.db,
        batch.map((waiting) => waiting.message),
      );
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
      return;
    }
    for (const [index, waiting] of batch.entries()) {
      const stored = written[index];
      if (stored === 'taken-over') waiting.reject(takenOver(senderOf(waiting.message)));
      else if (stored === undefined || stored === 'sender-gone') waiting.reject(senderGone(waiting.message));
      else waiting.resolve(stored.seq);
    }
    const stored = written.filter((message) => typeof message === 'object');
    this.parts.stored(new Set(stored.map((message) => message.deviceId)));
    for (const message of stored) this.parts.bus.emit('telemetry', message);
  }
}

function senderOf({ deviceId, moduleId }: NewMessage): Identity {
  return moduleId === '' ? { deviceId } : { deviceId, moduleId };
}

function senderGone({ deviceId, moduleId }: NewMessage): Error {
  const name = moduleId === '' ? deviceId : `${deviceId}/${moduleId}`;
  return refusal('CLOUD_DEVICE_NOT_FOUND', `Cannot take a message of "${name}": it is no longer in the registry`);
}

function toNewMessage(incoming: IncomingMessage, nowMs: number): NewMessage {
  const system = JSON.stringify(incoming.properties.system);
  const app = JSON.stringify(incoming.properties.app);
  return {
    deviceId: incoming.deviceId,
    moduleId: incoming.moduleId ?? '',
    enqueuedAtMs: nowMs,
    messageType: incoming.properties.app.messageType ?? '',
    system,
    app,
    body: incoming.body,
    fence: incoming.fence,
    bytes: incoming.body.length + propertyBytes(incoming.properties),
  };
}

function propertyBytes({ system, app }: MessageProperties): number {
  let bytes = 0;
  for (const [key, value] of [...Object.entries(system), ...Object.entries(app)]) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes;
}
