// Joins what a log said before with its newest lines. The node answers only "the last N lines", so the overlap has to be found.

export interface JoinedLog {
  lines: string[];
  /** How many at the end are new. */
  added: number;
  /** More was written than one read brings: lines between are missing. */
  hasGap: boolean;
}

/** `known` and `fresh` both oldest first; at most `linesMax` stay. */
export function joinTail(known: readonly string[], fresh: readonly string[], linesMax: number): JoinedLog {
  if (known.length === 0)
    return { lines: fresh.slice(-linesMax), added: Math.min(fresh.length, linesMax), hasGap: false };
  const overlap = overlapOf(known, fresh);
  const added = fresh.slice(overlap);
  return {
    lines: [...known, ...added].slice(-linesMax),
    added: Math.min(added.length, linesMax),
    hasGap: overlap === 0 && fresh.length > 0,
  };
}

/** Longest end of `known` that `fresh` begins with (Knuth, Morris, Pratt: one pass, whatever repeats). */
function overlapOf(known: readonly string[], fresh: readonly string[]): number {
  if (fresh.length === 0) return 0;
  const failure = failureTable(fresh);
  let length = 0;
  for (const line of known.slice(-fresh.length)) {
    while (length > 0 && (length === fresh.length || line !== fresh[length])) length = failure[length - 1] ?? 0;
    if (line === fresh[length]) length += 1;
  }
  return length;
}

function failureTable(lines: readonly string[]): number[] {
  const table = [0];
  for (let index = 1, length = 0; index < lines.length; index += 1) {
    while (length > 0 && lines[index] !== lines[length]) length = table[length - 1] ?? 0;
    if (lines[index] === lines[length]) length += 1;
    table.push(length);
  }
  return table;
}
