// Takes secrets out of Docker's inspect documents before they leave the node in a support bundle. Pure.

import { redactSecrets } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';

const MASK = '[secret]';
/** Names of variables whose values are not shown. */
const SECRET_NAME = /key|secret|password|passwd|token|credential|connectionstring|auth$/i;

/** The document with masked values of suspicious variables and of anything that looks like a key or token. */
export function redactInspect(document: JsonObject): JsonObject {
  return mapped(document) as JsonObject;
}

function mapped(value: Json, name = ''): Json {
  if (typeof value === 'string') return name === 'Env' ? redactEnv(value) : redactSecrets(redactJsonText(value));
  if (Array.isArray(value)) return value.map((item) => mapped(item, name));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapped(inner, key)]));
}

function redactEnv(line: string): string {
  const at = line.indexOf('=');
  const name = line.slice(0, at);
  return SECRET_NAME.test(name) ? `${name}=${MASK}` : redactSecrets(line);
}

/** Labels of edgeAgent hold its environment and its createOptions as JSON text. */
function redactJsonText(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    const parsed = JSON.parse(text) as { [name: string]: Json };
    const shown = Object.entries(parsed).map(([name, value]) => [
      name,
      SECRET_NAME.test(name) ? MASK : mapped(value, name),
    ]);
    return JSON.stringify(Object.fromEntries(shown));
  } catch {
    return text;
  }
}
