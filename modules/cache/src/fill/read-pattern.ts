// Notices clients that read one object piece after piece, so that the next pieces can be fetched before they are asked for.

/** Sequences remembered an object; more clients than that share the oldest place. */
const SEQUENCES_MAX = 8;
/** Pieces in a row before anything is fetched ahead: a single range must cost its own bytes only. */
const RUN_MIN = 3;
/** Bytes ahead: doubles with each piece up to this. */
const READ_AHEAD_BYTES_MAX = 16 * 1024 * 1024;

interface Sequence {
  nextOffset: number;
  run: number;
}

export class ReadPattern {
  #sequences: Sequence[] = [];

  /**
   * Notes a range [start, end).
   * @returns bytes worth fetching beyond its end, 0 for none
   */
  note(start: number, end: number): number {
    const at = this.#sequences.findIndex((sequence) => sequence.nextOffset === start);
    const run = at < 0 ? 1 : (this.#sequences[at] as Sequence).run + 1;
    if (at >= 0) this.#sequences.splice(at, 1);
    this.#sequences.push({ nextOffset: end, run });
    if (this.#sequences.length > SEQUENCES_MAX) this.#sequences.shift();
    if (run < RUN_MIN) return 0;
    return Math.min(READ_AHEAD_BYTES_MAX, (end - start) * 2 ** (run - RUN_MIN));
  }
}
