// x-ms-continuation: where the next page of a query begins, as text that the caller hands back. It is a place, not a secret: a caller who
// writes one of his own reads no more than the query shows him.

import type { Json } from '@wayside/protocol';
import { refusal } from '../errors.ts';

/** Values of ORDER BY, undefined among them, and what tells equal ones apart. */
export interface Rank {
  values: (Json | undefined)[];
  id: string;
}

/** `given` = rows of the pages before (for TOP). */
export interface PlaceToken {
  kind: 'place';
  place: readonly string[];
  given: number;
}

export interface RankToken {
  kind: 'rank';
  rank: Rank;
  given: number;
}

/** Longest token read; a text of a twin has at most 4 KB. */
const TOKEN_CHARS_MAX = 64 * 1024;

export function writeToken(token: PlaceToken | RankToken): string {
  const text =
    token.kind === 'place'
      ? [token.place, '', token.given]
      : // undefined has no JSON: an empty list stands for it.
        [token.rank.values.map((value) => (value === undefined ? [] : [value])), token.rank.id, token.given];
  return Buffer.from(JSON.stringify(text)).toString('base64url');
}

/** undefined = the first page. Throws CLOUD_ARGUMENT_INVALID. */
export function readToken(kind: 'place', text: string | undefined): PlaceToken | undefined;
export function readToken(kind: 'rank', text: string | undefined): RankToken | undefined;
export function readToken(kind: 'place' | 'rank', text: string | undefined): PlaceToken | RankToken | undefined {
  if (text === undefined) return undefined;
  const parts = text.length <= TOKEN_CHARS_MAX ? decode(text) : undefined;
  const [first, second, given] = Array.isArray(parts) ? parts : [];
  if (typeof second === 'string' && Number.isSafeInteger(given) && Number(given) >= 0) {
    if (kind === 'place' && Array.isArray(first) && first.length > 0 && first.every((id) => typeof id === 'string')) {
      return { kind, place: first, given: Number(given) };
    }
    if (kind === 'rank' && Array.isArray(first) && first.every(Array.isArray)) {
      return { kind, rank: { values: first.map((list: Json[]) => list[0]), id: second }, given: Number(given) };
    }
  }
  throw refusal('CLOUD_ARGUMENT_INVALID', 'Cannot read x-ms-continuation: it is no token of this query');
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
