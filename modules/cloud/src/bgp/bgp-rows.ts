// Routes and streams of BGP modules in the store.

import { BgpRouteHash, type BgpRoutes, type BgpState } from '@wayside/protocol';
import type { NodeDb } from '../nodes/tables.ts';
import type { BgpStreamTable } from '../routing/tables.ts';
import { NO_STREAM, type StreamEnd, type StreamState } from './route-stream.ts';

/** Rows of one statement: seven values each. */
const ROWS_PER_STATEMENT = 500;
const PAGE_ROWS = 5_000;

export interface StoredStream extends StreamState {
  telemetrySeq: number;
  state: BgpState | null;
}

export async function readStream(db: NodeDb, nodeName: string): Promise<StoredStream> {
  const row = await db.selectFrom('bgp_stream').selectAll().where('node_name', '=', nodeName).executeTakeFirst();
  if (!row) return { current: NO_STREAM, next: NO_STREAM, telemetrySeq: 0, state: null };
  return {
    current: { epoch: row.epoch, seq: row.seq, routes: row.routes, hash: row.hash },
    next: { epoch: row.next_epoch, seq: row.next_seq, routes: row.next_routes, hash: row.next_hash },
    telemetrySeq: row.telemetry_seq,
    state: row.state === null ? null : JSON.parse(row.state),
  };
}

export async function writeStream(db: NodeDb, nodeName: string, stream: StoredStream, nowMs: number): Promise<void> {
  const { current, next } = stream;
  const fields: Omit<BgpStreamTable, 'node_name'> = {
    ...{ epoch: current.epoch, seq: current.seq, routes: current.routes, hash: current.hash },
    ...{ next_epoch: next.epoch, next_seq: next.seq, next_routes: next.routes, next_hash: next.hash },
    ...{ telemetry_seq: stream.telemetrySeq, updated_ms: nowMs },
    state: stream.state === null ? null : JSON.stringify(stream.state),
  };
  await db
    .insertInto('bgp_stream')
    .values({ node_name: nodeName, ...fields })
    .onConflict((oc) => oc.column('node_name').doUpdateSet(fields))
    .execute();
}

export async function listStreams(db: NodeDb): Promise<string[]> {
  return (await db.selectFrom('bgp_stream').select('node_name').execute()).map((row) => row.node_name);
}

/** Applies a batch to the routes of one epoch; withdrawn first. Answers the end it leads to, by its own count and checksum. */
export async function applyBatch(db: NodeDb, nodeName: string, from: StreamEnd, batch: BgpRoutes): Promise<StreamEnd> {
  const sum = { routes: from.routes, hash: BgpRouteHash.from(from.hash) };
  for (const { session, prefixes } of batch.withdrawn) {
    await takeOut(db, nodeName, { epoch: from.epoch, session, prefixes, sum });
  }
  for (const { session, prefixes, asPath, originAsn, med } of batch.added) {
    const unique = [...new Set(prefixes)];
    await takeOut(db, nodeName, { epoch: from.epoch, session, prefixes: unique, sum });
    for (let start = 0; start < unique.length; start += ROWS_PER_STATEMENT) {
      const values = unique.slice(start, start + ROWS_PER_STATEMENT).map((prefix) => ({
        ...{ node_name: nodeName, epoch: from.epoch, session, prefix },
        ...{ as_path: asPath, origin_asn: originAsn, med },
      }));
      await db.insertInto('bgp_route').values(values).execute();
    }
    for (const prefix of unique) sum.hash.toggle(session, prefix, asPath, med);
    sum.routes += unique.length;
  }
  return { epoch: from.epoch, seq: batch.seq, routes: sum.routes, hash: sum.hash.toString() };
}

async function takeOut(
  db: NodeDb,
  nodeName: string,
  from: { epoch: string; session: string; prefixes: readonly string[]; sum: { routes: number; hash: BgpRouteHash } },
): Promise<void> {
  for (let start = 0; start < from.prefixes.length; start += ROWS_PER_STATEMENT) {
    const gone = await db
      .deleteFrom('bgp_route')
      .where('node_name', '=', nodeName)
      .where('epoch', '=', from.epoch)
      .where('session', '=', from.session)
      .where('prefix', 'in', from.prefixes.slice(start, start + ROWS_PER_STATEMENT))
      .returning(['prefix', 'as_path', 'med'])
      .execute();
    for (const row of gone) from.sum.hash.toggle(from.session, row.prefix, row.as_path, row.med);
    from.sum.routes -= gone.length;
  }
}

export async function dropEpoch(db: NodeDb, nodeName: string, epoch: string): Promise<void> {
  await db.deleteFrom('bgp_route').where('node_name', '=', nodeName).where('epoch', '=', epoch).execute();
}

export interface AnnouncedPrefix {
  prefix: string;
  originAsn: number | null;
}

/** Which of the prefixes some session announces. */
export async function readAnnounced(
  db: NodeDb,
  nodeName: string,
  epoch: string,
  prefixes: readonly string[],
): Promise<AnnouncedPrefix[]> {
  const found: AnnouncedPrefix[] = [];
  for (let start = 0; start < prefixes.length; start += ROWS_PER_STATEMENT) {
    const rows = await db
      .selectFrom('bgp_route')
      .select((eb) => ['prefix', eb.fn.min('origin_asn').as('origin_asn')])
      .where('node_name', '=', nodeName)
      .where('epoch', '=', epoch)
      .where('prefix', 'in', prefixes.slice(start, start + ROWS_PER_STATEMENT))
      .groupBy('prefix')
      .execute();
    found.push(...rows.map((row) => ({ prefix: row.prefix, originAsn: row.origin_asn })));
  }
  return found;
}

export async function countAnnounced(db: NodeDb, nodeName: string, epoch: string): Promise<number> {
  const row = await db
    .selectFrom('bgp_route')
    .select((eb) => eb.fn.count<number>('prefix').distinct().as('count'))
    .where('node_name', '=', nodeName)
    .where('epoch', '=', epoch)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Every announced prefix once, in order of its text, a page at a time. */
export async function* walkAnnounced(db: NodeDb, nodeName: string, epoch: string): AsyncGenerator<AnnouncedPrefix[]> {
  let after = '';
  for (;;) {
    const rows = await db
      .selectFrom('bgp_route')
      .select((eb) => ['prefix', eb.fn.min('origin_asn').as('origin_asn')])
      .where('node_name', '=', nodeName)
      .where('epoch', '=', epoch)
      .where('prefix', '>', after)
      .groupBy('prefix')
      .orderBy('prefix')
      .limit(PAGE_ROWS)
      .execute();
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map((row) => ({ prefix: row.prefix, originAsn: row.origin_asn }));
    after = last.prefix;
    await new Promise(setImmediate);
  }
}
