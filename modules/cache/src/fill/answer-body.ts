// The body of an answer that is no content: an error page or a redirect, small, for everyone who waited for it.

import type { OpenResponse } from '../origin/origin-gate.ts';

/** Longer bodies are cut to nothing: the status says enough. */
const ANSWER_BODY_BYTES_MAX = 64 * 1024;

/** @param bytesMax a longer body resolves as an empty one */
export function collectBody(response: OpenResponse, bytesMax: number = ANSWER_BODY_BYTES_MAX): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    response.attach({
      onData(piece) {
        bytes += piece.length;
        if (bytes <= bytesMax) pieces.push(piece);
        else {
          response.abort();
          resolve(Buffer.alloc(0));
        }
      },
      onEnd: () => resolve(Buffer.concat(pieces)),
      onError: reject,
    });
  });
}
