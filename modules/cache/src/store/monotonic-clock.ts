// Seconds of one clock that never goes back and is the same on every thread: performance.now() starts anew with each of them.

const [startSecs, startNanos] = process.hrtime();
const OFFSET_MS = startSecs * 1000 + startNanos / 1e6 - performance.now();

/** Whole seconds, at least 1. */
export function monotonicSecs(): number {
  return Math.floor((performance.now() + OFFSET_MS) / 1000) + 1;
}
