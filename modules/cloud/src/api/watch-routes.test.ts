import { expect, test } from '@jest/globals';
import { readBody } from './watch-routes.ts';

test('readBody() gives JSON as JSON, text as text, bytes as base64', () => {
  expect(readBody(Buffer.from('{"a":[1]}'))).toEqual({ a: [1] });
  expect(readBody(Buffer.from('hot'))).toBe('hot');
  expect(readBody(Buffer.from([0xff]))).toEqual({ base64: '/w==' });
});

test('readBody() gives JSON that is nested without end as text: an answer that holds it can be written', () => {
  const text = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
  expect(JSON.parse(JSON.stringify({ messages: [readBody(Buffer.from(text))] }))).toEqual({ messages: [text] });
});
