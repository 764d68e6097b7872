// The functions of the condition language. undefined in gives undefined out, except where asking for it is the point.

export type Value = string | number | boolean | null | undefined;

interface RouteFunction {
  /** Fewest and most arguments. */
  readonly arity: readonly [number, number];
  readonly apply: (...values: Value[]) => Value;
}

const isNumber = (value: Value): value is number => typeof value === 'number';
const isText = (value: Value): value is string => typeof value === 'string';

const onNumbers = (count: number, f: (...numbers: number[]) => number): RouteFunction => ({
  arity: [count, count],
  apply: (...values) => (values.every(isNumber) ? finite(f(...values)) : undefined),
});
const onTexts = (count: number, f: (...texts: string[]) => Value): RouteFunction => ({
  arity: [count, count],
  apply: (...values) => (values.every(isText) ? f(...values) : undefined),
});
const test = (f: (value: Value) => boolean): RouteFunction => ({ arity: [1, 1], apply: f });

/** A result that is no number (division by zero, root of -1) is undefined, so that it routes nothing. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

/** A text that is a number and nothing else. */
export function toNumber(value: Value): number | undefined {
  if (isNumber(value)) return value;
  if (!isText(value) || !/^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/.test(value)) return undefined;
  return finite(Number(value));
}

/** Longest text concat() or || may make. */
const TEXT_CHARS_MAX = 262_144;

export function concatenate(values: readonly Value[]): string | undefined {
  if (values.some((value) => value === undefined || value === null)) return undefined;
  const text = values.map(String).join('');
  return text.length <= TEXT_CHARS_MAX ? text : undefined;
}

function substring(...[text, start, length]: Value[]): Value {
  if (!isText(text) || !isNumber(start) || start < 0) return undefined;
  if (length === undefined) return text.slice(start);
  return isNumber(length) && length >= 0 ? text.slice(start, start + length) : undefined;
}

/** By lower-case name. `twin_change_includes` needs the message and is answered by the evaluator. */
export const FUNCTIONS: ReadonlyMap<string, RouteFunction> = new Map<string, RouteFunction>([
  ['abs', onNumbers(1, (x) => Math.abs(x!))],
  ['exp', onNumbers(1, (x) => Math.exp(x!))],
  ['power', onNumbers(2, (x, y) => x! ** y!)],
  ['square', onNumbers(1, (x) => x! * x!)],
  ['ceiling', onNumbers(1, (x) => Math.ceil(x!))],
  ['floor', onNumbers(1, (x) => Math.floor(x!))],
  ['sign', onNumbers(1, (x) => Math.sign(x!))],
  ['sqrt', onNumbers(1, (x) => Math.sqrt(x!))],
  ['as_number', { arity: [1, 1], apply: toNumber }],
  ['is_bool', test((value) => typeof value === 'boolean')],
  ['is_defined', test((value) => value !== undefined)],
  ['is_null', test((value) => value === null)],
  ['is_number', test(isNumber)],
  ['is_string', test(isText)],
  ['concat', { arity: [1, 100], apply: (...values) => concatenate(values) }],
  ['length', onTexts(1, (text) => text!.length)],
  ['lower', onTexts(1, (text) => text!.toLowerCase())],
  ['upper', onTexts(1, (text) => text!.toUpperCase())],
  ['substring', { arity: [2, 3], apply: substring }],
  ['index_of', onTexts(2, (text, part) => text!.indexOf(part!))],
  ['starts_with', onTexts(2, (text, part) => text!.startsWith(part!))],
  ['ends_with', onTexts(2, (text, part) => text!.endsWith(part!))],
  ['contains', onTexts(2, (text, part) => text!.includes(part!))],
  ['twin_change_includes', { arity: [1, 1], apply: () => undefined }],
]);
