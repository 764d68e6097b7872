import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { deriveModuleKeys, signWith } from './derive.ts';

const MASTER = Buffer.alloc(32, 7);

describe('deriveModuleKeys()', () => {
  test('is the HMAC of moduleId:genId:which with the master key', () => {
    const keys = deriveModuleKeys(MASTER, '$edgeHub', '637000000000000000');
    const wanted = createHmac('sha256', MASTER).update('$edgeHub:637000000000000000:primary').digest('base64');
    expect(keys.primary.toString('base64')).toBe(wanted);
    expect(keys.primary).toHaveLength(32);
  });

  test('stays what it was: a changed derivation would lock every node out', () => {
    expect(deriveModuleKeys(MASTER, 'MCC', '1').primary.toString('hex')).toBe(
      createHmac('sha256', Buffer.from('07'.repeat(32), 'hex'))
        .update('MCC:1:primary')
        .digest('hex'),
    );
  });

  test('differs by module, generation and slot', () => {
    const all = [
      deriveModuleKeys(MASTER, 'a', '1').primary,
      deriveModuleKeys(MASTER, 'a', '1').secondary,
      deriveModuleKeys(MASTER, 'a', '2').primary,
      deriveModuleKeys(MASTER, 'b', '1').primary,
      deriveModuleKeys(Buffer.alloc(32, 8), 'a', '1').primary,
    ].map((key) => key.toString('hex'));
    expect(new Set(all).size).toBe(all.length);
  });
});

test('signWith() is RFC 4231 HMAC-SHA-256', () => {
  // RFC 4231 test case 2.
  expect(signWith(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?')).toString('hex')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});
