// createOptions travel as stringified JSON in chunks, because twin strings are short (iotedge.md 1.5).

import { isJsonObject, type JsonObject, setOwnValue } from './json.ts';

/** Characters of one written chunk. */
export const CREATE_OPTIONS_CHUNK_CHARS_MAX = 512;
/** createOptions, createOptions01 .. createOptions99. */
export const CREATE_OPTIONS_CHUNKS_MAX = 100;

const KEY = /^createoptions(\d{2})?$/i;

/** createOptions, createOptions01.. -> object; throws RangeError on gaps or bad JSON. Key match ignores case. */
export function joinCreateOptions(settings: JsonObject): JsonObject {
  const chunks = new Map<number, string>();
  for (const key of Object.keys(settings)) {
    const match = KEY.exec(key);
    if (match === null) continue;
    const index = Number(match[1] ?? '0');
    const value = settings[key];
    if (match[1] === '00')
      throw new RangeError(`${key} is no chunk name: chunks are createOptions, createOptions01, ...`);
    if (chunks.has(index)) throw new RangeError(`${key} stands twice in different spelling`);
    if (value !== null && typeof value !== 'string') {
      throw new RangeError(
        `${key} is ${isJsonObject(value) ? 'an object' : JSON.stringify(value)}, wanted stringified JSON`,
      );
    }
    chunks.set(index, value ?? '');
  }
  let text = '';
  for (let index = 0; index < chunks.size; index += 1) {
    const chunk = chunks.get(index);
    if (chunk === undefined) throw new RangeError(`${chunkName(index)} is missing although later chunks are there`);
    text += chunk;
  }
  return parseOptions(text);
}

function parseOptions(text: string): JsonObject {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RangeError(`createOptions is no JSON: ${(error as Error).message}`);
  }
  if (value === null) return {};
  if (!isJsonObject(value))
    throw new RangeError(`createOptions is ${JSON.stringify(value).slice(0, 80)}, wanted a JSON object`);
  return value;
}

/** Inverse: chunks of at most 512 characters. Throws RangeError when more than 100 would be needed. */
export function splitCreateOptions(createOptions: JsonObject): { [key: string]: string } {
  const text = JSON.stringify(createOptions);
  const chunks: { [key: string]: string } = {};
  let index = 0;
  for (let start = 0; start < text.length; index += 1) {
    if (index >= CREATE_OPTIONS_CHUNKS_MAX) {
      throw new RangeError(
        `createOptions has ${text.length} characters, more than ${CREATE_OPTIONS_CHUNKS_MAX} chunks hold`,
      );
    }
    const end = chunkEnd(text, start);
    setOwnValue(chunks, chunkName(index), text.slice(start, end));
    start = end;
  }
  return chunks;
}

/** A surrogate pair stays in one chunk: half of it cannot be sent as UTF-8. */
function chunkEnd(text: string, start: number): number {
  const end = Math.min(start + CREATE_OPTIONS_CHUNK_CHARS_MAX, text.length);
  const last = text.charCodeAt(end - 1);
  return end < text.length && last >= 0xd800 && last <= 0xdbff ? end - 1 : end;
}

function chunkName(index: number): string {
  return index === 0 ? 'createOptions' : `createOptions${String(index).padStart(2, '0')}`;
}
