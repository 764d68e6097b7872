// Which texts may be device and module ids.

import { refusal } from '../errors.ts';

const ID_CHARS_MAX = 128;
// IoT Hub's set without + # / : those are MQTT wildcards and separators, such a device could never talk (cloud.md 1.6).
const ID_PATTERN = /^[A-Za-z0-9\-:.%_*?!(),=@;$']+$/;

export const EDGE_AGENT = '$edgeAgent';
export const EDGE_HUB = '$edgeHub';
export const SYSTEM_MODULES: readonly string[] = [EDGE_AGENT, EDGE_HUB];

/** Throws CLOUD_ARGUMENT_INVALID unless `id` can be a device or module id. */
export function checkIdentityId(kind: 'device' | 'module', id: unknown): asserts id is string {
  if (typeof id !== 'string' || id.length === 0 || id.length > ID_CHARS_MAX) {
    throw invalidId(kind, id, `1 to ${ID_CHARS_MAX} characters`);
  }
  // '.' and '..' vanish from URL paths on their way to us.
  if (!ID_PATTERN.test(id) || id === '.' || id === '..') {
    throw invalidId(kind, id, `only A-Z a-z 0-9 and - : . % _ * ? ! ( ) , = @ ; $ '`);
  }
  if (kind === 'module' && id.startsWith('$') && !SYSTEM_MODULES.includes(id)) {
    throw invalidId(kind, id, `names with $ are ${SYSTEM_MODULES.join(' and ')} only`);
  }
}

function invalidId(kind: string, id: unknown, wanted: string): Error {
  const shown = typeof id === 'string' ? `"${id.slice(0, ID_CHARS_MAX)}" (${id.length} characters)` : typeof id;
  return refusal('CLOUD_ARGUMENT_INVALID', `Cannot use the ${kind} id: it is ${shown}, wanted ${wanted}`);
}
