import { expect, test } from '@jest/globals';
import { redactLines } from './support-bundle.ts';

const at = '2026-01-01T00:00:00.000000000Z';

test('redactLines() masks a private key over all its lines, and goes on after it', () => {
  const log = [
    `${at} before`,
    `${at} -----BEGIN EC PRIVATE KEY-----`,
    `${at} aHVzaGh1c2g=`,
    `${at} -----END EC PRIVATE KEY-----`,
    `${at} after SharedAccessKey=aHVzaGh1c2g=`,
  ].join('\n');
  const text = redactLines(Buffer.from(log)).toString();
  expect(text).not.toContain('aHVzaGh1c2g');
  expect(text).toContain(`${at} before`);
  expect(text).toContain(`${at} after`);
});

test('redactLines() masks no more than a key can have lines when its end is missing', () => {
  const log = ['-----BEGIN PRIVATE KEY-----', ...Array.from({ length: 200 }, (_, i) => `line ${i}`)].join('\n');
  const text = redactLines(Buffer.from(log)).toString();
  expect(text).not.toContain('line 50\n');
  expect(text).toContain('line 199');
});
