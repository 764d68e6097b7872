import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { Secret } from './secret.ts';

test('a secret shows itself only when asked', () => {
  const secret = new Secret('hush');
  expect(secret.reveal()).toBe('hush');
  expect(
    `${secret} ${JSON.stringify({ secret })} ${inspect({ secret })} ${inspect(secret, { showHidden: true })}`,
  ).not.toContain('hush');
  expect(`${secret}`).toBe('[secret]');
});
