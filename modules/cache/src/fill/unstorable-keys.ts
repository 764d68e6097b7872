// Remembers for a while which keys' responses may not be stored, so that nobody waits for an answer that cannot be shared.

/** How long, and how many. */
const UNSTORABLE_MS = 60_000;
const UNSTORABLE_MAX = 10_000;

export class UnstorableKeys {
  readonly #until = new Map<string, number>();

  has(key: string, nowMs: number): boolean {
    return this.#until.size > 0 && (this.#until.get(key) ?? 0) > nowMs;
  }

  add(key: string, nowMs: number): void {
    if (this.#until.size >= UNSTORABLE_MAX) this.#until.clear();
    this.#until.set(key, nowMs + UNSTORABLE_MS);
  }

  delete(key: string): void {
    this.#until.delete(key);
  }
}
