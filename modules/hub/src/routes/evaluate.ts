// Evaluates a condition over one message. Three-valued: true, false, undefined; only true routes.

import type { Json } from '@wayside/protocol';
import { type HubMessage, TWIN_CHANGE_SOURCE } from '../message.ts';
import { readBody } from './body-query.ts';
import type { Expression } from './expression.ts';
import { concatenate, FUNCTIONS, finite, toNumber, type Value } from './functions.ts';

/** What the conditions of one message share: its body is parsed at most once. */
export interface EvaluationContext {
  readonly message: HubMessage;
  body?: { value: Json | undefined };
}

export function evaluate(expression: Expression, context: EvaluationContext): Value {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'property':
      return property(expression, context);
    case 'body':
      return bodyValue(expression, context);
    case 'unary':
      return unary(expression, context);
    case 'binary':
      return binary(expression, context);
    case 'call':
      return call(expression, context);
  }
}

function property({ scope, name }: Extract<Expression, { kind: 'property' }>, { message }: EvaluationContext): Value {
  const { app, system } = message.properties;
  if (scope === 'app') return own(app, name);
  if (scope === 'app-then-system') {
    const user = own(app, name) ?? own(app, `$${name}`);
    if (user !== undefined) return user;
  }
  return systemProperty(system, name, message);
}

/** System names are looked up as routes spell them; case does not matter. */
function systemProperty(system: { [name: string]: string }, name: string, message: HubMessage): Value {
  const wanted = name.toLowerCase();
  if (wanted === 'enqueuedtime') return new Date(message.enqueuedAtMs).toISOString();
  for (const [key, value] of Object.entries(system)) if (key.toLowerCase() === wanted) return value;
  return undefined;
}

function own(bag: { [name: string]: string }, name: string): string | undefined {
  return Object.hasOwn(bag, name) ? bag[name] : undefined;
}

function bodyValue({ path, name }: Extract<Expression, { kind: 'body' }>, context: EvaluationContext): Value {
  const user = name === undefined ? undefined : own(context.message.properties.app, name);
  if (user !== undefined) return user;
  context.body ??= { value: readBody(context.message) };
  let current: Json | undefined = context.body.value;
  for (const step of path) {
    if (current === null || typeof current !== 'object') return undefined;
    if (Array.isArray(current)) current = typeof step === 'number' ? current[step] : undefined;
    else current = Object.hasOwn(current, String(step)) ? current[String(step)] : undefined;
  }
  // An object or array is no value that could be compared.
  return typeof current === 'object' && current !== null ? undefined : current;
}

function unary({ operator, operand }: Extract<Expression, { kind: 'unary' }>, context: EvaluationContext): Value {
  const value = evaluate(operand, context);
  if (operator === 'NOT') return typeof value === 'boolean' ? !value : undefined;
  const number = toNumber(value);
  return number === undefined ? undefined : -number;
}

function binary(expression: Extract<Expression, { kind: 'binary' }>, context: EvaluationContext): Value {
  const { operator } = expression;
  const left = evaluate(expression.left, context);
  if (operator === 'AND' && left === false) return false;
  if (operator === 'OR' && left === true) return true;
  if (operator === '??') return left === undefined || left === null ? evaluate(expression.right, context) : left;
  const right = evaluate(expression.right, context);
  switch (operator) {
    case 'AND':
      return right === false ? false : left === true && right === true ? true : undefined;
    case 'OR':
      return right === true ? true : left === false && right === false ? false : undefined;
    case '||':
      return concatenate([left, right]);
    case '=':
    case '!=': {
      const equal = isEqual(left, right);
      return equal === undefined ? undefined : equal === (operator === '=');
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      return order(operator, left, right);
    default:
      return arithmetic(operator, left, right);
  }
}

/** A property is always text: against a number it is read as one. */
function comparable(left: Value, right: Value): [Value, Value] {
  if (typeof left === 'number' && typeof right === 'string') return [left, toNumber(right)];
  if (typeof left === 'string' && typeof right === 'number') return [toNumber(left), right];
  if (typeof left === 'boolean' && typeof right === 'string') return [left, toBoolean(right)];
  if (typeof left === 'string' && typeof right === 'boolean') return [toBoolean(left), right];
  return [left, right];
}

function toBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

function isEqual(left: Value, right: Value): boolean | undefined {
  const [a, b] = comparable(left, right);
  if (a === undefined || b === undefined) return undefined;
  return a === b;
}

function order(operator: '<' | '<=' | '>' | '>=', left: Value, right: Value): boolean | undefined {
  const [a, b] = comparable(left, right);
  if (typeof a !== typeof b || (typeof a !== 'number' && typeof a !== 'string')) return undefined;
  const [x, y] = [a, b] as [number, number];
  switch (operator) {
    case '<':
      return x < y;
    case '<=':
      return x <= y;
    case '>':
      return x > y;
    case '>=':
      return x >= y;
  }
}

function arithmetic(operator: '*' | '/' | '%' | '+' | '-', left: Value, right: Value): Value {
  const [x, y] = [toNumber(left), toNumber(right)];
  if (x === undefined || y === undefined) return undefined;
  switch (operator) {
    case '*':
      return finite(x * y);
    case '/':
      return finite(x / y);
    case '%':
      return finite(x % y);
    case '+':
      return finite(x + y);
    case '-':
      return finite(x - y);
  }
}

function call(expression: Extract<Expression, { kind: 'call' }>, context: EvaluationContext): Value {
  const values = expression.arguments.map((argument) => evaluate(argument, context));
  if (expression.name === 'twin_change_includes') return twinChangeIncludes(values[0], context);
  return FUNCTIONS.get(expression.name)!.apply(...values);
}

/** true when the reported patch behind a twin change holds the dotted path, e.g. 'properties.reported.temperature'. */
function twinChangeIncludes(path: Value, context: EvaluationContext): Value {
  if (context.message.source !== TWIN_CHANGE_SOURCE || typeof path !== 'string') return false;
  context.body ??= { value: readBody(context.message) };
  let current: Json | undefined = context.body.value;
  for (const step of path.split('.')) {
    if (current === null || typeof current !== 'object' || Array.isArray(current)) return false;
    if (!Object.hasOwn(current, step)) return false;
    current = current[step];
  }
  return true;
}
