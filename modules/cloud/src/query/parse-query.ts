// Query text -> syntax tree. Served: SELECT * | paths | COUNT() FROM devices | devices.modules WHERE comparisons with
// AND, OR, NOT, IN, NIN, IS_DEFINED. What is not served is refused by name.

import { refusal } from '../errors.ts';
import { readTokens, type Token } from './query-tokens.ts';

export type Literal = string | number | boolean | null;
export type Path = readonly string[];
export type Operand = { kind: 'literal'; value: Literal } | { kind: 'path'; path: Path };
export type Comparison = '=' | '!=' | '<' | '>' | '<=' | '>=';

export type Condition =
  | { kind: 'compare'; operator: Comparison; left: Operand; right: Operand }
  | { kind: 'in'; negated: boolean; left: Operand; list: Literal[] }
  | { kind: 'defined'; path: Path }
  | { kind: 'truth'; operand: Operand }
  | { kind: 'not'; condition: Condition }
  | { kind: 'and' | 'or'; conditions: Condition[] };

export type Selection =
  | { kind: 'all' }
  | { kind: 'count'; alias: string }
  | { kind: 'paths'; items: { path: Path; alias: string }[] };

export interface Query {
  select: Selection;
  /** undefined = no limit. */
  top?: number;
  from: 'devices' | 'modules';
  where?: Condition;
}

/** Parentheses and NOTs inside each other. */
const DEPTH_MAX = 50;
const SELECT_ITEMS_MAX = 50;
const LIST_ITEMS_MAX = 500;
const COMPARISONS: { readonly [symbol: string]: Comparison } = {
  '=': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '>': '>',
  '<=': '<=',
  '>=': '>=',
};
const LITERAL_WORDS: { readonly [word: string]: Literal } = { true: true, false: false, null: null };

/** Throws CLOUD_QUERY_INVALID with the position. */
export function parseQuery(text: string): Query {
  return new QueryParser(readTokens(text)).query();
}

class QueryParser {
  private readonly tokens: Token[];
  private at = 0;
  private depth = 0;

  constructor(tokens: Token[]) {
    this.tokens = tokens;
  }

  query(): Query {
    this.expectWord('SELECT');
    const top = this.takeWord('TOP') ? this.wholeNumber() : undefined;
    const select = this.selection();
    this.expectWord('FROM');
    const from = this.source();
    const where = this.takeWord('WHERE') ? this.either() : undefined;
    for (const word of ['GROUP', 'ORDER']) {
      if (this.isWord(word)) throw this.fault(`${word} BY is not served`);
    }
    if (this.peek().kind !== 'end') throw this.fault('the query should end here');
    return { select, from, ...(top === undefined ? {} : { top }), ...(where ? { where } : {}) };
  }

  private selection(): Selection {
    if (this.takeSymbol('*')) return { kind: 'all' };
    const items: { path: Path; alias: string }[] = [];
    do {
      if (this.isWord('COUNT') && this.isSymbol('(', 1)) return this.count(items.length);
      const path = this.path();
      if (this.isSymbol('(')) throw this.fault(`function ${path.join('.')} is not served in SELECT`);
      items.push({ path, alias: this.takeWord('AS') ? this.word() : (path.at(-1) ?? '') });
      if (items.length > SELECT_ITEMS_MAX) throw this.fault(`more than ${SELECT_ITEMS_MAX} items`);
    } while (this.takeSymbol(','));
    return { kind: 'paths', items };
  }

  private count(before: number): Selection {
    this.at += 2;
    this.expectSymbol(')');
    const alias = this.takeWord('AS') ? this.word() : '$1';
    if (before > 0 || this.isSymbol(','))
      throw this.fault('COUNT() beside other items needs GROUP BY, which is not served');
    return { kind: 'count', alias };
  }

  private source(): 'devices' | 'modules' {
    const path = this.path().join('.').toLowerCase();
    if (path === 'devices') return 'devices';
    if (path === 'devices.modules') return 'modules';
    throw this.fault(`FROM ${path} is not served, wanted devices or devices.modules`);
  }

  private either(): Condition {
    return this.chain('OR', 'or', () => this.chain('AND', 'and', () => this.unary()));
  }

  private chain(word: string, kind: 'and' | 'or', part: () => Condition): Condition {
    const conditions = [part()];
    while (this.takeWord(word)) conditions.push(part());
    return conditions.length === 1 ? conditions[0]! : { kind, conditions };
  }

  private unary(): Condition {
    this.depth += 1;
    if (this.depth > DEPTH_MAX) throw this.fault(`more than ${DEPTH_MAX} levels`);
    try {
      if (this.takeWord('NOT')) return { kind: 'not', condition: this.unary() };
      if (this.takeSymbol('(')) {
        const inner = this.either();
        this.expectSymbol(')');
        return inner;
      }
      return this.comparison();
    } finally {
      this.depth -= 1;
    }
  }

  private comparison(): Condition {
    if (this.isWord('IS_DEFINED') && this.isSymbol('(', 1)) {
      this.at += 2;
      const path = this.path();
      this.expectSymbol(')');
      return { kind: 'defined', path };
    }
    const left = this.operand();
    if (this.isSymbol('(')) throw this.fault('this function is not served');
    if (this.takeWord('IN')) return { kind: 'in', negated: false, left, list: this.list() };
    if (this.takeWord('NIN')) return { kind: 'in', negated: true, left, list: this.list() };
    const token = this.peek();
    const operator = token.kind === 'symbol' ? COMPARISONS[token.text] : undefined;
    if (!operator) return { kind: 'truth', operand: left };
    this.at += 1;
    return { kind: 'compare', operator, left, right: this.operand() };
  }

  private list(): Literal[] {
    const close = this.takeSymbol('[') ? ']' : ')';
    if (close === ')') this.expectSymbol('(');
    const list: Literal[] = [];
    do {
      const operand = this.operand();
      if (operand.kind !== 'literal') throw this.fault('a list holds literals only');
      list.push(operand.value);
      if (list.length > LIST_ITEMS_MAX) throw this.fault(`more than ${LIST_ITEMS_MAX} items`);
    } while (this.takeSymbol(','));
    this.expectSymbol(close);
    return list;
  }

  private operand(): Operand {
    const token = this.peek();
    if (token.kind === 'string' || token.kind === 'number') {
      this.at += 1;
      return { kind: 'literal', value: token.kind === 'string' ? token.text : token.value };
    }
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    if (Object.hasOwn(LITERAL_WORDS, word) && !this.isSymbol('.', 1)) {
      this.at += 1;
      return { kind: 'literal', value: LITERAL_WORDS[word] ?? null };
    }
    return { kind: 'path', path: this.path() };
  }

  private path(): Path {
    const path = [this.word()];
    while (this.takeSymbol('.')) path.push(this.word());
    return path;
  }

  private word(): string {
    const token = this.peek();
    if (token.kind !== 'word') throw this.fault('a name is missing');
    this.at += 1;
    return token.text;
  }

  private wholeNumber(): number {
    const token = this.peek();
    if (token.kind !== 'number' || !Number.isSafeInteger(token.value) || token.value < 0) {
      throw this.fault('a whole number is missing');
    }
    this.at += 1;
    return token.value;
  }

  private peek(ahead = 0): Token {
    return this.tokens[this.at + ahead] ?? this.tokens[this.tokens.length - 1]!;
  }

  private isWord(word: string): boolean {
    const token = this.peek();
    return token.kind === 'word' && token.text.toUpperCase() === word;
  }

  private isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' && token.text === symbol;
  }

  private takeWord(word: string): boolean {
    const found = this.isWord(word);
    if (found) this.at += 1;
    return found;
  }

  private takeSymbol(symbol: string): boolean {
    const found = this.isSymbol(symbol);
    if (found) this.at += 1;
    return found;
  }

  private expectWord(word: string): void {
    if (!this.takeWord(word)) throw this.fault(`${word} is missing`);
  }

  private expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.fault(`"${symbol}" is missing`);
  }

  private fault(what: string): Error {
    const token = this.peek();
    return refusal('CLOUD_QUERY_INVALID', `Cannot read the query at position ${token.at}: ${what}`, {
      position: token.at,
    });
  }
}
