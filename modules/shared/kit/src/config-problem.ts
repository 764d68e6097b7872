// Says one schema violation in words: where, current value, wanted value.

import type { ErrorObject } from 'ajv';

/** A shown value is cut at this many characters. */
const SHOWN_CHARS_MAX = 80;
/** A setting's name within this many edits counts as misspelt. */
const TYPO_EDITS_MAX = 2;

/** Path and text of one Ajv error (compiled with verbose: true). */
export function explainConfigProblem(error: ErrorObject): { path: string[]; message: string } {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const params = error.params as { [name: string]: unknown };
  const is = `is ${showValue(error)}`;
  switch (error.keyword) {
    case 'required':
      return { path: [...path, String(params.missingProperty)], message: 'is missing' };
    case 'additionalProperties':
      return { path: [...path, String(params.additionalProperty)], message: 'is no known setting' };
    case 'unevaluatedProperties':
      return { path: [...path, String(params.unevaluatedProperty)], message: 'is no known setting' };
    case 'type':
      return { path, message: `${is}, wanted ${[params.type].flat().join(' or ')}` };
    case 'enum':
      return {
        path,
        message: `${is}, wanted one of ${(params.allowedValues as unknown[]).map((v) => JSON.stringify(v)).join(', ')}`,
      };
    case 'const':
      return { path, message: `${is}, wanted ${JSON.stringify(params.allowedValue)}` };
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum':
    case 'exclusiveMaximum':
      return { path, message: `${is}, wanted ${params.comparison} ${params.limit}` };
    case 'pattern':
      return { path, message: `${is}, wanted text that matches ${params.pattern}` };
    case 'format':
      return { path, message: `${is}, wanted a valid ${params.format}` };
    default:
      return { path, message: `${is}: it ${error.message ?? 'is wrong'}` };
  }
}

function showValue(error: ErrorObject): string {
  const schema = error.parentSchema as { 'x-secret'?: boolean } | undefined;
  if (schema?.['x-secret']) return '[secret]';
  const { data } = error;
  if (Array.isArray(data)) return `a list of ${data.length}`;
  if (data !== null && typeof data === 'object') return 'an object';
  const text = JSON.stringify(data) ?? 'absent';
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}

/** The known name that is closest to a misspelt one; undefined when none is close. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((k) => ({ k, d: editDistance(name.toLowerCase(), k.toLowerCase()) }))
    .sort((a, b) => a.d - b.d);
  const best = ranked[0];
  return best !== undefined && best.d <= Math.min(TYPO_EDITS_MAX, name.length - 1) ? best.k : undefined;
}

/** Levenshtein distance; one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, replace));
    }
    row = next;
  }
  return row[b.length] as number;
}
