// The part of a condition that SQL can answer: comparisons of columns with literals. What comes out keeps every row for which the
// condition holds and perhaps more; the predicate decides about each row that is left.

import { pathWithoutSource } from './evaluate-query.ts';
import type { Condition, Expression, Literal } from './query-tree.ts';

/** Path of the document -> column. A flag's column is 1 where the document shows `on` and 0 where it shows `off`. */
export interface NarrowColumns {
  readonly [path: string]: string | { readonly column: string; readonly on: Literal; readonly off: Literal };
}

export type Narrowing =
  | { kind: 'in'; column: string; values: (string | number)[] }
  | { kind: 'prefix'; column: string; prefix: string }
  | { kind: 'and' | 'or'; parts: Narrowing[] };

/** Values of one IN list in SQL; longer ones stay with the predicate. */
const VALUES_MAX = 500;

/** undefined = nothing SQL can say. */
export function narrow(condition: Condition | undefined, columns: NarrowColumns): Narrowing | undefined {
  const part = (inner: Condition) => narrow(inner, columns);
  switch (condition?.kind) {
    case 'and':
      return joined(
        'and',
        condition.conditions.map(part).filter((known) => known !== undefined),
      );
    case 'or': {
      const parts = condition.conditions.map(part);
      // One part that SQL cannot answer may hold for any row.
      return parts.every((known) => known !== undefined) ? joined('or', parts) : undefined;
    }
    case 'compare': {
      if (condition.operator !== '=') return undefined;
      const { left, right } = condition;
      if (left.kind === 'path' && right.kind === 'literal') return among(left, [right.value], columns);
      return left.kind === 'literal' && right.kind === 'path' ? among(right, [left.value], columns) : undefined;
    }
    case 'in':
      return condition.negated ? undefined : among(condition.left, condition.list, columns);
    case 'path':
      return among(condition, [true], columns);
    case 'call':
      return prefixOf(condition.name, condition.operands, columns);
    default:
      return undefined;
  }
}

function joined(kind: 'and' | 'or', parts: Narrowing[]): Narrowing | undefined {
  return parts.length > 1 ? { kind, parts } : parts[0];
}

function among(left: Expression, values: readonly Literal[], columns: NarrowColumns): Narrowing | undefined {
  const known = columnOf(left, columns);
  if (known === undefined || values.length > VALUES_MAX) return undefined;
  if (typeof known === 'string') {
    return { kind: 'in', column: known, values: values.filter((value) => typeof value === 'string') };
  }
  const { column, on, off } = known;
  return { kind: 'in', column, values: [...(values.includes(on) ? [1] : []), ...(values.includes(off) ? [0] : [])] };
}

function prefixOf(name: string, [text, prefix]: readonly Expression[], columns: NarrowColumns): Narrowing | undefined {
  if (name !== 'STARTSWITH' && name !== 'STARTS_WITH') return undefined;
  if (!text || prefix?.kind !== 'literal' || typeof prefix.value !== 'string') return undefined;
  const column = columnOf(text, columns);
  return typeof column === 'string' ? { kind: 'prefix', column, prefix: prefix.value } : undefined;
}

function columnOf(expression: Expression, columns: NarrowColumns): NarrowColumns[string] | undefined {
  if (expression.kind !== 'path') return undefined;
  const path = pathWithoutSource(expression.path).join('.');
  return Object.hasOwn(columns, path) ? columns[path] : undefined;
}
