// Writes the pieces of a body that comes from elsewhere to one client, as its share of the egress cap and its socket allow; the source is
// held back meanwhile, so that no more waits here than one read of it brought.

import type { EgressShare } from '../deliver/egress-budget.ts';
import type { ResponseChannel } from '../listen/exchange.ts';

export class CappedWriter {
  readonly #out: ResponseChannel;
  readonly #share: EgressShare;
  readonly #source: { pause(): void; resume(): void };
  readonly #queue: Buffer[] = [];
  #isHeld = false;
  #isEnding = false;

  /** @param share is left when the response is over */
  constructor(out: ResponseChannel, share: EgressShare, source: { pause(): void; resume(): void }) {
    this.#out = out;
    this.#share = share;
    this.#source = source;
    out.once('close', () => share.leave());
  }

  write(piece: Buffer): void {
    this.#queue.push(piece);
    if (!this.#isHeld) this.#flush();
  }

  /** Ends the response once everything written has left. */
  end(): void {
    this.#isEnding = true;
    if (!this.#isHeld) this.#flush();
  }

  readonly #goOn = (): void => {
    if (this.#out.destroyed) return;
    this.#isHeld = false;
    this.#flush();
    if (!this.#isHeld && !this.#isEnding) this.#source.resume();
  };

  #flush(): void {
    for (let piece = this.#queue[0]; piece !== undefined; piece = this.#queue[0]) {
      const allowed = this.#share.take(piece.length);
      if (allowed === 0) {
        this.#hold();
        this.#share.wait(this.#goOn);
        return;
      }
      if (allowed === piece.length) this.#queue.shift();
      else this.#queue[0] = piece.subarray(allowed);
      if (this.#out.write(allowed === piece.length ? piece : piece.subarray(0, allowed))) continue;
      this.#hold();
      this.#out.once('drain', this.#goOn);
      return;
    }
    if (this.#isEnding) this.#out.end();
  }

  #hold(): void {
    this.#isHeld = true;
    this.#source.pause();
  }
}
