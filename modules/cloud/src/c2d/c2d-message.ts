// A cloud-to-device message before it is stored: its properties and limits (cloud.md 1.6; IoT Hub's defaults).

import type { MessageProperties } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { ACKS, type Ack } from './tables.ts';

/** Body and properties of one message (IoT Hub: 64 KB). */
export const C2D_BYTES_MAX = 64 * 1024;
/** How long a message waits that names no expiry, and the longest it may (IoT Hub: 1 h, 2 days). */
const TTL_DEFAULT_MS = 3_600_000;
const TTL_MAX_MS = 2 * 24 * 3_600_000;
const MESSAGE_ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;

export interface NewC2dMessage {
  deviceId: string;
  /** System names as in MessageProperties: messageId, correlationId, userId, contentType, contentEncoding, expiryTimeUtc, ack. */
  properties: MessageProperties;
  body: Uint8Array;
}

export interface CheckedMessage extends NewC2dMessage {
  ack: Ack;
  expiresAtMs: number;
}

/** Throws CLOUD_C2D_INVALID, CLOUD_C2D_TOO_LARGE. An expiry in the past is legal: the message expires at once. */
export function checkMessage(message: NewC2dMessage, nowMs: number): CheckedMessage {
  const { system, app } = message.properties;
  const bytes = message.body.length + propertyBytes(system) + propertyBytes(app);
  if (bytes > C2D_BYTES_MAX) {
    throw refusal(
      'CLOUD_C2D_TOO_LARGE',
      `Cannot send a message to "${message.deviceId}": it has ${bytes} bytes with its properties, at most ${C2D_BYTES_MAX} are allowed`,
    );
  }
  if (system.messageId !== undefined && !MESSAGE_ID.test(system.messageId)) {
    throw invalid('messageId', system.messageId, "1 to 128 of A-Z a-z 0-9 - : . + % _ # * ? ! ( ) , = @ ; $ '");
  }
  const name = (system.ack ?? 'none').toLowerCase();
  const ack = ACKS.find((known) => known === name);
  if (!ack) throw invalid('iothub-ack', system.ack ?? '', ACKS.join(', '));
  const to = `/devices/${encodeURIComponent(message.deviceId)}/messages/devicebound`;
  const properties = { system: { ...system, to, ...(ack === 'none' ? {} : { ack }) }, app };
  return { ...message, properties, ack, expiresAtMs: expiry(system.expiryTimeUtc, nowMs) };
}

function expiry(text: string | undefined, nowMs: number): number {
  if (text === undefined) return nowMs + TTL_DEFAULT_MS;
  const atMs = Date.parse(text);
  if (!Number.isFinite(atMs)) throw invalid('expiryTimeUtc', text, 'a time of ISO 8601');
  return Math.min(atMs, nowMs + TTL_MAX_MS);
}

function propertyBytes(properties: { [name: string]: string }): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(properties)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  return bytes;
}

function invalid(name: string, current: string, wanted: string): Error {
  return refusal(
    'CLOUD_C2D_INVALID',
    `Cannot send a message: ${name} is ${JSON.stringify(current.slice(0, 200))}, wanted ${wanted}`,
  );
}
