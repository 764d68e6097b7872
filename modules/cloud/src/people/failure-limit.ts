// Slows down guessing: counts failures of a source in a window and refuses further tries until it ends. Successes are not counted.

/** Sources remembered; when full the oldest is forgotten, so memory is bounded whatever addresses try. */
const SOURCES_MAX = 10_000;

export interface FailureLimitOptions {
  failuresMax: number;
  windowMs: number;
}

interface Window {
  failures: number;
  endsAtMs: number;
}

export class FailureLimit {
  private readonly windows = new Map<string, Window>();
  private readonly options: FailureLimitOptions;

  constructor(options: FailureLimitOptions) {
    this.options = options;
  }

  /** Milliseconds until the source may try again; 0 = now. */
  waitMs(source: string, nowMs: number): number {
    const window = this.windows.get(source);
    if (!window || window.endsAtMs <= nowMs || window.failures < this.options.failuresMax) return 0;
    return window.endsAtMs - nowMs;
  }

  /** Counts a try as failed. Called before the check is awaited, so that parallel guesses count too; `forgive` takes it back. */
  fail(source: string, nowMs: number): void {
    const window = this.windows.get(source);
    if (window && window.endsAtMs > nowMs) {
      window.failures += 1;
      return;
    }
    this.windows.delete(source);
    if (this.windows.size >= SOURCES_MAX) this.windows.delete(this.windows.keys().next().value as string);
    this.windows.set(source, { failures: 1, endsAtMs: nowMs + this.options.windowMs });
  }

  forgive(source: string): void {
    const window = this.windows.get(source);
    if (window && window.failures > 0) window.failures -= 1;
  }
}
