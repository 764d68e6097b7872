// A document as those see it who may look but not deploy: every secret in it is replaced by a mark, everything else stays. Pure.

import { redactSecrets } from '@wayside/kit';
import type { Json } from '@wayside/protocol';
import { isSecretName, MASK, maskVariables } from '../audit/difference.ts';

/** Passwords of BGP sessions and registries, customer keys among the variables of a module, and whatever else is named like a secret. */
export function withholdSecrets<T extends Json>(document: T): T {
  return withhold(document, false) as T;
}

function withhold(value: Json, isSecret: boolean): Json {
  if (Array.isArray(value)) return value.map((item) => withhold(item, isSecret));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      // $metadata holds times and versions under the names of properties, secret ones among them.
      Object.entries(value).map(([name, item]) => [
        name,
        name === '$metadata' ? item : withhold(item, isSecret || isSecretName(name)),
      ]),
    );
  }
  if (isSecret && (typeof value === 'string' || typeof value === 'number')) return MASK;
  return typeof value === 'string' ? maskVariables(redactSecrets(value)) : value;
}
