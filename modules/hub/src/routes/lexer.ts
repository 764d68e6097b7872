// Cuts a route's text into tokens. Positions are kept: an operator wants to know where the fault is.

import { RouteSyntaxError } from './route-syntax-error.ts';

export type Token =
  | { kind: 'word'; text: string; at: number }
  /** `$name` or `$body.a[0]`, without the dollar. */
  | { kind: 'system'; text: string; at: number }
  /** `{$name}`: the system property by force. */
  | { kind: 'forced'; text: string; at: number }
  | { kind: 'string'; value: string; at: number }
  | { kind: 'number'; value: number; at: number }
  /** `/messages/*`: a source. */
  | { kind: 'path'; text: string; at: number }
  | { kind: 'symbol'; text: string; at: number }
  | { kind: 'end'; at: number };

/** A route is one line of a manifest; longer ones are refused before any work is done. */
const ROUTE_CHARS_MAX = 8192;

const SPACE = /\s+/y;
const WORD = /[A-Za-z_][A-Za-z0-9_.-]*/y;
const SYSTEM = /\$([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*|\.\$[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]{1,9}\])*)/y;
const FORCED = /\{\$([^{}]{1,1024})\}/y;
const HEX = /0[xX][0-9A-Fa-f]{1,13}\b/y;
const NUMBER = /(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d{1,3})?/y;
const SYMBOL = /\|\||<=|>=|<>|!=|\?\?|[-*/%+<>=(),]/y;
const PATH = /\/[^\s()'",]*/y;
const ESCAPES: { [letter: string]: string } = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' };

/** Reads the tokens of a condition; `path` tokens only where `wantPath` says a source is due. */
export class Lexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    if (text.length > ROUTE_CHARS_MAX) {
      throw new RouteSyntaxError(`route has ${text.length} characters, at most ${ROUTE_CHARS_MAX} are allowed`, 0);
    }
    this.#text = text;
  }

  next(wantPath = false): Token {
    this.#match(SPACE);
    const at = this.#at;
    if (at >= this.#text.length) return { kind: 'end', at };
    const first = this.#text[at]!;
    if (wantPath && first === '/') return { kind: 'path', text: this.#match(PATH)!, at };
    if (first === "'" || first === '"') return { kind: 'string', value: this.#string(first), at };
    const forced = this.#match(FORCED);
    if (forced) return { kind: 'forced', text: forced.slice(2, -1), at };
    const system = this.#match(SYSTEM);
    if (system) return { kind: 'system', text: system.slice(1), at };
    const hex = this.#match(HEX);
    if (hex) return { kind: 'number', value: Number.parseInt(hex, 16), at };
    const number = this.#match(NUMBER);
    if (number) return { kind: 'number', value: Number(number), at };
    const word = this.#match(WORD);
    if (word) return { kind: 'word', text: word, at };
    const symbol = this.#match(SYMBOL);
    if (symbol) return { kind: 'symbol', text: symbol === '<>' ? '!=' : symbol, at };
    throw new RouteSyntaxError(`unexpected character "${first}"`, at);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #string(quote: string): string {
    const start = this.#at++;
    let value = '';
    for (;;) {
      const char = this.#text[this.#at++];
      if (char === undefined) throw new RouteSyntaxError('text without its closing quote', start);
      if (char === quote) return value;
      value += char === '\\' ? this.#escape() : char;
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at++];
    if (letter === undefined) throw new RouteSyntaxError('text ends within an escape', this.#at - 1);
    if (letter !== 'u') return ESCAPES[letter] ?? letter;
    const hex = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9A-Fa-f]{4}$/.test(hex)) throw new RouteSyntaxError('\\u wants four hexadecimal digits', this.#at);
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }
}
