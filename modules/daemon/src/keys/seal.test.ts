import { describe, expect, test } from '@jest/globals';
import { type SealContext, seal, unseal } from './seal.ts';

const KEY = Buffer.alloc(32, 1);
const context: SealContext = { moduleId: '$edgeAgent', generationId: '1', initializationVector: Buffer.from('iv') };
const plaintext = Buffer.from('deployment');

describe('seal() and unseal()', () => {
  test('gives back what went in, with another ciphertext each time', () => {
    const first = seal(KEY, context, plaintext);
    const second = seal(KEY, context, plaintext);
    expect(first.equals(second)).toBe(false);
    expect(unseal(KEY, context, first)).toEqual(plaintext);
    expect(unseal(KEY, context, second)).toEqual(plaintext);
  });

  test.each<[string, Partial<SealContext>]>([
    ['another module', { moduleId: 'MCC' }],
    ['another generation', { generationId: '2' }],
    ['another vector', { initializationVector: Buffer.from('vi') }],
    ['parts that only join to the same text', { moduleId: '$edgeAgent1', generationId: '' }],
  ])('refuses %s', (_name, other) => {
    const sealed = seal(KEY, context, plaintext);
    expect(() => unseal(KEY, { ...context, ...other }, sealed)).toThrow(
      expect.objectContaining({ code: 'DAEMON_DECRYPT_FAILED' }),
    );
  });

  test('refuses another key, a flipped bit anywhere, a cut text', () => {
    const sealed = seal(KEY, context, plaintext);
    expect(() => unseal(Buffer.alloc(32, 2), context, sealed)).toThrow(/Cannot decrypt/);
    for (let i = 0; i < sealed.length; i += 1) {
      const broken = Buffer.from(sealed);
      broken[i] = (broken[i] as number) ^ 1;
      expect(() => unseal(KEY, context, broken)).toThrow(/Cannot decrypt/);
    }
    expect(() => unseal(KEY, context, sealed.subarray(0, 20))).toThrow(/Cannot decrypt/);
    expect(() => unseal(KEY, context, Buffer.alloc(0))).toThrow(/Cannot decrypt/);
  });
});
