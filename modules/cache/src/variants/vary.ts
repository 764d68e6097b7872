// Vary (RFC 9111 4.1): which request fields select a representation, and when two values of one are the same. Pure.

/** Request field by lower-case name, repeated ones joined; undefined when absent. */
export type RequestLookup = (name: string) => string | undefined;

/** Fields of a Vary header, lower case, sorted, each once; empty without one. `*` is kept out of the store before. */
export function varyFields(value: string | undefined): string[] {
  if (value === undefined) return [];
  const fields = new Set(
    value
      .split(',')
      .map((field) => field.trim().toLowerCase())
      .filter((field) => field !== ''),
  );
  return [...fields].sort();
}

/** Fields whose list order means nothing among equal weights, and whose case means nothing (RFC 9110 12.5). */
const WEIGHTED = new Set(['accept', 'accept-charset', 'accept-encoding', 'accept-language']);

/** One value in a form in which equal meanings are equal strings; null for an absent field, which matches only absent ones. */
export function normaliseField(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  if (!WEIGHTED.has(name)) {
    return value
      .split(',')
      .map((part) => part.trim().replace(/\s+/g, ' '))
      .join(',');
  }
  return parseWeighted(value)
    .sort((a, b) => b.weight - a.weight || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ text, weight }) => (weight === 1 ? text : `${text};q=${weight}`))
    .join(',');
}

interface Weighted {
  text: string;
  weight: number;
}

function parseWeighted(value: string): Weighted[] {
  return value
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [text = '', ...parameters] = part.split(';').map((piece) => piece.trim());
      const weights = parameters.filter((parameter) => /^q\s*=/.test(parameter));
      const others = parameters.filter((parameter) => !weights.includes(parameter));
      const weight = Number(weights[0]?.replace(/^q\s*=\s*/, '') ?? 1);
      return {
        text: [text, ...others].join(';'),
        weight: Number.isFinite(weight) ? Math.min(1, Math.max(0, weight)) : 1,
      };
    });
}

/** Secondary key: the selecting fields' values, unambiguous whatever they hold. */
export function variantValues(fields: readonly string[], request: RequestLookup): string {
  return JSON.stringify(fields.map((field) => normaliseField(field, request(field))));
}

/** The one language a client wants most; undefined when it names none or several alike. */
export function preferredLanguage(value: string | undefined): string | undefined {
  const [first, second] = parseWeighted(value ?? '').sort((a, b) => b.weight - a.weight);
  if (first === undefined || first.weight === 0 || first.text === '*') return undefined;
  return second !== undefined && second.weight === first.weight ? undefined : first.text;
}
