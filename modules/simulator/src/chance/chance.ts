// Chance that can be repeated: equal seeds and names give equal draws, whatever else was drawn meanwhile.

const TWO_32 = 4_294_967_296;

export class Chance {
  #state: number;

  private constructor(state: number) {
    this.#state = state;
  }

  /** Own draws for each name of a seed. */
  static of(seed: number, name: string): Chance {
    // FNV-1a, 32 bits, over the seed and the name.
    let hash = 0x811c9dc5;
    for (const character of `${seed}/${name}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
    return new Chance(hash >>> 0);
  }

  /** 0 <= x < 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / TWO_32;
  }

  /** from <= x < to. */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  isBelow(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[Math.floor(this.next() * list.length)] as T;
  }

  /** Log-normal: half of the draws lie below the median, few far above it. */
  around(median: number, spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return median * Math.exp(spread * normal);
  }
}
