// Passwords as scrypt hashes that carry their own cost, so that a later, higher cost does not lock anyone out.

import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** RFC 7914: N = 2^15, r = 8, p = 1: 32 MiB and some 50 ms a try. */
const COST = 2 ** 15;
const BLOCK_SIZE = 8;
const PARALLELIZATION = 1;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** Node refuses more than `maxmem`; 128 * N * r is what scrypt takes. */
const MEMORY_BYTES_MAX = 128 * COST * BLOCK_SIZE * 2;
/** Longer input would only burn time. */
export const PASSWORD_CHARACTERS_MAX = 256;

/** `scrypt$N$r$p$salt$key`, salt and key base64. `cost` is N, a power of two. */
export async function hashPassword(password: string, cost: number = COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, KEY_BYTES, { N: cost, r: BLOCK_SIZE, p: PARALLELIZATION });
  return ['scrypt', cost, BLOCK_SIZE, PARALLELIZATION, salt.toString('base64'), key.toString('base64')].join('$');
}

/** false for a wrong password and for a hash that cannot be read. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [kind, cost, blockSize, parallelization, salt, key] = hash.split('$');
  if (kind !== 'scrypt' || !salt || !key || password.length > PASSWORD_CHARACTERS_MAX) return false;
  const wanted = Buffer.from(key, 'base64');
  const options = { N: Number(cost), r: Number(blockSize), p: Number(parallelization) };
  const got = await derive(password, Buffer.from(salt, 'base64'), wanted.length, options);
  return timingSafeEqual(got, wanted);
}

function derive(password: string, salt: Buffer, bytes: number, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, bytes, { ...options, maxmem: MEMORY_BYTES_MAX }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
