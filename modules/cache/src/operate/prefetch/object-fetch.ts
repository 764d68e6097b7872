// Brings one object into the store whole, without a client: opened like any other, then stretch by stretch at the job's pace.

import { EdgeError } from '@wayside/kit';
import type { Fills } from '../../fill/fills.ts';
import type { FillReader } from '../../fill/object-fill.ts';
import type { Opening, OpeningRequest } from '../../fill/opening.ts';
import type { Openings } from '../../fill/openings.ts';
import { isFresh } from '../../freshness/freshness.ts';
import { cacheKey, type Origin } from '../../origin/origins.ts';
import type { CacheObject } from '../../store/cache-object.ts';
import { chunkOf, chunkStart } from '../../store/chunk-map.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { urlPartsOf } from '../purge/purge-request.ts';
import type { ManifestEntry } from './manifest.ts';
import type { PrefetchPace } from './prefetch-pace.ts';

/** Openings of others that are waited for before it is given up. */
const JOINS_MAX = 3;

export interface ObjectFetchDeps {
  resolve: (host: string) => Origin | undefined;
  store: ObjectStore;
  openings: Openings;
  fills: Fills;
  nowMs: () => number;
}

/** `stored`: fetched, whole or what was missing. `present`: was there and fresh. `unstored`: may not or cannot be stored. */
export interface FetchResult {
  state: 'stored' | 'present' | 'unstored' | 'refused' | 'failed';
  sizeBytes: number | null;
  fetchedBytes: number;
  /** Why not, '' otherwise. */
  reason: string;
}

/** Rejects with CACHE_ORIGIN_* and CACHE_DRIVE_* when it may go better another time, or with the signal's reason. */
export async function fetchObject(
  { url, sizeBytes: expected }: ManifestEntry,
  deps: ObjectFetchDeps,
  pace: PrefetchPace,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<FetchResult> {
  const parts = urlPartsOf(url);
  const origin = parts === undefined ? undefined : deps.resolve(parts.host);
  if (parts === undefined || origin === undefined) return ended('refused', 'the host is not on the allow list');
  await pace.turn(signal);
  const { target } = parts;
  const key = cacheKey(origin, target);
  const found = await findFresh(key, origin, deps);
  if (found.fresh?.chunks.isComplete) return checked('present', found.fresh, 0, expected);
  let object = found.fresh;
  if (object === null) {
    const opening = await open(
      { key, origin, target, range: firstStretch(pace), stale: found.stale ?? undefined },
      deps,
    );
    if (opening.kind === 'response') opening.response.abort();
    if (opening.kind === 'answer') return ended('failed', `the origin answered ${opening.status}`);
    if (opening.kind !== 'object')
      return ended('unstored', 'the origin does not let it be stored, or no drive has room');
    object = opening.object;
    // All of it came with the opening.
    if (object.isSmall && opening.how === 'new') {
      pace.charge(object.sizeBytes);
      onBytes(object.sizeBytes);
      return checked('stored', object, object.sizeBytes, expected);
    }
  }
  const before = object.chunks.presentBytes(0, object.sizeBytes);
  const fetched = await complete(object, { origin, target }, deps, pace, signal, onBytes);
  return checked('stored', object, Math.max(fetched, object.sizeBytes - before), expected);
}

async function findFresh(
  key: string,
  origin: Origin,
  { store, nowMs }: ObjectFetchDeps,
): Promise<{ fresh: CacheObject | null; stale: CacheObject | null }> {
  const stored = store.find(key);
  // What stands under the key of a resource with variants is no object to be sent.
  if (
    stored === undefined ||
    stored.meta.variants !== undefined ||
    !(await store.ensureOpen(stored)) ||
    stored.isObsolete
  )
    return { fresh: null, stale: null };
  return isFresh(stored.freshness(origin.ttlSecs), nowMs())
    ? { fresh: stored, stale: null }
    : { fresh: null, stale: stored };
}

/** In the cache's own name; where an origin's answers depend on the client, in the name of one that says nothing of itself. */
async function open(request: OpeningRequest, { openings }: ObjectFetchDeps): Promise<Opening> {
  if (request.origin.semantics === 'http')
    request.client = { fields: { list: [], via: undefined }, request: () => undefined, isAuthorized: false };
  for (let joins = 0; ; joins += 1) {
    const opening = await openings.open(request);
    if (opening.kind !== 'joined' || joins >= JOINS_MAX) return opening;
  }
}

function firstStretch(pace: PrefetchPace): OpeningRequest['range'] {
  return { first: 0, last: Math.floor(pace.stretchBytes) - 1 };
}

/** Reads along until every chunk is there. Answers the bytes that came meanwhile. */
async function complete(
  object: CacheObject,
  source: { origin: Origin; target: string },
  { fills, store }: ObjectFetchDeps,
  pace: PrefetchPace,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<number> {
  if (!(await store.ensureOpen(object))) throw gone(object);
  object.retain();
  const reader: FillReader = { position: 0, end: 0, wake: null };
  const fill = fills.of(object, source);
  let joined = false;
  let counted = object.chunks.presentBytes(0, object.sizeBytes);
  const total = { bytes: 0 };
  const count = () => {
    const present = object.chunks.presentBytes(0, object.sizeBytes);
    const bytes = Math.max(0, present - counted);
    counted = Math.max(counted, present);
    total.bytes += bytes;
    pace.charge(bytes);
    if (bytes > 0) onBytes(bytes);
  };
  // Only onwards: of an object that is kept in part the first chunks may be gone again.
  let from = 0;
  try {
    for (;;) {
      const missing = object.chunks.firstMissing(from, object.chunks.count);
      if (missing < 0) return total.bytes;
      await pace.turn(signal);
      if (object.isObsolete) throw gone(object);
      reader.position = chunkStart(missing);
      reader.end = Math.min(object.sizeBytes, reader.position + Math.ceil(pace.stretchBytes));
      if (!joined) fill.join(reader);
      joined = true;
      from = chunkOf(reader.end - 1) + 1;
      await untilPresent(object, reader, fill, signal);
      count();
    }
  } finally {
    if (joined) fill.leave(reader);
    object.release();
  }
}

/** Resolves when the chunks of the reader's stretch are there. */
async function untilPresent(
  object: CacheObject,
  reader: FillReader,
  fill: ReturnType<Fills['of']>,
  signal: AbortSignal,
): Promise<void> {
  while (reader.position < reader.end) {
    const chunk = chunkOf(reader.position);
    if (object.chunks.has(chunk)) {
      reader.position = Math.min(reader.end, object.chunks.chunkEnd(chunk));
      continue;
    }
    // Up to a chunk's last byte: that one is there when the chunk is complete.
    reader.position = Math.max(reader.position, object.chunks.filledEnd(reader.position));
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        reader.wake = null;
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      fill.wait(reader, (error) => {
        signal.removeEventListener('abort', onAbort);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

function checked(
  state: 'stored' | 'present',
  object: CacheObject,
  fetchedBytes: number,
  expected: number | null,
): FetchResult {
  const { sizeBytes } = object;
  if (expected === null || expected === sizeBytes) return { state, sizeBytes, fetchedBytes, reason: '' };
  return {
    state: 'failed',
    sizeBytes,
    fetchedBytes,
    reason: `the object has ${sizeBytes} bytes, the list says ${expected}`,
  };
}

function ended(state: FetchResult['state'], reason: string): FetchResult {
  return { state, sizeBytes: null, fetchedBytes: 0, reason };
}

function gone(object: CacheObject): EdgeError {
  return new EdgeError('CACHE_ORIGIN_CHANGED', `"${object.key}" was replaced or purged meanwhile`, {
    source: 'upstream',
    retry: 'backoff',
  });
}
