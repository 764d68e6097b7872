// The functions of the query language: how many operands each takes and its value. An operand of the wrong type gives undefined, never an error.

import { isDeepStrictEqual } from 'node:util';
import type { Json } from '@wayside/protocol';

type Value = Json | undefined;

export interface QueryFunction {
  readonly operandsMin: number;
  readonly operandsMax: number;
  value(operands: readonly Value[]): Value;
}

/** Values of LOWER, CONCAT and the like are no longer than this, whatever a query nests. */
const TEXT_CHARS_MAX = 64 * 1024;
const CONCAT_OPERANDS_MAX = 20;

function of(operands: number | [number, number], value: (operands: readonly Value[]) => Value): QueryFunction {
  const [operandsMin, operandsMax] = typeof operands === 'number' ? [operands, operands] : operands;
  return { operandsMin, operandsMax, value };
}

const isType = (type: string) => of(1, ([value]) => typeof value === type);

const onNumber = (calculate: (value: number) => number) =>
  of(1, ([value]) => (typeof value === 'number' ? finite(calculate(value)) : undefined));

const onText = (calculate: (text: string) => Value) =>
  of(1, ([value]) => (typeof value === 'string' ? calculate(value) : undefined));

const onTwoTexts = (calculate: (text: string, part: string) => Value) =>
  of(2, ([text, part]) => (typeof text === 'string' && typeof part === 'string' ? calculate(text, part) : undefined));

const startsWith = onTwoTexts((text, part) => text.startsWith(part));
const endsWith = onTwoTexts((text, part) => text.endsWith(part));

/** By name in capitals. IoT Hub's twin queries write STARTSWITH, its message routes STARTS_WITH: both are served. */
export const FUNCTIONS: ReadonlyMap<string, QueryFunction> = new Map([
  ['IS_DEFINED', of(1, ([value]) => value !== undefined)],
  ['IS_NULL', of(1, ([value]) => value === null)],
  ['IS_BOOL', isType('boolean')],
  ['IS_NUMBER', isType('number')],
  ['IS_STRING', isType('string')],
  ['IS_ARRAY', of(1, ([value]) => Array.isArray(value))],
  ['IS_OBJECT', of(1, ([value]) => typeof value === 'object' && value !== null && !Array.isArray(value))],
  ['IS_PRIMITIVE', of(1, ([value]) => value !== undefined && (typeof value !== 'object' || value === null))],
  ['STARTSWITH', startsWith],
  ['STARTS_WITH', startsWith],
  ['ENDSWITH', endsWith],
  ['ENDS_WITH', endsWith],
  ['CONTAINS', onTwoTexts((text, part) => text.includes(part))],
  ['INDEX_OF', onTwoTexts((text, part) => text.indexOf(part))],
  ['LENGTH', onText((text) => text.length)],
  ['LOWER', onText((text) => text.toLowerCase())],
  ['UPPER', onText((text) => text.toUpperCase())],
  ['SUBSTRING', of([2, 3], substring)],
  ['CONCAT', of([2, CONCAT_OPERANDS_MAX], concat)],
  ['AS_NUMBER', of(1, ([value]) => asNumber(value))],
  ['ABS', onNumber(Math.abs)],
  ['CEILING', onNumber(Math.ceil)],
  ['FLOOR', onNumber(Math.floor)],
  ['SIGN', onNumber(Math.sign)],
  ['SQRT', onNumber(Math.sqrt)],
  ['SQUARE', onNumber((value) => value * value)],
  ['EXP', onNumber(Math.exp)],
  ['POWER', of(2, ([a, b]) => (typeof a === 'number' && typeof b === 'number' ? finite(a ** b) : undefined))],
  ['ARRAY_LENGTH', of(1, ([list]) => (Array.isArray(list) ? list.length : undefined))],
  [
    'ARRAY_CONTAINS',
    of(2, ([list, wanted]) =>
      Array.isArray(list) && wanted !== undefined ? list.some((value) => isDeepStrictEqual(value, wanted)) : undefined,
    ),
  ],
]);

/** undefined for what JSON cannot write: division by zero, overflow. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function substring([text, start, length]: readonly Value[]): Value {
  if (typeof text !== 'string' || typeof start !== 'number') return undefined;
  if (length === undefined) return text.slice(Math.max(0, start));
  return typeof length === 'number' ? text.slice(Math.max(0, start), Math.max(0, start + length)) : undefined;
}

function concat(operands: readonly Value[]): Value {
  if (!operands.every((value) => typeof value === 'string')) return undefined;
  const text = operands.join('');
  return text.length <= TEXT_CHARS_MAX ? text : undefined;
}

function asNumber(value: Value): Value {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? finite(Number(value)) : undefined;
}
