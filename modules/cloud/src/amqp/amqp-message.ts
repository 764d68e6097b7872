// A message of AMQP 1.0 as a cloud-to-device message, and back as feedback: sections, ids of any type, the hub's own properties.

import type { MessageProperties } from '@wayside/protocol';
import rhea, { type Message } from 'rhea';
import type { NewC2dMessage } from '../c2d/c2d-message.ts';
import type { FeedbackRecord } from '../c2d/feedback-rows.ts';
import { refusal } from '../errors.ts';

const TO = /^\/devices\/([^/]+)\/messages\/devicebound$/i;
const ACK_PROPERTY = 'iothub-ack';
const FEEDBACK_CONTENT_TYPE = 'application/vnd.microsoft.iothub.feedback.json';
const UUID_BYTES = 16;

/** Throws CLOUD_C2D_INVALID. */
export function readC2dMessage(message: Message): NewC2dMessage {
  const system: { [name: string]: string } = {};
  const set = (name: string, value: unknown) => {
    const text = textOf(value);
    if (text !== undefined) system[name] = text;
  };
  set('messageId', message.message_id);
  set('correlationId', message.correlation_id);
  set('userId', message.user_id);
  set('contentType', message.content_type);
  set('contentEncoding', message.content_encoding);
  set('expiryTimeUtc', timeOf(message.absolute_expiry_time));
  const app: [string, string][] = [];
  for (const [name, value] of Object.entries(message.application_properties ?? {})) {
    const text = textOf(value);
    if (text === undefined) continue;
    if (name === ACK_PROPERTY) system.ack = text;
    else app.push([name, text]);
  }
  const properties: MessageProperties = { system, app: Object.fromEntries(app) };
  return { deviceId: addressee(message.to), properties, body: bodyOf(message.body) };
}

/** One feedback message for its records: the body must be a data section, the SDKs read no other. */
export function feedbackMessage(records: readonly FeedbackRecord[], createdAtMs: number, hubName: string): Message {
  return {
    message_id: rhea.generate_uuid(),
    to: '/messages/serviceBound/feedback',
    user_id: Buffer.from(hubName) as unknown as string,
    content_type: FEEDBACK_CONTENT_TYPE,
    content_encoding: 'utf-8',
    creation_time: new Date(createdAtMs),
    message_annotations: { 'iothub-enqueuedtime': new Date(createdAtMs) },
    body: rhea.message.data_section(Buffer.from(JSON.stringify(records))),
  };
}

/** Text of a put-token message's body. */
export function tokenOf(body: unknown): string {
  return typeof body === 'string' ? body : Buffer.from(bodyOf(body)).toString('utf8');
}

function addressee(to: string | undefined): string {
  const encoded = typeof to === 'string' ? TO.exec(to)?.[1] : undefined;
  try {
    if (encoded !== undefined) return decodeURIComponent(encoded);
  } catch {
    // Falls through: no id has such a form.
  }
  throw refusal(
    'CLOUD_C2D_INVALID',
    `Cannot send a message: to is ${JSON.stringify(to ?? null).slice(0, 200)}, wanted /devices/{id}/messages/devicebound`,
  );
}

/** Data sections come as {typecode, content}; several as a list of contents; values as they are. */
function bodyOf(body: unknown): Uint8Array {
  if (body === undefined || body === null) return new Uint8Array();
  if (Buffer.isBuffer(body)) return body;
  if (typeof body === 'string') return Buffer.from(body);
  const { content } = body as { content?: unknown };
  if (Buffer.isBuffer(content)) return content;
  if (Array.isArray(content) && content.every((part) => Buffer.isBuffer(part))) return Buffer.concat(content);
  return Buffer.from(JSON.stringify(content ?? body));
}

/** Strings, numbers and booleans; ids may be a UUID of 16 bytes, user ids are bytes. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (Buffer.isBuffer(value)) return value.length === UUID_BYTES ? rhea.uuid_to_string(value) : value.toString('utf8');
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function timeOf(value: unknown): string | undefined {
  const time = typeof value === 'number' || value instanceof Date ? new Date(value) : undefined;
  return time && Number.isFinite(time.getTime()) && time.getTime() > 0 ? time.toISOString() : undefined;
}
