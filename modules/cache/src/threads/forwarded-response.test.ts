// What goes to the thread that holds the client, and what comes back of it.

import { describe, expect, test } from '@jest/globals';
import { ForwardedResponse, UNWRITTEN_BYTES_MAX } from './forwarded-response.ts';
import type { ToThread } from './messages.ts';
import { Outbox } from './outbox.ts';
import type { ThreadLink } from './thread-link.ts';

function make() {
  const posted: ToThread[] = [];
  const outbox = new Outbox<ToThread>((messages) => posted.push(...messages));
  const response = new ForwardedResponse(7, outbox, {} as ThreadLink);
  const sent = () => {
    outbox.flush();
    return posted.map(({ kind }) => kind);
  };
  return { response, sent, posted };
}

describe('ForwardedResponse', () => {
  test('head, pieces and end go in order, each piece in memory of its own', () => {
    const { response, sent, posted } = make();
    const piece = Buffer.from('bytes');
    response.writeHead(200, ['A', 'b']);
    response.write(piece);
    response.end();
    piece.fill(0);
    expect(sent()).toEqual(['head', 'write', 'end']);
    expect(response.headersSent).toBe(true);
    const [, write] = posted as [ToThread, Extract<ToThread, { kind: 'write' }>];
    expect(Buffer.from(write.bytes).toString()).toBe('bytes');
  });

  test('write() says stop above the bound, and drain comes when half of it was written', () => {
    const { response } = make();
    const half = Buffer.alloc(UNWRITTEN_BYTES_MAX / 2);
    const events: string[] = [];
    expect([response.write(half), response.write(half), response.write(half)]).toEqual([true, true, false]);
    response.once('drain', () => events.push('drain'));
    response.noteWritten();
    expect(events).toEqual([]);
    response.noteWritten();
    expect(events).toEqual(['drain']);
  });

  test('a client that leaves: listeners hear it once, waiting writes fail, nothing more is sent', async () => {
    const { response, sent } = make();
    const events: string[] = [];
    response.once('close', () => events.push('close'));
    response.write(Buffer.from('x'), (error) => events.push(error?.message ?? 'written'));
    response.noteClosed(200);
    response.noteClosed(200);
    response.end();
    response.destroy();
    expect(events).toEqual(['client left', 'close']);
    expect(response.destroyed).toBe(true);
    expect(sent()).toEqual(['write']);
    const late = new Promise((resolve) => response.write(Buffer.from('y'), resolve));
    expect(((await late) as Error).message).toBe('client left');
  });
});

/** To the end of this turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Outbox', () => {
  test('messages of one turn are posted together, in order', async () => {
    const batches: number[][] = [];
    const outbox = new Outbox<number>((messages) => batches.push(messages));
    outbox.send(1);
    await Promise.resolve();
    outbox.send(2);
    expect(batches).toEqual([]);
    await turn();
    outbox.send(3);
    await turn();
    expect(batches).toEqual([[1, 2], [3]]);
  });
});
