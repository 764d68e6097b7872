// A place in the tokens of a query: looks ahead, takes what is expected, and says where something is wrong.

import { refusal } from '../errors.ts';
import { readTokens, type Token } from './query-tokens.ts';
import type { Path } from './query-tree.ts';

export class TokenReader {
  private readonly tokens: Token[];
  private at = 0;

  constructor(text: string) {
    this.tokens = readTokens(text);
  }

  peek(ahead = 0): Token {
    return this.tokens[this.at + ahead] ?? this.tokens[this.tokens.length - 1]!;
  }

  skip(count = 1): void {
    this.at += count;
  }

  /** A name in front of a parenthesis: in capitals. */
  functionName(): string | undefined {
    const token = this.peek();
    return token.kind === 'word' && this.isSymbol('(', 1) ? token.text.toUpperCase() : undefined;
  }

  isWord(word: string): boolean {
    const token = this.peek();
    return token.kind === 'word' && token.text.toUpperCase() === word;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' && token.text === symbol;
  }

  /** The first of the symbols that stands here, taken. */
  takeOneOf(symbols: readonly string[]): string | undefined {
    const found = symbols.find((symbol) => this.isSymbol(symbol));
    if (found !== undefined) this.at += 1;
    return found;
  }

  takeWord(word: string): boolean {
    const found = this.isWord(word);
    if (found) this.at += 1;
    return found;
  }

  takeSymbol(symbol: string): boolean {
    return this.takeOneOf([symbol]) !== undefined;
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) throw this.fault(`${word} is missing`);
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.fault(`"${symbol}" is missing`);
  }

  expectEnd(): void {
    if (this.peek().kind !== 'end') throw this.fault('the query should end here');
  }

  word(): string {
    const token = this.peek();
    if (token.kind !== 'word') throw this.fault('a name is missing');
    this.at += 1;
    return token.text;
  }

  path(): Path {
    const path = [this.word()];
    while (this.takeSymbol('.')) path.push(this.word());
    return path;
  }

  wholeNumber(): number {
    const token = this.peek();
    if (token.kind !== 'number' || !Number.isSafeInteger(token.value)) throw this.fault('a whole number is missing');
    this.at += 1;
    return token.value;
  }

  fault(what: string): Error {
    const { at } = this.peek();
    return refusal('CLOUD_QUERY_INVALID', `Cannot read the query at position ${at}: ${what}`, { position: at });
  }
}
