import { describe, expect, test } from '@jest/globals';
import { withholdSecrets } from './withhold-secrets.ts';

describe('withholdSecrets()', () => {
  test('replaces what is named like a secret, at any depth, and keeps the rest', () => {
    const metadata = { sessions: { a: { password: { $lastUpdated: '2026-01-01T00:00:00Z' } } } };
    const desired = {
      sessions: { a: { neighborAsn: 64510, password: 'md5', isEnabled: true }, b: { password: null } },
      env: { CUSTOMER_KEY: { value: 'key' }, LEVEL: { value: 'info' } },
      createOptions: '{"Env":["DB_PASSWORD=x1","A=b"]}',
      list: [{ secret: 1 }, 'https://user:word@host/'],
      $metadata: metadata,
      $version: 4,
    };
    const before = structuredClone(desired);
    expect(withholdSecrets(desired)).toEqual({
      sessions: { a: { neighborAsn: 64510, password: '[secret]', isEnabled: true }, b: { password: null } },
      env: { CUSTOMER_KEY: { value: '[secret]' }, LEVEL: { value: 'info' } },
      createOptions: '{"Env":["DB_PASSWORD=[secret]","A=b"]}',
      list: [{ secret: '[secret]' }, expect.not.stringContaining('word')],
      $metadata: metadata,
      $version: 4,
    });
    expect(desired).toEqual(before);
  });

  test('keeps long texts and long lists whole', () => {
    const long = { text: 'x'.repeat(5000), list: Array.from({ length: 500 }, (_, n) => n) };
    expect(withholdSecrets(long)).toEqual(long);
  });
});
