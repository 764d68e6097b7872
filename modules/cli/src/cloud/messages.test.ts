import { expect, test } from '@jest/globals';
import { testIo } from '../../test/test-io.ts';
import type { CloudClient } from './cloud-client.ts';
import { eventLine, messageLine, messages } from './messages.ts';

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

test('messages() reads on after a page that ended early', async () => {
  const rows = [1, 2, 3, 4, 5].map((seq) => ({
    seq,
    enqueuedAtUtc: 'T',
    moduleId: 'm',
    properties: {},
    body: `b${seq}`,
  }));
  const telemetry = async (_node: string, { after = 0 }: { after?: number }) => ({
    messages: rows.filter((row) => row.seq > after).slice(0, 2),
  });
  const { io, output } = testIo();
  const client = { telemetry } as unknown as CloudClient;
  await messages(io, client, 'edge1', { after: 0, limit: 9, follow: false, json: false });
  expect(output().stdout).toBe(rows.map((row) => `T m ${row.body}\n`).join(''));
});
