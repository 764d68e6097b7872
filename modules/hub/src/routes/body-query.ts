// Reads a message body for `$body` queries: only JSON that says so, in an encoding the language names (iotedge.md 3.6).

import type { Json } from '@wayside/protocol';
import type { HubMessage } from '../message.ts';

/** undefined when the body is not declared as JSON, or is none. */
export function readBody(message: HubMessage): Json | undefined {
  const { contentType = '', contentEncoding = '' } = message.properties.system;
  if (contentType.split(';', 1)[0]!.trim().toLowerCase() !== 'application/json') return undefined;
  const text = decode(message.body, contentEncoding.trim().toLowerCase());
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function decode(body: Buffer, encoding: string): string | undefined {
  switch (encoding) {
    case 'utf-8':
    case 'utf8':
      return body.toString('utf8');
    case 'utf-16':
    case 'utf-16le':
      return new TextDecoder('utf-16le').decode(body);
    case 'utf-32':
    case 'utf-32le':
      return decodeUtf32(body);
    default:
      return undefined;
  }
}

function decodeUtf32(body: Buffer): string | undefined {
  if (body.length % 4 !== 0) return undefined;
  let text = '';
  for (let offset = 0; offset < body.length; offset += 4) {
    const codePoint = body.readUInt32LE(offset);
    if (codePoint > 0x10ffff) return undefined;
    if (offset === 0 && codePoint === 0xfeff) continue;
    text += String.fromCodePoint(codePoint);
  }
  return text;
}
