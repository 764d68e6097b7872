// What a prefetch is to do, as an operator writes it: URLs or a manifest, when, how fast, how many at a time.

import type { ConfigProblem } from '@wayside/kit';
import { urlPartsOf } from '../purge/purge-request.ts';
import { type ManifestEntry, parseEntries, parseManifest } from './manifest.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

export const PARALLEL_MAX = 16;
const PARALLEL_DEFAULT = 2;
const MBPS_MAX = 1_000_000;
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
  for (const name of Object.keys(given))
    if (!FIELDS.includes(name)) problems.push({ path: name, message: `is unknown, wanted ${FIELDS.join(', ')}` });
  const {
    urls,
    manifest,
    manifestUrl = null,
    window,
    days,
    timeZone,
    maxMbps = null,
    parallel = PARALLEL_DEFAULT,
    name = '',
  } = given;
  const sources = [urls, manifest, manifestUrl].filter((source) => source !== undefined && source !== null);
  let entries: ManifestEntry[] = [];
  if (sources.length !== 1)
    problems.push({
      path: 'urls',
      message: `${sources.length} sources are given, wanted one of urls, manifest and manifestUrl`,
    });
  else if (manifestUrl === null) {
    const list =
      typeof manifest === 'string'
        ? parseManifest(manifest)
        : parseEntries(typeof urls === 'string' ? urls.split(/[\s,]+/).filter(Boolean) : (urls ?? manifest));
    entries = list.entries;
    problems.push(...list.problems);
    if (entries.length === 0 && list.problems.length === 0)
      problems.push({ path: 'urls', message: 'is empty, wanted at least one URL' });
  } else if (typeof manifestUrl !== 'string' || urlPartsOf(manifestUrl) === undefined)
    problems.push({ path: 'manifestUrl', message: `is ${JSON.stringify(manifestUrl)}, wanted http(s)://host/path` });
  const schedule = window === undefined || window === null ? null : parseSchedule(window, days, timeZone);
  if (typeof schedule === 'string') problems.push({ path: 'schedule', message: schedule });
  if (schedule === null && (days !== undefined || timeZone !== undefined))
    problems.push({ path: 'window', message: 'is absent, wanted HH:MM-HH:MM where days or timeZone is given' });
  const mbps = maxMbps === null ? null : Number(maxMbps);
  if (mbps !== null && !(mbps > 0 && mbps <= MBPS_MAX))
    problems.push({ path: 'maxMbps', message: `is ${JSON.stringify(maxMbps)}, wanted a number above 0` });
  const lanes = Number(parallel);
  if (!(Number.isInteger(lanes) && lanes >= 1 && lanes <= PARALLEL_MAX))
    problems.push({ path: 'parallel', message: `is ${JSON.stringify(parallel)}, wanted 1 to ${PARALLEL_MAX}` });
  if (typeof name !== 'string' || name.length > 128)
    problems.push({ path: 'name', message: 'wanted a text of at most 128 characters' });
  const request: PrefetchRequest = {
    name: String(name),
    entries,
    manifestUrl: manifestUrl as string | null,
    schedule: typeof schedule === 'string' ? null : schedule,
    maxMbps: mbps,
    parallel: lanes,
  };
  return { request, problems };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'string') return { manifest: value };
  if (Array.isArray(value)) return { urls: value };
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
}
