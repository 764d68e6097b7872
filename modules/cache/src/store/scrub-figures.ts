// What the scrubber has seen since the start, for metrics and reports.

export interface ScrubFigures {
  chunks: number;
  bytes: number;
  /** Chunks whose bytes were not those that were stored. */
  badChunks: number;
  /** Chunks that the drive could not read. */
  unreadableChunks: number;
  /** Objects whose file was gone. */
  lostFiles: number;
  /** When a drive was last gone through wholly, ms since 1970, by path; 0 = never. */
  readonly lastPassAtMs: { [path: string]: number };
}

export function noScrubFigures(): ScrubFigures {
  return { chunks: 0, bytes: 0, badChunks: 0, unreadableChunks: 0, lostFiles: 0, lastPassAtMs: {} };
}
