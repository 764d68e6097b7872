// `[SELECT *] FROM source [WHERE condition] INTO sink` -> source, condition tree, sink (iotedge.md 3.6). Keywords ignore case.

import type { BinaryOperator, Expression } from './expression.ts';
import { FUNCTIONS } from './functions.ts';
import { Lexer, type Token } from './lexer.ts';
import { RouteSyntaxError } from './route-syntax-error.ts';

export type Sink = { kind: 'upstream' } | { kind: 'input'; moduleId: string; input: string };

export interface ParsedRoute {
  readonly source: string;
  /** undefined: every message. */
  readonly condition: Expression | undefined;
  readonly sink: Sink;
}

/** Nested brackets, NOTs and minuses of one condition. */
const DEPTH_MAX = 100;
const SOURCE =
  /^\/(?:\*|messages(?:\/\*)?|messages\/modules\/(?:\*|[^/*]+(?:\/\*|\/outputs\/(?:\*|[^/*]+)(?:\/\*)?)?)|twinChangeNotifications(?:\/\*)?)$/i;
const ENDPOINT = /^\/?modules\/([^/\s]+)\/inputs\/([^/\s]+)\/?$/i;

/** Lowest first; operators of one row bind equally, from the left. */
const PRECEDENCE: readonly (readonly BinaryOperator[])[] = [
  ['??'],
  ['OR'],
  ['AND'],
  ['=', '!='],
  ['<', '<=', '>', '>='],
  ['||'],
  ['+', '-'],
  ['*', '/', '%'],
];

/** Throws RouteSyntaxError. */
export function parseRoute(text: string): ParsedRoute {
  return new RouteParser(text).route();
}

class RouteParser {
  readonly #lexer: Lexer;
  #token: Token;
  #depth = 0;

  constructor(text: string) {
    this.#lexer = new Lexer(text);
    this.#token = this.#lexer.next();
  }

  route(): ParsedRoute {
    if (this.#isWord('SELECT')) {
      this.#advance();
      this.#symbol('*');
    }
    this.#keyword('FROM', true);
    const source = this.#source();
    let condition: Expression | undefined;
    if (this.#isWord('WHERE')) {
      this.#advance();
      condition = this.#expression(0);
    }
    this.#keyword('INTO');
    const sink = this.#sink();
    if (this.#token.kind !== 'end') throw this.#unexpected('the end of the route');
    return { source, condition, sink };
  }

  #source(): string {
    const token = this.#token;
    if (token.kind !== 'path') throw this.#unexpected('a source such as /messages/*');
    if (!SOURCE.test(token.text.replace(/\/$/, ''))) {
      throw new RouteSyntaxError(
        `unknown source "${token.text}", wanted such as /messages/modules/{module}/outputs/*`,
        token.at,
      );
    }
    this.#advance();
    return token.text;
  }

  #sink(): Sink {
    const token = this.#token;
    if (token.kind === 'system' && token.text.toLowerCase() === 'upstream') {
      this.#advance();
      return { kind: 'upstream' };
    }
    if (!this.#isWord('BrokeredEndpoint'))
      throw this.#unexpected('$upstream or BrokeredEndpoint("/modules/{module}/inputs/{input}")');
    this.#advance();
    this.#symbol('(');
    const path = this.#token;
    if (path.kind !== 'string') throw this.#unexpected('a text such as "/modules/{module}/inputs/{input}"');
    const match = ENDPOINT.exec(path.value);
    if (!match)
      throw new RouteSyntaxError(`endpoint "${path.value}" is not "/modules/{module}/inputs/{input}"`, path.at);
    this.#advance();
    this.#symbol(')');
    return { kind: 'input', moduleId: match[1]!, input: match[2]! };
  }

  #expression(row: number): Expression {
    const operators = PRECEDENCE[row];
    if (!operators) return this.#unary();
    let left = this.#expression(row + 1);
    for (;;) {
      const operator = this.#operator();
      if (operator === undefined || !operators.includes(operator)) return left;
      const { at } = this.#token;
      this.#advance();
      left = { kind: 'binary', operator, left, right: this.#expression(row + 1), at };
    }
  }

  #operator(): BinaryOperator | undefined {
    const token = this.#token;
    if (token.kind === 'symbol' && token.text !== '(' && token.text !== ')' && token.text !== ',')
      return token.text as BinaryOperator;
    if (this.#isWord('AND')) return 'AND';
    return this.#isWord('OR') ? 'OR' : undefined;
  }

  #unary(): Expression {
    const { at } = this.#token;
    const operator = this.#isSymbol('-') ? '-' : this.#isWord('NOT') ? 'NOT' : undefined;
    if (!operator) return this.#primary();
    return this.#nested(() => {
      this.#advance();
      return { kind: 'unary', operator, operand: this.#unary(), at };
    });
  }

  #primary(): Expression {
    const token = this.#token;
    switch (token.kind) {
      case 'string':
      case 'number':
        this.#advance();
        return { kind: 'literal', value: token.value };
      case 'system':
      case 'forced':
        this.#advance();
        return systemReference(token.text, token.kind === 'forced', token.at);
      case 'word':
        return this.#word(token.text, token.at);
    }
    if (!this.#isSymbol('(')) throw this.#unexpected('a value, a property or a bracket');
    return this.#nested(() => {
      this.#advance();
      const inner = this.#expression(0);
      this.#symbol(')');
      return inner;
    });
  }

  #word(text: string, at: number): Expression {
    const lower = text.toLowerCase();
    this.#advance();
    if (this.#isSymbol('(')) return this.#call(lower, text, at);
    if (lower === 'true' || lower === 'false') return { kind: 'literal', value: lower === 'true' };
    if (lower === 'null') return { kind: 'literal', value: null };
    if (lower === 'undefined') return { kind: 'literal', value: undefined };
    if (['where', 'into', 'from', 'select', 'and', 'or'].includes(lower)) {
      throw new RouteSyntaxError(`unexpected "${text}", wanted a value`, at);
    }
    return { kind: 'property', scope: 'app', name: text, at };
  }

  #call(name: string, text: string, at: number): Expression {
    const known = FUNCTIONS.get(name);
    if (!known) throw new RouteSyntaxError(`unknown function "${text}"`, at);
    return this.#nested(() => {
      this.#symbol('(');
      const args: Expression[] = [];
      while (!this.#isSymbol(')')) {
        if (args.length > 0) this.#symbol(',');
        args.push(this.#expression(0));
      }
      this.#symbol(')');
      const [min, max] = known.arity;
      if (args.length < min || args.length > max) {
        const wanted = min === max ? String(min) : `${min} to ${max}`;
        throw new RouteSyntaxError(`${text}() has ${args.length} arguments, wanted ${wanted}`, at);
      }
      return { kind: 'call', name, arguments: args, at };
    });
  }

  #nested(read: () => Expression): Expression {
    if (++this.#depth > DEPTH_MAX) throw new RouteSyntaxError(`nested deeper than ${DEPTH_MAX}`, this.#token.at);
    const expression = read();
    this.#depth--;
    return expression;
  }

  #isWord(word: string): boolean {
    return this.#token.kind === 'word' && this.#token.text.toUpperCase() === word.toUpperCase();
  }
  #isSymbol(symbol: string): boolean {
    return this.#token.kind === 'symbol' && this.#token.text === symbol;
  }
  #advance(wantPath = false): void {
    this.#token = this.#lexer.next(wantPath);
  }
  #keyword(word: string, thenPath = false): void {
    if (!this.#isWord(word)) throw this.#unexpected(word);
    this.#advance(thenPath);
  }
  #symbol(symbol: string): void {
    if (!this.#isSymbol(symbol)) throw this.#unexpected(`"${symbol}"`);
    this.#advance();
  }
  #unexpected(wanted: string): RouteSyntaxError {
    const token = this.#token;
    const found = token.kind === 'end' ? 'the end' : 'text' in token ? `"${token.text}"` : JSON.stringify(token.value);
    return new RouteSyntaxError(`found ${found}, wanted ${wanted}`, token.at);
  }
}

/** `$name`: user property first, then system property; `$body...`: body query; `{$name}`: never the user property. */
function systemReference(text: string, forced: boolean, at: number): Expression {
  if (/^body(?:$|[.[])/i.test(text)) {
    const path = bodyPath(text.slice(4), at);
    return forced ? { kind: 'body', path, at } : { kind: 'body', path, at, name: `$${text}` };
  }
  return { kind: 'property', scope: forced ? 'system' : 'app-then-system', name: text, at };
}

function bodyPath(text: string, at: number): (string | number)[] {
  const steps = text.matchAll(/\.([^.[\]]+)|\[(\d{1,9})\]|(.)/gs);
  return [...steps].map(([, name, index, wrong]) => {
    if (wrong !== undefined) throw new RouteSyntaxError(`unexpected "${wrong}" in a body path`, at);
    return name ?? Number(index);
  });
}
