// Does a twin document satisfy a condition, and what of it was asked for. Only primitives compare; undefined never equals anything.

import type { Json, JsonObject } from '@wayside/protocol';
import type { Comparison, Condition, Literal, Operand, Path, Selection } from './parse-query.ts';

export function holds(condition: Condition | undefined, document: JsonObject): boolean {
  if (!condition) return true;
  switch (condition.kind) {
    case 'and':
      return condition.conditions.every((part) => holds(part, document));
    case 'or':
      return condition.conditions.some((part) => holds(part, document));
    case 'not':
      return !holds(condition.condition, document);
    case 'defined':
      return valueAt(condition.path, document) !== undefined;
    case 'truth':
      return operandValue(condition.operand, document) === true;
    case 'in': {
      const value = operandValue(condition.left, document);
      return isLiteral(value) && condition.list.includes(value) !== condition.negated;
    }
    case 'compare':
      return compare(
        condition.operator,
        operandValue(condition.left, document),
        operandValue(condition.right, document),
      );
  }
}

/** The row a page shows for a document that holds; COUNT is made by the reader of the pages. */
export function selectFrom(selection: Selection, document: JsonObject): JsonObject {
  if (selection.kind !== 'paths') return document;
  const row: [string, Json][] = [];
  for (const { path, alias } of selection.items) {
    const value = valueAt(path, document);
    if (value !== undefined) row.push([alias, value]);
  }
  return Object.fromEntries(row) as JsonObject;
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

function operandValue(operand: Operand, document: JsonObject): Json | undefined {
  return operand.kind === 'literal' ? operand.value : valueAt(operand.path, document);
}

function valueAt(path: Path, document: JsonObject): Json | undefined {
  // `devices.` and `devices.modules.` in front of a path are allowed and say nothing.
  const from = path[0] === 'devices' ? (path[1] === 'modules' ? 2 : 1) : 0;
  let value: Json | undefined = document;
  for (const key of path.slice(from)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

function isLiteral(value: Json | undefined): value is Literal {
  return value === null || (value !== undefined && typeof value !== 'object');
}
