// What a prefetch is to do, as an operator writes it: URLs or a manifest, when, how fast, how many at a time.

import type { ConfigProblem } from '@wayside/kit';
import { urlPartsOf } from '../purge/purge-request.ts';
import { type ManifestEntry, parseEntries, parseManifest } from './manifest.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

export const PARALLEL_MAX = 16;
const PARALLEL_DEFAULT = 2;
const MBPS_MAX = 1_000_000;
const NAME_CHARACTERS_MAX = 128;
const FIELDS = ['urls', 'manifest', 'manifestUrl', 'window', 'days', 'timeZone', 'maxMbps', 'parallel', 'name'];

export interface PrefetchRequest {
  name: string;
  entries: ManifestEntry[];
  /** List to be fetched first, through the cache's own way to origins; null when the entries are given. */
  manifestUrl: string | null;
  /** null: at once. */
  schedule: Schedule | null;
  /** Mbit/s from origins; null = as fast as it goes. */
  maxMbps: number | null;
  /** Objects at the same time. */
  parallel: number;
}

/** @param value the fields as an object, a bare list, or the text of a manifest */
export function parsePrefetch(value: unknown): { request: PrefetchRequest; problems: ConfigProblem[] } {
  const given = fieldsOf(value);
  const problems: ConfigProblem[] = [];
  for (const name of Object.keys(given)) {
    if (!FIELDS.includes(name)) problems.push({ path: name, message: `is unknown, wanted ${FIELDS.join(', ')}` });
  }
  const { manifestUrl = null, maxMbps = null, parallel = PARALLEL_DEFAULT, name = '' } = given;
  const entries = entriesOf(given, problems);
  const schedule = scheduleOf(given, problems);
  const mbps = maxMbps === null ? null : Number(maxMbps);
  if (mbps !== null && !(mbps > 0 && mbps <= MBPS_MAX)) problems.push(wrong('maxMbps', maxMbps, 'a number above 0'));
  const lanes = Number(parallel);
  if (!(Number.isInteger(lanes) && lanes >= 1 && lanes <= PARALLEL_MAX))
    problems.push(wrong('parallel', parallel, `1 to ${PARALLEL_MAX}`));
  if (typeof name !== 'string' || name.length > NAME_CHARACTERS_MAX)
    problems.push(wrong('name', name, `a text of at most ${NAME_CHARACTERS_MAX} characters`));
  const request: PrefetchRequest = {
    ...{ name: String(name), entries, schedule },
    manifestUrl: manifestUrl as string | null,
    ...{ maxMbps: mbps, parallel: lanes },
  };
  return { request, problems };
}

function entriesOf(given: Record<string, unknown>, problems: ConfigProblem[]): ManifestEntry[] {
  const { urls, manifest, manifestUrl } = given;
  const sources = [urls, manifest, manifestUrl].filter((source) => source !== undefined && source !== null);
  if (sources.length !== 1) {
    const message = `${sources.length} sources are given, wanted one of urls, manifest and manifestUrl`;
    problems.push({ path: 'urls', message });
    return [];
  }
  if (sources[0] === manifestUrl) {
    if (typeof manifestUrl !== 'string' || urlPartsOf(manifestUrl) === undefined)
      problems.push(wrong('manifestUrl', manifestUrl, 'http(s)://host/path'));
    return [];
  }
  const list =
    typeof manifest === 'string'
      ? parseManifest(manifest)
      : parseEntries(typeof urls === 'string' ? urls.split(/[\s,]+/).filter(Boolean) : (urls ?? manifest));
  problems.push(...list.problems);
  if (list.entries.length === 0 && list.problems.length === 0)
    problems.push({ path: 'urls', message: 'is empty, wanted at least one URL' });
  return list.entries;
}

function scheduleOf({ window, days, timeZone }: Record<string, unknown>, problems: ConfigProblem[]): Schedule | null {
  if (window === undefined || window === null) {
    if (days !== undefined || timeZone !== undefined)
      problems.push({ path: 'window', message: 'is absent, wanted HH:MM-HH:MM where days or timeZone is given' });
    return null;
  }
  const schedule = parseSchedule(window, days, timeZone);
  if (typeof schedule !== 'string') return schedule;
  problems.push({ path: 'schedule', message: schedule });
  return null;
}

function wrong(path: string, value: unknown, wanted: string): ConfigProblem {
  return { path, message: `is ${(JSON.stringify(value) ?? 'absent').slice(0, 200)}, wanted ${wanted}` };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'string') return { manifest: value };
  if (Array.isArray(value)) return { urls: value };
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
}
