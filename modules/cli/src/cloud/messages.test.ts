import { expect, test } from '@jest/globals';
import { eventLine, messageLine } from './messages.ts';

test('messageLine() shows properties and body on one line', () => {
  const message = {
    seq: 1,
    enqueuedAtUtc: 'T',
    moduleId: null,
    properties: { a: '1', b: '2' },
    systemProperties: {},
    body: { x: [1] },
  };
  expect(messageLine(message)).toBe('T - a=1 b=2 {"x":[1]}');
  expect(messageLine({ ...message, moduleId: 'm', properties: {}, body: 'text' })).toBe('T m text');
});

test('eventLine() leaves an empty subject out', () => {
  const event = { seq: 1, atUtc: 'T', kind: 'probe', subject: '', text: 'The data port answers', details: null };
  expect(eventLine(event)).toBe('T probe: The data port answers');
  expect(eventLine({ ...event, kind: 'module', subject: 'MCC' })).toBe('T module MCC: The data port answers');
});
