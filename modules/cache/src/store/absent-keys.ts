// Keys that were looked for and found on no drive, until an object is made for them: a miss asks the indexes once, not twice.

/** All are forgotten when there are more: they are asked for again then. */
const KEYS_MAX = 10_000;

export class AbsentKeys {
  readonly #keys = new Set<string>();

  note(key: string): void {
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    this.#keys.add(key);
  }

  /** True when the key was looked for and not found; it is forgotten. */
  take(key: string): boolean {
    return this.#keys.delete(key);
  }
}
