// Lists of what to prefetch: plain lines, NDJSON or JSON, sizes optional. Pure.

import type { ConfigProblem } from '@wayside/kit';
import { urlPartsOf } from '../purge/purge-request.ts';

/** URLs of one job. */
export const PREFETCH_URLS_MAX = 100_000;
const URL_CHARACTERS_MAX = 8192;
/** Problems named; a wrong file has one in each line. */
const PROBLEMS_MAX = 20;

export interface ManifestEntry {
  url: string;
  /** As the list says; null when it does not. */
  sizeBytes: number | null;
}

export interface Manifest {
  entries: ManifestEntry[];
  problems: ConfigProblem[];
}

/**
 * Text of a manifest: `[...]`, `{"files":[...]}` or `{"urls":[...]}`, one JSON value a line, or one `URL [bytes]` a line with `#` comments.
 * An entry is a URL or `{"url", "sizeBytes"?}` (`size` works too).
 */
export function parseManifest(text: string): Manifest {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  if (trimmed.startsWith('[') || trimmed.startsWith('{')) {
    const whole = parseJson(trimmed);
    if (whole !== undefined) return parseEntries(listIn(whole));
    const lines = trimmed.split(/\r?\n/).filter((line) => line.trim() !== '');
    return parseEntries(lines.map((line) => parseJson(line) ?? line));
  }
  return parseEntries(
    trimmed
      .split(/\r?\n/)
      .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
      .filter((line) => line !== '')
      .map((line) => {
        const [url, size, ...rest] = line.split(/\s+/);
        return size === undefined ? url : { url, sizeBytes: rest.length === 0 ? Number(size) : Number.NaN };
      }),
  );
}

/** A list as it stands in JSON. The same URL twice counts once. */
export function parseEntries(list: unknown): Manifest {
  const problems: ConfigProblem[] = [];
  const entries = new Map<string, ManifestEntry>();
  if (!Array.isArray(list)) return { entries: [], problems: [{ path: 'urls', message: 'is no list, wanted URLs' }] };
  if (list.length > PREFETCH_URLS_MAX) {
    const message = `has ${list.length} entries, wanted at most ${PREFETCH_URLS_MAX}`;
    return { entries: [], problems: [{ path: 'urls', message }] };
  }
  list.forEach((item, i) => {
    const entry = entryOf(item);
    if (entry !== undefined) entries.set(entry.url, entry);
    else if (problems.length < PROBLEMS_MAX) {
      const given = (JSON.stringify(item) ?? 'absent').slice(0, 200);
      problems.push({
        path: `urls.${i}`,
        message: `is ${given}, wanted http(s)://host/path with a size in bytes or without`,
      });
    }
  });
  return { entries: [...entries.values()], problems };
}

function entryOf(item: unknown): ManifestEntry | undefined {
  if (typeof item === 'string') return isUrl(item) ? { url: item, sizeBytes: null } : undefined;
  if (item === null || typeof item !== 'object') return undefined;
  const { url, sizeBytes, size } = item as Record<string, unknown>;
  const bytes = sizeBytes ?? size ?? null;
  if (!isUrl(url) || (bytes !== null && !(Number.isSafeInteger(bytes) && (bytes as number) >= 0))) return undefined;
  return { url, sizeBytes: bytes as number | null };
}

function isUrl(value: unknown): value is string {
  return typeof value === 'string' && value.length <= URL_CHARACTERS_MAX && urlPartsOf(value) !== undefined;
}

function listIn(value: unknown): unknown {
  if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
  const { files, urls, url } = value as Record<string, unknown>;
  return files ?? urls ?? (url === undefined ? undefined : [value]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
