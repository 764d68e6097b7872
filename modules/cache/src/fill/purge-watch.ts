// What an opening must know of purges: a response that was asked for before one, and is meant by it, is not kept.

export interface PurgeWatch {
  /** Of the newest purge. */
  readonly sequence: number;
  /** Whether a purge accepted after `since` means this response. @param headers of the response, by lower-case name */
  isOutdated(key: string, headers: Readonly<Record<string, string>>, since: number): boolean;
}

/** For stores that nobody purges. */
export const NO_PURGES: PurgeWatch = { sequence: 0, isOutdated: () => false };
