// The body of a forwarded request on its way to the engine: one piece each time the engine asks, so an upload never waits in memory.

import type { Readable } from 'node:stream';
import type { RequestHead } from '../listen/exchange.ts';
import type { ToEngine } from './messages.ts';
import { type Outbox, ownBytes } from './outbox.ts';

/** Sends the next piece, or the end. A request with a body never comes from a plain connection, so it is a stream. */
export function sendBodyPiece(head: RequestHead, request: number, outbox: Outbox<ToEngine>): void {
  const stream = head as unknown as Readable;
  const stopListening = () => {
    stream.off('readable', onReadable);
    stream.off('end', onOver);
    stream.off('close', onOver);
  };
  const onOver = () => {
    stopListening();
    outbox.send({ kind: 'bodyEnd', request, isWhole: stream.readableEnded });
  };
  const onReadable = () => {
    const piece = stream.read() as Buffer | null;
    if (piece === null) return;
    stopListening();
    const own = ownBytes(piece);
    outbox.send({ kind: 'body', request, bytes: own }, own.buffer);
  };
  if (stream.readableEnded || stream.destroyed) {
    onOver();
    return;
  }
  stream.on('readable', onReadable);
  stream.once('end', onOver);
  stream.once('close', onOver);
  onReadable();
}
