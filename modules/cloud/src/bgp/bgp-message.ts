// Reads the messages of a BGP module. They are a node's word: shapes and sizes are checked before anything is believed.

import { BGP_MESSAGE_BYTES_MAX, type BgpRoutes, type BgpState } from '@wayside/protocol';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { checkIpPrefix, formatIpPrefix } from '../addresses/ip-prefix.ts';
import { BODY_DEPTH_MAX, isWithinDepth } from '../hub-api/body-depth.ts';

const SESSIONS_MAX = 1_000;
const SESSION_CHARACTERS_MAX = 128;
const PATH_CHARACTERS_MAX = 4_096;
const TEXT_CHARACTERS_MAX = 2_000;

const session = { type: 'string', minLength: 1, maxLength: SESSION_CHARACTERS_MAX };
const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const ordinal = { ...count, minimum: 1 };
const unsigned = { type: ['integer', 'null'], minimum: 0, maximum: 2 ** 32 - 1 };
const hash = { type: 'string', pattern: '^[0-9a-f]{16}$' };
const epoch = { type: 'string', pattern: '^[0-9a-fA-F-]{1,64}$' };
const text = { type: 'string', maxLength: TEXT_CHARACTERS_MAX };
const prefixes = { type: 'array', items: { type: 'string', maxLength: 50 } };

function closed(properties: { [name: string]: object }): object {
  return { type: 'object', properties, required: Object.keys(properties) };
}

// Without a look at the draft of JSON Schema: compiling it would take longer than these two.
const ajv = new Ajv2020({ allowUnionTypes: true, strict: false, validateSchema: false, meta: false });
const isRoutes = ajv.compile<BgpRoutes>(
  closed({
    ...{ schemaVersion: { const: '1.0' }, epoch, seq: ordinal, kind: { enum: ['snapshot', 'delta'] } },
    ...{ part: ordinal, parts: ordinal, routes: count, hash },
    withdrawn: { type: 'array', items: closed({ session, prefixes }) },
    added: {
      type: 'array',
      items: closed({
        ...{ session, prefixes, originAsn: unsigned, med: unsigned },
        asPath: { type: 'string', maxLength: PATH_CHARACTERS_MAX },
      }),
    },
  }),
);
const isState = ajv.compile<BgpState>(
  closed({
    ...{ schemaVersion: { const: '1.0' }, atUtc: text },
    stream: { anyOf: [{ type: 'null' }, closed({ epoch, seq: count, routes: count, hash })] },
    sessions: { type: 'array', maxItems: SESSIONS_MAX, items: closed({ id: session, state: text }) },
    issues: { type: 'array', maxItems: SESSIONS_MAX },
  }),
);

export type Read<T> = { ok: true; value: T } | { ok: false; why: string };

export function readBgpRoutes(body: Uint8Array): Read<BgpRoutes> {
  const read = readChecked(body, isRoutes);
  if (!read.ok) return read;
  for (const group of [...read.value.added, ...read.value.withdrawn]) {
    const bad = group.prefixes.find((prefix) => !isCanonical(prefix));
    if (bad !== undefined) return { ok: false, why: `"${bad}" is no prefix in its canonical form` };
  }
  return read;
}

export function readBgpState(body: Uint8Array): Read<BgpState> {
  return readChecked(body, isState);
}

function readChecked<T>(body: Uint8Array, isValid: ValidateFunction<T>): Read<T> {
  if (body.byteLength > BGP_MESSAGE_BYTES_MAX) {
    return { ok: false, why: `${body.byteLength} bytes, at most ${BGP_MESSAGE_BYTES_MAX}` };
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return { ok: false, why: 'the body is no JSON' };
  }
  // It is written out again by recursion.
  if (!isWithinDepth(value, BODY_DEPTH_MAX)) return { ok: false, why: `nested deeper than ${BODY_DEPTH_MAX} levels` };
  if (isValid(value)) return { ok: true, value };
  return { ok: false, why: ajv.errorsText(isValid.errors).slice(0, TEXT_CHARACTERS_MAX) };
}

function isCanonical(text: string): boolean {
  const check = checkIpPrefix(text);
  return check.ok && !check.hadHostBits && formatIpPrefix(check.prefix) === text;
}
