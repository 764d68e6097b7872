// The body of a small object: waited for as a whole, but not for long. Of a slow one the rest goes on to whoever takes it, so that clients get
// the first byte when the origin's first byte comes.

import type { BodyReceiver, OpenResponse } from '../origin/origin-gate.ts';

/** From the head on. A body of a few KiB comes with its head or right behind it. */
const WHOLE_WITHIN_MS = 100;

export type SmallBody = { kind: 'whole'; body: Buffer } | { kind: 'slow'; response: OpenResponse };

/** Rejects with what broke the body off. */
export function receiveSmall(response: OpenResponse): Promise<SmallBody> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let next: BodyReceiver | null = null;
    const timer = setTimeout(() => {
      // Paused until somebody takes it.
      response.pause();
      resolve({
        kind: 'slow',
        response: {
          ...{ head: response.head, requestAtMs: response.requestAtMs, responseAtMs: response.responseAtMs },
          attach(receiver) {
            next = receiver;
            for (const piece of pieces.splice(0)) receiver.onData(piece);
            if (end !== undefined) end(receiver);
            else response.resume();
          },
          pause: () => response.pause(),
          resume: () => response.resume(),
          abort: () => response.abort(),
        },
      });
    }, WHOLE_WITHIN_MS);
    /** How it ended, while nobody had taken it. */
    let end: ((receiver: BodyReceiver) => void) | undefined;
    response.attach({
      onData(piece) {
        if (next !== null) next.onData(piece);
        else pieces.push(piece);
      },
      onEnd() {
        clearTimeout(timer);
        end = (receiver) => receiver.onEnd();
        if (next !== null) next.onEnd();
        // One piece needs no copy. Nothing happens when it was called slow already.
        else resolve({ kind: 'whole', body: pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces) });
      },
      onError(error) {
        clearTimeout(timer);
        end = (receiver) => receiver.onError(error);
        if (next !== null) next.onError(error);
        else reject(error);
      },
    });
  });
}
