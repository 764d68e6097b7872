// Cuts a query text into tokens (cloud.md 2.7): words, strings, numbers, operators, `[[any text]]`.

import { refusal } from '../errors.ts';

export type Token =
  | { kind: 'word'; text: string; at: number }
  | { kind: 'string'; text: string; at: number }
  | { kind: 'number'; value: number; at: number }
  | { kind: 'symbol'; text: string; at: number }
  | { kind: 'end'; at: number };

/** Longest query text read. */
const QUERY_CHARS_MAX = 32 * 1024;

// One alternative each: space, number, word, [[escaped word]], string in either quote (doubled = itself), operator. A sign is an operator;
// a hyphen inside a word belongs to it, as names of devices and tags have it.
const TOKEN =
  /\s+|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[\p{L}_$][\p{L}\p{N}_$-]*)|\[\[(?<escaped>[^\]]+)\]\]|'(?<single>(?:[^']|'')*)'|"(?<double>(?:[^"]|"")*)"|(?<symbol><=|>=|!=|<>|[=<>(),.*[\]+\-/%])/uy;

export function readTokens(text: string): Token[] {
  if (text.length > QUERY_CHARS_MAX) {
    throw refusal(
      'CLOUD_QUERY_INVALID',
      `Cannot read the query: it has ${text.length} characters, at most ${QUERY_CHARS_MAX} are allowed`,
    );
  }
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (!groups)
      throw refusal('CLOUD_QUERY_INVALID', `Cannot read the query at position ${at}: "${text.slice(at, at + 20)}"`);
    const token = toToken(groups, at);
    if (token) tokens.push(token);
  }
  tokens.push({ kind: 'end', at: text.length });
  return tokens;
}

function toToken(groups: { [name: string]: string | undefined }, at: number): Token | undefined {
  if (groups.number !== undefined) return { kind: 'number', value: Number(groups.number), at };
  const word = groups.word ?? groups.escaped;
  if (word !== undefined) return { kind: 'word', text: word, at };
  if (groups.single !== undefined) return { kind: 'string', text: groups.single.replaceAll("''", "'"), at };
  if (groups.double !== undefined) return { kind: 'string', text: groups.double.replaceAll('""', '"'), at };
  if (groups.symbol !== undefined) return { kind: 'symbol', text: groups.symbol, at };
  return undefined;
}
