// Shares the event loop among all bodies that are being sent. libuv accepts one connection a turn of its loop, so turns must be short: with
// turns of 60 ms (a hundred readers, each sending what it can) only 16 new clients a second get in, and the others wait for their first byte.

/** Sending in one turn of the loop, ms; what is left goes on in the next turn, in order. */
const TURN_MS_MAX = 1;
/** The same while clients connect: then more of them probably stand at the door. */
const TURN_MS_MAX_ARRIVING = 0.1;
/** Turns for which a connection counts as recent: accept, first read, first answer. */
const ARRIVING_TURNS = 4;

export interface TurnsOptions {
  nowMs: () => number;
  /** Runs a function in the next turn of the loop. */
  nextTurn: (run: () => void) => void;
}

/** INVARIANT: at most one run is scheduled; steps run in the order in which they were added, each at most once for each adding. */
export class Turns {
  readonly #options: TurnsOptions;
  #queue: (() => void)[] = [];
  #next = 0;
  #isScheduled = false;
  #arriving = 0;
  readonly #run = () => this.#runTurn();

  constructor(options: TurnsOptions = { nowMs: () => performance.now(), nextTurn: setImmediate }) {
    this.#options = options;
  }

  /** Steps that wait for their turn. */
  get waiting(): number {
    return this.#queue.length - this.#next;
  }

  /** Clients connect at the moment: whoever sends is to be brief. */
  get isArriving(): boolean {
    return this.#arriving > 0;
  }

  /** A client has connected. */
  noteArrival(): void {
    this.#arriving = ARRIVING_TURNS;
  }

  /** Runs a step soon; it adds itself again when it has more to do. */
  add(step: () => void): void {
    this.#queue.push(step);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.nextTurn(this.#run);
  }

  #runTurn(): void {
    this.#isScheduled = false;
    const { nowMs } = this.#options;
    const endMs = nowMs() + (this.#arriving > 0 ? TURN_MS_MAX_ARRIVING : TURN_MS_MAX);
    if (this.#arriving > 0) this.#arriving -= 1;
    // What is added meanwhile waits for the next turn, so that one body cannot hold the loop alone.
    const last = this.#queue.length;
    do {
      const step = this.#queue[this.#next] as () => void;
      this.#next += 1;
      step();
    } while (this.#next < last && nowMs() < endMs);
    if (this.#next === this.#queue.length) this.#queue = [];
    else if (this.#next > 1024) this.#queue = this.#queue.slice(this.#next);
    else {
      this.#schedule();
      return;
    }
    this.#next = 0;
    if (this.#queue.length > 0) this.#schedule();
  }
}

/** Of this thread. */
export const turns = new Turns();
