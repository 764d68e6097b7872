// Content that can be made at any place and checked anywhere: 8-byte little-endian words, each holding its own index xor a seed.

import { createHash } from 'node:crypto';

const WORD_BYTES = 8;

/** 64 bits as two 32-bit halves. */
export interface PatternSeed {
  low: number;
  high: number;
}

/** The first 8 bytes of the name's SHA-256. */
export function seedOf(name: string): PatternSeed {
  const digest = createHash('sha256').update(name).digest();
  return { low: digest.readUInt32LE(0), high: digest.readUInt32LE(4) };
}

/** `length` bytes of the object from byte `start` on. Offsets up to 2^32 words. */
export function patternBytes(seed: PatternSeed, start: number, length: number): Buffer {
  const firstWord = Math.floor(start / WORD_BYTES);
  const skipped = start - firstWord * WORD_BYTES;
  const words = Math.ceil((skipped + length) / WORD_BYTES);
  const halves = new Uint32Array(words * 2);
  for (let i = 0; i < words; i += 1) {
    const index = firstWord + i;
    // The index fits 53 bits, xor works on 32: the upper half is taken by division.
    halves[2 * i] = (index ^ seed.low) >>> 0;
    halves[2 * i + 1] = (Math.floor(index / 2 ** 32) ^ seed.high) >>> 0;
  }
  return Buffer.from(halves.buffer, skipped, length);
}
