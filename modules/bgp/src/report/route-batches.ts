// Cuts differences into the batches of the stream (docs/contracts.md 9): first where the cuts are, then one message at a time. Pure.

import {
  BGP_MESSAGE_BYTES_MAX,
  type BgpRouteGroup,
  type BgpRouteHash,
  type BgpRoutes,
  type BgpWithdrawnGroup,
  originAsnOf,
} from '@wayside/protocol';
import type { RouteDifference } from '../routes/route-difference.ts';
import { attributesAt, prefixAt, type RouteTable } from '../routes/route-table.ts';

/** Bytes of a message around its groups, rounded up. */
const ENVELOPE_BYTES = 512;
/** Bytes of a group around its prefixes, without session and path. */
const GROUP_BYTES = 96;
/** `255.255.255.255/32`. */
const IPV4_BYTES_MAX = 18;
/** `ffff:` and the closing `:/128`. */
const IPV6_GROUP_BYTES = 5;
const IPV6_END_BYTES = 6;
/** Quotes and comma of a prefix. */
const PREFIX_EXTRA_BYTES = 3;

export interface SessionDifference {
  session: string;
  difference: RouteDifference;
}

/** Rows of one list of one session. */
interface Piece {
  of: SessionDifference;
  list: 'withdrawn' | 'added';
  from: number;
  to: number;
}

export type Batch = readonly Piece[];

/** At least one batch, so that an empty snapshot can be said. */
export function planBatches(differences: readonly SessionDifference[], bytesMax = BGP_MESSAGE_BYTES_MAX): Batch[] {
  const planner = new Planner(bytesMax);
  // All that is withdrawn goes first: a receiver never holds more than the larger of the two sets and one batch.
  for (const list of ['withdrawn', 'added'] as const) {
    for (const of of differences) planner.take(of, list);
  }
  return planner.batches;
}

class Planner {
  readonly batches: Piece[][] = [[]];
  readonly #bytesMax: number;
  #bytes = ENVELOPE_BYTES;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(of: SessionDifference, list: Piece['list']): void {
    const rows = of.difference[list];
    const table = list === 'withdrawn' ? of.difference.before : of.difference.after;
    let from = 0;
    let group = -1;
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i] as number;
      const id = list === 'withdrawn' ? 0 : (table.attributeIds[row] as number);
      const prefixBytes = prefixBytesOf(table, row);
      const groupBytes = id === group ? 0 : groupBytesOf(of.session, list === 'withdrawn' ? null : table, row);
      if (this.#bytes + groupBytes + prefixBytes > this.#bytesMax && this.#bytes > ENVELOPE_BYTES) {
        this.#add({ of, list, from, to: i });
        this.batches.push([]);
        from = i;
        // The group goes on in the next batch under its own head.
        this.#bytes = ENVELOPE_BYTES + groupBytesOf(of.session, list === 'withdrawn' ? null : table, row);
      } else this.#bytes += groupBytes;
      this.#bytes += prefixBytes;
      group = id;
    }
    this.#add({ of, list, from, to: rows.length });
  }

  #add(piece: Piece): void {
    if (piece.to > piece.from) this.batches.at(-1)?.push(piece);
  }
}

function groupBytesOf(session: string, table: RouteTable | null, row: number): number {
  return GROUP_BYTES + session.length + (table === null ? 0 : attributesAt(table, row).asPath.length);
}

/** Longest text a prefix of the family can have: exact lengths would cost as much as the text. */
function prefixBytesOf(table: RouteTable, row: number): number {
  if (table.family === 4) return IPV4_BYTES_MAX + PREFIX_EXTRA_BYTES;
  const groups = Math.ceil((table.lengths[row] as number) / 16);
  return groups * IPV6_GROUP_BYTES + IPV6_END_BYTES + PREFIX_EXTRA_BYTES;
}

/** What a batch says; takes its routes into the hash and answers how many there are more than before. */
export function fillBatch(
  batch: Batch,
  hash: BgpRouteHash,
): { withdrawn: BgpWithdrawnGroup[]; added: BgpRouteGroup[]; growth: number } {
  const withdrawn: BgpWithdrawnGroup[] = [];
  const added: BgpRouteGroup[] = [];
  let growth = 0;
  for (const piece of batch) {
    if (piece.list === 'withdrawn') {
      withdrawn.push({ session: piece.of.session, prefixes: fillWithdrawn(piece, hash) });
      growth -= piece.to - piece.from;
    } else growth += fillAdded(piece, added, hash);
  }
  return { withdrawn, added, growth };
}

function fillWithdrawn({ of, from, to }: Piece, hash: BgpRouteHash): string[] {
  const { before, withdrawn } = of.difference;
  const prefixes: string[] = [];
  for (let i = from; i < to; i += 1) {
    const row = withdrawn[i] as number;
    const prefix = prefixAt(before, row);
    const { asPath, med } = attributesAt(before, row);
    hash.toggle(of.session, prefix, asPath, med);
    prefixes.push(prefix);
  }
  return prefixes;
}

function fillAdded({ of, from, to }: Piece, groups: BgpRouteGroup[], hash: BgpRouteHash): number {
  const { before, after, added, replaced } = of.difference;
  let growth = 0;
  let group: BgpRouteGroup | undefined;
  let groupId = -1;
  for (let i = from; i < to; i += 1) {
    const row = added[i] as number;
    const id = after.attributeIds[row] as number;
    const { asPath, med } = attributesAt(after, row);
    if (group === undefined || id !== groupId) {
      group = { session: of.session, asPath, originAsn: originAsnOf(asPath), med, prefixes: [] };
      groups.push(group);
      groupId = id;
    }
    const prefix = prefixAt(after, row);
    const old = replaced[i] as number;
    if (old >= 0) {
      const was = attributesAt(before, old);
      hash.toggle(of.session, prefix, was.asPath, was.med);
    } else growth += 1;
    hash.toggle(of.session, prefix, asPath, med);
    group.prefixes.push(prefix);
  }
  return growth;
}

/** The fields of a batch that its place in the stream gives. */
export type BatchPlace = Pick<BgpRoutes, 'atUtc' | 'epoch' | 'seq' | 'kind' | 'part' | 'parts'>;

export function toMessage(
  place: BatchPlace,
  content: { withdrawn: BgpWithdrawnGroup[]; added: BgpRouteGroup[] },
  routes: number,
  hash: BgpRouteHash,
): BgpRoutes {
  return { schemaVersion: '1.0', ...place, ...content, routes, hash: hash.toString() };
}
