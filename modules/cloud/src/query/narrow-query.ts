// The part of a condition that SQL can answer: comparisons of identity columns with literals. What comes out keeps every row for which the
// condition holds and perhaps more; the predicate decides about each row that is left.

import { pathWithoutSource } from './evaluate-query.ts';
import type { Condition, Expression, Literal } from './query-tree.ts';

/** Columns of the identity table that a query may name. */
export type NarrowColumn = 'device_id' | 'module_id' | 'status' | 'connected' | 'iot_edge' | 'auth_type';

export type Narrowing =
  | { kind: 'in'; column: NarrowColumn; values: (string | number)[] }
  | { kind: 'prefix'; column: NarrowColumn; prefix: string }
  | { kind: 'and' | 'or'; parts: Narrowing[] };

/** Values of one IN list in SQL; longer ones stay with the predicate. */
const VALUES_MAX = 500;

const TEXT_COLUMNS: { readonly [path: string]: NarrowColumn } = {
  deviceId: 'device_id',
  moduleId: 'module_id',
  status: 'status',
  authenticationType: 'auth_type',
};

/** undefined = nothing SQL can say. */
export function narrow(condition: Condition | undefined): Narrowing | undefined {
  switch (condition?.kind) {
    case 'and':
      return joined(
        'and',
        condition.conditions.map(narrow).filter((part) => part !== undefined),
      );
    case 'or': {
      const parts = condition.conditions.map(narrow);
      // One part that SQL cannot answer may hold for any row.
      return parts.every((part) => part !== undefined) ? joined('or', parts) : undefined;
    }
    case 'compare': {
      if (condition.operator !== '=') return undefined;
      const { left, right } = condition;
      if (left.kind === 'path' && right.kind === 'literal') return among(left, [right.value]);
      return left.kind === 'literal' && right.kind === 'path' ? among(right, [left.value]) : undefined;
    }
    case 'in':
      return condition.negated ? undefined : among(condition.left, condition.list);
    case 'path':
      return among(condition, [true]);
    case 'call':
      return prefixOf(condition.name, condition.operands);
    default:
      return undefined;
  }
}

function joined(kind: 'and' | 'or', parts: Narrowing[]): Narrowing | undefined {
  return parts.length > 1 ? { kind, parts } : parts[0];
}

function among(left: Expression, values: readonly Literal[]): Narrowing | undefined {
  if (left.kind !== 'path' || values.length > VALUES_MAX) return undefined;
  const path = pathWithoutSource(left.path).join('.');
  if (path === 'connectionState') {
    return flags('connected', values.includes('Connected'), values.includes('Disconnected'));
  }
  if (path === 'capabilities.iotEdge') return flags('iot_edge', values.includes(true), values.includes(false));
  const column = Object.hasOwn(TEXT_COLUMNS, path) ? TEXT_COLUMNS[path] : undefined;
  return column && { kind: 'in', column, values: values.filter((value) => typeof value === 'string') };
}

function flags(column: NarrowColumn, on: boolean, off: boolean): Narrowing {
  return { kind: 'in', column, values: [...(on ? [1] : []), ...(off ? [0] : [])] };
}

function prefixOf(name: string, [text, prefix]: readonly Expression[]): Narrowing | undefined {
  if (name !== 'STARTSWITH' && name !== 'STARTS_WITH') return undefined;
  if (text?.kind !== 'path' || prefix?.kind !== 'literal' || typeof prefix.value !== 'string') return undefined;
  const path = pathWithoutSource(text.path).join('.');
  const column = Object.hasOwn(TEXT_COLUMNS, path) ? TEXT_COLUMNS[path] : undefined;
  return column && { kind: 'prefix', column, prefix: prefix.value };
}
