// Properties of a message as headers of HTTPS, both ways (cloud.md 2.9): `iothub-app-*` and the system ones.

import type { MessageProperties } from '@wayside/protocol';

export const APP_HEADER_PREFIX = 'iothub-app-';
/** Header -> system property. */
export const SYSTEM_HEADERS: { readonly [header: string]: string } = {
  'iothub-messageid': 'messageId',
  'iothub-correlationid': 'correlationId',
  'iothub-userid': 'userId',
  'iothub-to': 'to',
  'iothub-contenttype': 'contentType',
  'iothub-contentencoding': 'contentEncoding',
};
/** What only a sender to a device sets. */
const SENDER_HEADERS: { readonly [header: string]: string } = { 'iothub-expiry': 'expiryTimeUtc', 'iothub-ack': 'ack' };

/** From the raw headers: node lowers their case, and the case of a property's name counts. */
export function readMessageHeaders(rawHeaders: readonly string[]): MessageProperties {
  const system: [string, string][] = [];
  const app: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const header = rawHeaders[at] ?? '';
    const name = header.toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    const systemName = nameIn(SYSTEM_HEADERS, name) ?? nameIn(SENDER_HEADERS, name);
    if (systemName) system.push([systemName, value]);
    else if (name.startsWith(APP_HEADER_PREFIX)) app.push([header.slice(APP_HEADER_PREFIX.length), value]);
  }
  return { system: Object.fromEntries(system), app: Object.fromEntries(app) };
}

function nameIn(names: { readonly [header: string]: string }, header: string): string | undefined {
  return Object.hasOwn(names, header) ? names[header] : undefined;
}
