// Whether a value is valid by a JSON Schema that says only plain things: yes, or unknown. Ajv, which has the last word and the explanations,
// takes longer to load than most programs of ours need to start; a good configuration starts without it.

/** Keywords that say nothing of a value. */
const ANNOTATIONS = ['$schema', '$id', 'title', 'description', 'default', 'x-env', 'x-secret', 'x-restart'];

type Schema = { readonly [keyword: string]: unknown };
type Check = (wanted: never, value: unknown, schema: Schema) => boolean;

/** JSON Schema 2020-12 validation 6 and core 10.3; a keyword for one type holds for all others. */
const CHECKS: { readonly [keyword: string]: Check } = {
  type: (types: string | string[], value) => [types].flat().some((type) => isOfType(type, value)),
  // Objects and lists in it are compared by Ajv.
  enum: (values: unknown[], value) => values.includes(value) && (value === null || typeof value !== 'object'),
  minimum: (least: number, value) => typeof value !== 'number' || value >= least,
  maximum: (most: number, value) => typeof value !== 'number' || value <= most,
  exclusiveMinimum: (below: number, value) => typeof value !== 'number' || value > below,
  exclusiveMaximum: (above: number, value) => typeof value !== 'number' || value < above,
  minLength: (least: number, value) => typeof value !== 'string' || charactersOf(value) >= least,
  maxLength: (most: number, value) => typeof value !== 'string' || charactersOf(value) <= most,
  pattern: (pattern: string, value) => typeof value !== 'string' || new RegExp(pattern, 'u').test(value),
  minItems: (least: number, value) => !Array.isArray(value) || value.length >= least,
  maxItems: (most: number, value) => !Array.isArray(value) || value.length <= most,
  items: (item: unknown, value) => !Array.isArray(value) || value.every((one) => isPlainlyValid(item, one)),
  required: (names: string[], value) => !isObject(value) || names.every((name) => own(value, name) !== undefined),
  properties: (properties: Schema, value) =>
    !isObject(value) ||
    Object.entries(properties).every(([name, schema]) => {
      const found = own(value, name);
      return found === undefined || isPlainlyValid(schema, found);
    }),
  additionalProperties: (others: unknown, value, { properties }) =>
    !isObject(value) ||
    Object.entries(value).every(
      ([name, found]) => Object.hasOwn((properties as object | undefined) ?? {}, name) || isPlainlyValid(others, found),
    ),
};

/**
 * true: the value is valid. false says nothing: it is not, or the schema says more than this understands.
 * @param schema JSON Schema 2020-12, itself valid
 */
export function isPlainlyValid(schema: unknown, value: unknown): boolean {
  if (schema === true) return true;
  if (!isObject(schema)) return false;
  return Object.entries(schema).every(([keyword, wanted]) => {
    if (ANNOTATIONS.includes(keyword)) return true;
    const check = Object.hasOwn(CHECKS, keyword) ? CHECKS[keyword] : undefined;
    return check?.(wanted as never, value, schema) ?? false;
  });
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return Number.isFinite(value);
    default:
      return (type === 'string' || type === 'boolean') && typeof value === type;
  }
}

/** Lengths count code points, not UTF-16 units. */
function charactersOf(text: string): number {
  return [...text].length;
}

function own(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as { [name: string]: unknown })[name] : undefined;
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
