// The BGP session of a simulated route collector: it goes up and down at times, and its state is told as the module does (docs/contracts.md 9). Pure but for its draws.

import type { BgpState } from '@wayside/protocol';
import type { Chance } from '../chance/chance.ts';

/** Share of the intervals in which the session goes down; it is up again with the next one. */
const DOWN_SHARE = 0.02;
const PREFIXES_MIN = 20;
const PREFIXES_MAX = 800;

export class BgpSessionModel {
  readonly #chance: Chance;
  readonly #prefixes: number;
  #sinceMs: number;
  #isUp = true;
  #downs = 0;

  constructor(chance: Chance, nowMs: number) {
    this.#chance = chance;
    this.#prefixes = Math.round(chance.between(PREFIXES_MIN, PREFIXES_MAX));
    this.#sinceMs = nowMs;
  }

  /** One interval on. */
  next(nowMs: number): void {
    const goesDown = this.#isUp && this.#chance.isBelow(DOWN_SHARE);
    if (!goesDown && this.#isUp) return;
    this.#isUp = !goesDown;
    this.#sinceMs = nowMs;
    if (goesDown) this.#downs += 1;
  }

  /** The stream of routes is not played: `stream` is null, as before the module's first batch. */
  state(nowMs: number, appliedVersion: number): BgpState {
    const accepted = this.#isUp ? this.#prefixes : 0;
    return {
      schemaVersion: '1.0',
      atUtc: new Date(nowMs).toISOString(),
      engine: { name: 'BIRD', version: '2.0.12', running: true },
      appliedVersion,
      stream: null,
      sessions: [
        {
          ...{ id: 'transit', neighborAddress: '192.0.2.1', neighborAsn: 64_500, localAsn: 64_510 },
          state: this.#isUp ? 'Established' : 'Active',
          reason: this.#isUp ? '' : 'The neighbour closed the connection',
          sinceUtc: new Date(this.#sinceMs).toISOString(),
          uptimeSecs: this.#isUp ? Math.round((nowMs - this.#sinceMs) / 1000) : null,
          downs: this.#downs,
          prefixes: { accepted, filtered: 0, limit: 200_000, reported: accepted },
          held: null,
        },
      ],
      issues: [],
    };
  }
}
