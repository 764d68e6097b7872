// Keys, generation ids and etags of identities.

import { randomBytes, randomInt } from 'node:crypto';
import { refusal } from '../errors.ts';

const KEY_BYTES = 32;
const KEY_BYTES_MIN = 16;
const KEY_BYTES_MAX = 64;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Base64 of 32 random bytes. */
export function generateKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

/** A new value each time: an etag never comes back, not even after a device was deleted and made again. */
export function newEtag(): string {
  return Buffer.from(String(randomInt(2 ** 47))).toString('base64');
}

/** 18 digits that rise with time. */
export function newGenerationId(nowMs: number): string {
  return `${nowMs}${String(randomInt(100_000)).padStart(5, '0')}`;
}

/** Throws CLOUD_ARGUMENT_INVALID unless `key` is base64 of 16 to 64 bytes. The key itself is not in the message. */
export function checkKey(name: string, key: unknown): asserts key is string {
  const bytes = typeof key === 'string' && BASE64.test(key) ? Buffer.from(key, 'base64').length : undefined;
  if (bytes !== undefined && bytes >= KEY_BYTES_MIN && bytes <= KEY_BYTES_MAX) return;
  const got = bytes === undefined ? 'no base64 text' : `${bytes} bytes`;
  throw refusal(
    'CLOUD_ARGUMENT_INVALID',
    `Cannot use ${name}: it is ${got}, wanted base64 of ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes`,
  );
}
