// The value of an expression over a document, does a condition hold, and what of the document was asked for. Only primitives compare;
// undefined never equals anything.

import type { Json, JsonObject } from '@wayside/protocol';
import { FUNCTIONS, finite } from './query-functions.ts';
import type { Arithmetic, Comparison, Condition, Expression, Literal, Path, Selection } from './query-tree.ts';

/** Anything that is not literally true is false. */
export function holds(condition: Condition | undefined, document: JsonObject): boolean {
  return condition === undefined || evaluate(condition, document) === true;
}

/** The row a page shows for a document that holds; rows of groups are made in group-rows.ts. */
export function selectFrom(selection: Selection, document: JsonObject): JsonObject {
  if (selection.kind !== 'paths') return document;
  const row: [string, Json][] = [];
  for (const { path, alias } of selection.items) {
    const value = valueAt(path, document);
    if (value !== undefined) row.push([alias, value]);
  }
  return Object.fromEntries(row) as JsonObject;
}

export function valueAt(path: Path, document: JsonObject): Json | undefined {
  let value: Json | undefined = document;
  for (const key of pathWithoutSource(path)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

/** `devices.`, `devices.modules.` and `devices.jobs.` in front of a path are allowed and say nothing. */
export function pathWithoutSource(path: Path): Path {
  if (path[0] !== 'devices' || path.length === 1) return path;
  return path.slice((path[1] === 'modules' || path[1] === 'jobs') && path.length > 2 ? 2 : 1);
}

function evaluate(expression: Expression, document: JsonObject): Json | undefined {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'path':
      return valueAt(expression.path, document);
    case 'call':
      return FUNCTIONS.get(expression.name)?.value(expression.operands.map((operand) => evaluate(operand, document)));
    case 'arithmetic':
      return calculate(expression.operator, evaluate(expression.left, document), evaluate(expression.right, document));
    case 'compare':
      return compare(expression.operator, evaluate(expression.left, document), evaluate(expression.right, document));
    case 'in': {
      const value = evaluate(expression.left, document);
      return isLiteral(value) && expression.list.includes(value) !== expression.negated;
    }
    case 'not':
      return !holds(expression.condition, document);
    case 'and':
      return expression.conditions.every((part) => holds(part, document));
    case 'or':
      return expression.conditions.some((part) => holds(part, document));
  }
}

function calculate(operator: Arithmetic, a: Json | undefined, b: Json | undefined): number | undefined {
  if (typeof a !== 'number' || typeof b !== 'number') return undefined;
  switch (operator) {
    case '+':
      return finite(a + b);
    case '-':
      return finite(a - b);
    case '*':
      return finite(a * b);
    case '/':
      return finite(a / b);
    case '%':
      return finite(a % b);
  }
}

function compare(operator: Comparison, left: Json | undefined, right: Json | undefined): boolean {
  if (!isLiteral(left) || !isLiteral(right)) return false;
  if (operator === '=') return left === right;
  if (operator === '!=') return left !== right;
  // Order exists within numbers and within texts only.
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false;
  const [a, b] = [left as string | number, right as string | number];
  if (operator === '<') return a < b;
  if (operator === '>') return a > b;
  return operator === '<=' ? a <= b : a >= b;
}

function isLiteral(value: Json | undefined): value is Literal {
  return value === null || (value !== undefined && typeof value !== 'object');
}
