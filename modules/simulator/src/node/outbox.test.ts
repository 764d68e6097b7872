import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Figures } from '../fleet/figures.ts';
import { Outbox, type Send } from './outbox.ts';

/** A connection that acknowledges when told to. */
function line() {
  const sent: string[] = [];
  const answers: ((error?: Error) => void)[] = [];
  const send: Send = ({ system }) =>
    new Promise((resolve, reject) => {
      sent.push(system.messageId ?? '');
      answers.push((error) => (error ? reject(error) : resolve()));
    });
  const answer = async (error?: Error) => {
    answers.shift()?.(error);
    await turn();
  };
  return { sent, send, answer };
}

test('one at a time, in order, and an unacknowledged one again with its own number', async () => {
  const figures = new Figures();
  const outbox = new Outbox(figures, 10, 'run');
  for (const body of ['a', 'b', 'c']) outbox.put({ messageType: 'health', body });
  const first = line();
  outbox.attach(first.send);
  await first.answer();
  expect(first.sent).toEqual(['run-1', 'run-2']);
  await first.answer(new Error('the line broke'));
  expect(outbox.acked).toBe(1);
  const second = line();
  outbox.attach(second.send);
  await second.answer();
  await second.answer();
  expect(second.sent).toEqual(['run-2', 'run-3']);
  expect(outbox.acked).toBe(3);
  expect(figures).toMatchObject({ messagesAcked: 3, messagesRepeated: 1, messagesDropped: 0 });
});

test('a full queue drops the oldest unsent message and counts it; numbers have no gap', async () => {
  const figures = new Figures();
  const outbox = new Outbox(figures, 2, 'run');
  for (const body of ['a', 'b', 'c', 'd']) outbox.put({ messageType: 'health', body });
  const { send, answer, sent } = line();
  const bodies: string[] = [];
  outbox.attach((properties, body) => {
    bodies.push(body);
    return send(properties, body);
  });
  await answer();
  await answer();
  expect(bodies).toEqual(['c', 'd']);
  expect(sent).toEqual(['run-1', 'run-2']);
  expect(figures.messagesDropped).toBe(2);
});
