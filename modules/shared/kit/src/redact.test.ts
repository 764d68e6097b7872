import { expect, test } from '@jest/globals';
import { redactSecrets } from './redact.ts';

test.each([
  ['HostName=h;DeviceId=d;SharedAccessKey=aHVzaA==', 'HostName=h;DeviceId=d;SharedAccessKey=[redacted]'],
  ['Authorization: Bearer hush.hush-hush', 'Authorization: Bearer [redacted]'],
  ['{"password":"hu\\"sh","user":"u"}', '{"password":"[redacted]","user":"u"}'],
  ['{"primaryKey": "hush"}', '{"primaryKey": "[redacted]"}'],
  ['amqps://u:p@h/x and http://v:q@i/', 'amqps://[redacted]@h/x and http://[redacted]@i/'],
  ['-----BEGIN EC PRIVATE KEY-----\nhush\n-----END EC PRIVATE KEY----- rest', '[redacted] rest'],
  ['-----BEGIN PRIVATE KEY-----\ncut off hush', '[redacted]'],
])('%j', (text, wanted) => {
  expect(redactSecrets(text)).toBe(wanted);
});

test.each([
  'mail a@b.example is fine',
  'https://h.example/path?design=1&x=y@z',
  'The Basic idea',
  'signature=ok',
  '{"passwordless": true}',
])('%j stays', (text) => {
  expect(redactSecrets(text)).toBe(text);
});

test('a long hostile line takes no long time', () => {
  const started = performance.now();
  redactSecrets(`${'a://'.repeat(20_000)} ${'"password":"'.repeat(5000)}${'-----BEGIN PRIVATE KEY-----'.repeat(200)}`);
  expect(performance.now() - started).toBeLessThan(1000);
});
