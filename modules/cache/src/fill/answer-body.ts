// The body of an answer that is no content: an error page or a redirect, small, for everyone who waited for it.

import type { OpenResponse } from '../origin/origin-gate.ts';

/** Longer bodies are cut to nothing: the status says enough. */
const ANSWER_BODY_BYTES_MAX = 64 * 1024;

export function collectBody(response: OpenResponse): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    response.attach({
      onData(piece) {
        bytes += piece.length;
        if (bytes <= ANSWER_BODY_BYTES_MAX) pieces.push(piece);
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
