// Shared access signatures (cloud.md 1.3): the HMAC is over the `sr` text exactly as it stands in the token + "\n" + `se`.

import { createHmac, timingSafeEqual } from 'node:crypto';

export interface SasToken {
  /** `sr` as it stands in the token (encoded or not). */
  srRaw: string;
  /** decoded resource, e.g. host/devices/d/modules/m. */
  resource: string;
  sigBase64: string;
  /** unix seconds. */
  se: number;
  skn?: string;
}

/** A connection string, taken apart. Keys stay base64 text. */
export interface ConnectionString {
  hostName: string;
  deviceId?: string;
  moduleId?: string;
  sharedAccessKey?: string;
  sharedAccessKeyName?: string;
  gatewayHostName?: string;
}

const SCHEME = 'SharedAccessSignature ';
/** Real tokens stay under 500 characters; more is not looked at. */
export const SAS_TOKEN_CHARS_MAX = 4096;
/** The same for connection strings. */
export const CONNECTION_STRING_CHARS_MAX = 8192;
/** HMAC-SHA256. */
const SIGNATURE_BYTES = 32;
/** Standard alphabet; padding may be absent. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** undefined when the text is no token. Field order is free. */
export function parseSasToken(text: string): SasToken | undefined {
  if (text.length > SAS_TOKEN_CHARS_MAX || !text.startsWith(SCHEME)) return undefined;
  const fields = parseFields(text.slice(SCHEME.length), '&');
  const srRaw = fields?.get('sr');
  const sig = fields?.get('sig');
  const seText = fields?.get('se');
  if (fields === undefined || !srRaw || !sig || seText === undefined || !/^\d{1,12}$/.test(seText)) return undefined;
  const resource = decode(srRaw);
  const sigBase64 = decode(sig);
  const skn = fields.has('skn') ? decode(fields.get('skn') as string) : '';
  if (resource === undefined || sigBase64 === undefined || skn === undefined || !BASE64.test(sigBase64))
    return undefined;
  // Device SDKs write an empty `skn=`; it means no policy.
  return { srRaw, resource, sigBase64, se: Number(seText), ...(skn === '' ? {} : { skn }) };
}

/** true when the signature fits the base64 key (timing safe). Does not look at expiry or resource. */
export function verifySasSignature(token: SasToken, keyBase64: string): boolean {
  // An empty key would be a signature anybody can make.
  if (!BASE64.test(keyBase64)) return false;
  const wanted = hmac(keyBase64, `${token.srRaw}\n${token.se}`);
  const given = Buffer.from(token.sigBase64, 'base64');
  return given.length === SIGNATURE_BYTES && timingSafeEqual(given, wanted);
}

/** `SharedAccessSignature sr=..&sig=..&se=..[&skn=..]`; resource is given decoded and is encoded here. */
export function createSasToken(o: {
  resource: string;
  keyBase64: string;
  expiresAtSecs: number;
  skn?: string;
}): string {
  if (!BASE64.test(o.keyBase64)) throw new RangeError('Cannot sign a token: the key is not base64');
  const signature = hmac(o.keyBase64, sasStringToSign(o.resource, o.expiresAtSecs)).toString('base64');
  const policy = o.skn === undefined ? '' : `&skn=${encodeURIComponent(o.skn)}`;
  return `${SCHEME}sr=${encodeURIComponent(o.resource)}&sig=${encodeURIComponent(signature)}&se=${o.expiresAtSecs}${policy}`;
}

/** The text to be signed for a resource: `${encodeURIComponent(resource)}\n${se}`. */
export function sasStringToSign(resource: string, expiresAtSecs: number): string {
  if (!Number.isSafeInteger(expiresAtSecs) || expiresAtSecs < 0) {
    throw new RangeError(`Cannot sign a token: expiry is ${expiresAtSecs}, wanted whole UNIX seconds`);
  }
  return `${encodeURIComponent(resource)}\n${expiresAtSecs}`;
}

/** resource covers target when equal or a parent by whole segments, host case-insensitive: host covers host/devices/d covers host/devices/d/modules/m. */
export function sasResourceCovers(resource: string, target: string): boolean {
  const parent = segments(resource);
  const child = segments(target);
  if (parent.length > child.length || parent[0] === '') return false;
  return parent.every((part, i) => (i === 0 ? part.toLowerCase() === child[0]?.toLowerCase() : part === child[i]));
}

/** `HostName=..;DeviceId=..;SharedAccessKey=..[;ModuleId=..][;GatewayHostName=..][;SharedAccessKeyName=..]`; throws an Error naming what is missing or wrong. */
export function parseConnectionString(text: string): ConnectionString {
  const fields =
    text.length <= CONNECTION_STRING_CHARS_MAX ? parseFields(text.trim().replace(/;$/, ''), ';') : undefined;
  if (fields === undefined) {
    // The text holds a key, so it is never quoted.
    throw new Error('Connection string is malformed: wanted Name=value parts joined by ";", each name once');
  }
  const hostName = fields.get('HostName');
  const deviceId = fields.get('DeviceId');
  const sharedAccessKey = fields.get('SharedAccessKey');
  const sharedAccessKeyName = fields.get('SharedAccessKeyName');
  if (!hostName) throw new Error('Connection string is incomplete: HostName is missing');
  if (!deviceId && !sharedAccessKeyName) {
    throw new Error('Connection string is incomplete: DeviceId (or SharedAccessKeyName) is missing');
  }
  if (fields.has('ModuleId') && !deviceId)
    throw new Error('Connection string is incomplete: ModuleId without DeviceId');
  if (sharedAccessKey !== undefined && !BASE64.test(sharedAccessKey)) {
    throw new Error('Connection string is wrong: SharedAccessKey is not base64');
  }
  if (sharedAccessKey === undefined && fields.get('x509') !== 'true' && !fields.has('SharedAccessSignature')) {
    throw new Error('Connection string is incomplete: SharedAccessKey is missing');
  }
  return withoutAbsent({
    hostName,
    deviceId,
    moduleId: fields.get('ModuleId'),
    sharedAccessKey,
    sharedAccessKeyName,
    gatewayHostName: fields.get('GatewayHostName'),
  });
}

function withoutAbsent<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

/** name=value parts; the value may hold further `=`. undefined when a part has no name or a name comes twice (which one counts must not depend on the reader). */
function parseFields(text: string, separator: string): Map<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const part of text.split(separator)) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0)).trim();
    if (name === '' || fields.has(name)) return undefined;
    fields.set(name, part.slice(equals + 1).trim());
  }
  return fields;
}

function segments(resource: string): string[] {
  return resource.replace(/\/+$/, '').split('/');
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function hmac(keyBase64: string, text: string): Buffer {
  return createHmac('sha256', Buffer.from(keyBase64, 'base64')).update(text, 'utf8').digest();
}
