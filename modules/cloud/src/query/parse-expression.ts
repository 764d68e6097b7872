// Tokens -> the tree of one expression. Binding, from loose to tight: OR, AND, NOT, comparison and IN, + -, * / %, sign, operand.

import { FUNCTIONS } from './query-functions.ts';
import type { Arithmetic, Comparison, Condition, Expression, Literal } from './query-tree.ts';
import type { TokenReader } from './token-reader.ts';

/** Parentheses, NOTs, signs and calls inside each other. */
const DEPTH_MAX = 50;
const LIST_ITEMS_MAX = 500;
/** Arithmetic operators of one expression: a chain of them is a tree as deep as it is long. */
const OPERATIONS_MAX = 500;
/** Names of aggregates: they stand in SELECT only. */
const AGGREGATES: readonly string[] = ['COUNT', 'SUM', 'AVG', 'MIN', 'MAX'];
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

/** Reads an expression from the reader's place on and stops behind it. Throws CLOUD_QUERY_INVALID. */
export function parseExpression(reader: TokenReader): Condition {
  return new ExpressionParser(reader).either();
}

class ExpressionParser {
  private readonly reader: TokenReader;
  private depth = 0;
  private operations = 0;

  constructor(reader: TokenReader) {
    this.reader = reader;
  }

  either(): Expression {
    return this.chain('OR', 'or', () => this.chain('AND', 'and', () => this.negation()));
  }

  private chain(word: string, kind: 'and' | 'or', part: () => Expression): Expression {
    const conditions = [part()];
    while (this.reader.takeWord(word)) conditions.push(part());
    return conditions.length === 1 ? conditions[0]! : { kind, conditions };
  }

  private negation(): Expression {
    if (!this.reader.takeWord('NOT')) return this.comparison();
    return this.deeper(() => ({ kind: 'not', condition: this.negation() }));
  }

  private comparison(): Expression {
    const left = this.sum();
    const { reader } = this;
    if (reader.takeWord('IN')) return { kind: 'in', negated: false, left, list: this.list() };
    if (reader.takeWord('NIN')) return { kind: 'in', negated: true, left, list: this.list() };
    const symbol = reader.takeOneOf(Object.keys(COMPARISONS));
    if (symbol === undefined) return left;
    return { kind: 'compare', operator: COMPARISONS[symbol]!, left, right: this.sum() };
  }

  private sum(): Expression {
    return this.operation(['+', '-'], () => this.operation(['*', '/', '%'], () => this.signed()));
  }

  private operation(symbols: readonly Arithmetic[], part: () => Expression): Expression {
    let left = part();
    for (;;) {
      const operator = this.reader.takeOneOf(symbols) as Arithmetic | undefined;
      if (operator === undefined) return left;
      this.operations += 1;
      if (this.operations > OPERATIONS_MAX) throw this.reader.fault(`more than ${OPERATIONS_MAX} operators`);
      left = { kind: 'arithmetic', operator, left, right: part() };
    }
  }

  private signed(): Expression {
    if (!this.reader.takeSymbol('-')) return this.operand();
    const operand = this.deeper(() => this.signed());
    if (operand.kind === 'literal' && typeof operand.value === 'number') return { ...operand, value: -operand.value };
    return { kind: 'arithmetic', operator: '-', left: { kind: 'literal', value: 0 }, right: operand };
  }

  private operand(): Expression {
    const { reader } = this;
    if (reader.takeSymbol('(')) {
      const inner = this.deeper(() => this.either());
      reader.expectSymbol(')');
      return inner;
    }
    const name = reader.functionName();
    if (name !== undefined) return this.call(name);
    const literal = this.literal();
    return literal === undefined ? { kind: 'path', path: reader.path() } : { kind: 'literal', value: literal };
  }

  private call(name: string): Expression {
    const { reader } = this;
    const known = FUNCTIONS.get(name);
    if (!known) {
      throw reader.fault(
        AGGREGATES.includes(name) ? `${name} stands in SELECT only` : `this function is not served: ${name}`,
      );
    }
    reader.skip(2);
    const operands: Expression[] = [];
    if (!reader.isSymbol(')')) {
      do operands.push(this.deeper(() => this.either()));
      while (reader.takeSymbol(','));
    }
    const { operandsMin, operandsMax } = known;
    if (operands.length < operandsMin || operands.length > operandsMax) {
      const wanted = operandsMin === operandsMax ? `${operandsMin}` : `${operandsMin} to ${operandsMax}`;
      throw reader.fault(`${name} has ${operands.length} operands, wanted ${wanted}`);
    }
    reader.expectSymbol(')');
    return { kind: 'call', name, operands };
  }

  private list(): Literal[] {
    const { reader } = this;
    const close = reader.takeSymbol('[') ? ']' : ')';
    if (close === ')') reader.expectSymbol('(');
    const list: Literal[] = [];
    do {
      const isNegative = reader.takeSymbol('-');
      const literal = this.literal();
      if (literal === undefined || (isNegative && typeof literal !== 'number')) {
        throw reader.fault('a list holds literals only');
      }
      list.push(isNegative ? -Number(literal) : literal);
      if (list.length > LIST_ITEMS_MAX) throw reader.fault(`more than ${LIST_ITEMS_MAX} items`);
    } while (reader.takeSymbol(','));
    reader.expectSymbol(close);
    return list;
  }

  private literal(): Literal | undefined {
    const token = this.reader.peek();
    if (token.kind === 'string' || token.kind === 'number') {
      this.reader.skip();
      return token.kind === 'string' ? token.text : token.value;
    }
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    if (!Object.hasOwn(LITERAL_WORDS, word) || this.reader.isSymbol('.', 1)) return undefined;
    this.reader.skip();
    return LITERAL_WORDS[word];
  }

  private deeper<T>(parse: () => T): T {
    this.depth += 1;
    if (this.depth > DEPTH_MAX) throw this.reader.fault(`more than ${DEPTH_MAX} levels`);
    try {
      return parse();
    } finally {
      this.depth -= 1;
    }
  }
}
