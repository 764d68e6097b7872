// The book of claimed prefixes: rows in the store, and of the approved ones of each node's source in force the routing table in memory.
//
// INVARIANTS
// - Changes run one at a time; each is committed before the table follows it and before the caller has its answer.
// - A claim that overlaps one of another customer waits; when that one goes, those that wait are reviewed again, the earliest first.
// - A node whose space is too large is held: its claims stay in the table but it takes no clients, and its claims stand in nobody's way.

import { type Clock, EdgeError, type Logger, Semaphore } from '@wayside/kit';
import type { Accounts } from '../accounts/accounts.ts';
import { formatIpPrefix, type IpPrefix, parseIpPrefix } from '../addresses/ip-prefix.ts';
import { refusal } from '../errors.ts';
import type { NodeRecord } from '../nodes/node-record.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { AddressCounter } from './address-counter.ts';
import { PrefixClaims } from './prefix-claims.ts';
import {
  countPrefixes,
  deletePrefixes,
  type NewPrefixRow,
  type PrefixRow,
  putPrefixes,
  readDecisions,
  readOverlapping,
  readPrefixes,
  type StoredDecision,
  walkPrefixes,
  walkStates,
  writeDecision,
} from './prefix-rows.ts';
import {
  overlapText,
  type Review,
  reviewPrefix,
  reviewSpace,
  type Space,
  type SpaceReview,
  spaceReviewOf,
} from './review.ts';
import type { RoutedNodes, TrackedNode } from './routed-nodes.ts';
import type { PrefixSource } from './tables.ts';

/** One replica's table; 1 M IPv4 prefixes take some 115 MB. */
export const PREFIXES_MAX = 4_000_000;
/** Waiting claims that are looked at again when another claim goes. */
const REVIEWED_AGAIN_MAX = 50_000;
/** Name of the whole space in a decision. */
export const WHOLE_SPACE = '*';

export interface PrefixBookOptions {
  db: NodeDb;
  clock: Clock;
  logger: Logger;
  accounts: Pick<Accounts, 'get'>;
  nodes: RoutedNodes;
  /** After the commit: rows of these prefixes of the node changed, or (undefined) anything of it. */
  onChanged?(name: string, prefixes?: readonly string[]): void;
}

export interface PrefixChange {
  added: readonly { prefix: string; originAsn: number | null }[];
  withdrawn: readonly string[];
}

export class PrefixBook {
  readonly #options: PrefixBookOptions;
  readonly #turn = new Semaphore(1);
  /** Never less than what a node claims: only a node that may be above its limit is counted anew. */
  readonly #bounds = new WeakMap<TrackedNode, Space>();
  readonly claims = new PrefixClaims<TrackedNode>();

  constructor(options: PrefixBookOptions) {
    this.#options = options;
  }

  /** One at a time with the changes of the book, for what follows another replica's. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn.run(work);
  }

  /** Fills the table from the store and brings typed-in prefixes to what the nodes' fields say. */
  load(records: readonly NodeRecord[]): Promise<void> {
    return this.#turn.run(async () => {
      const { accounts, nodes } = this.#options;
      for (const record of records) {
        const node = nodes.put(record, accounts.get(record.customerId));
        await this.#claimAll(node);
        await this.#checkSpace(node);
      }
      for (const record of records) {
        const node = nodes.get(record.name)!;
        if (await this.#syncManual(node)) await this.#checkSpace(node);
      }
    });
  }

  /** The node was created or changed. */
  follow(record: NodeRecord): Promise<void> {
    return this.#turn.run(async () => {
      const { accounts, nodes } = this.#options;
      const before = nodes.get(record.name)?.record;
      const node = nodes.put(record, accounts.get(record.customerId));
      if (before && before.prefixSource !== record.prefixSource) await this.#switchSource(node, before.prefixSource);
      await this.#syncManual(node);
      if (before && before.asn !== record.asn) await this.#reviewAll(node, undefined, true);
      await this.#checkSpace(node);
      this.#options.onChanged?.(record.name);
    });
  }

  /** The node was deleted, its rows with it. */
  forget(name: string): Promise<void> {
    return this.#turn.run(async () => {
      const node = this.#options.nodes.get(name);
      if (!node) return;
      this.#dropClaims(node);
      this.#options.nodes.remove(name);
      await this.#reviewWaiting();
      this.#options.onChanged?.(name);
    });
  }

  /** Prefixes of one source came and went; `also` writes within the same commit. CLOUD_PREFIX_LIMIT. */
  change(
    name: string,
    source: PrefixSource,
    change: PrefixChange,
    also?: (trx: NodeDb) => Promise<void>,
  ): Promise<void> {
    return this.#turn.run(async () => {
      const node = this.#options.nodes.get(name);
      if (!node) return;
      await this.#apply(node, source, change, also);
      await this.#checkSpace(node);
    });
  }

  /** The switches of an account changed: its nodes, and those that waited for them, are reviewed again. */
  reviewAccount(customerId: string): Promise<void> {
    return this.#turn.run(async () => {
      const { accounts, nodes } = this.#options;
      const own = [...nodes.list()].filter((node) => node.record.customerId === customerId);
      for (const node of own) nodes.put(node.record, accounts.get(customerId));
      for (const node of own) {
        await this.#reviewAll(node, undefined, true);
        await this.#checkSpace(node);
      }
      await this.#reviewWaiting();
    });
  }

  /** An administrator's word on one prefix or on the whole space ('*'); undefined takes it back. CLOUD_PREFIX_NOT_FOUND. */
  decide(
    name: string,
    prefix: string,
    decision: Pick<StoredDecision, 'decision' | 'text' | 'by'> | undefined,
  ): Promise<void> {
    return this.#turn.run(async () => {
      const { db, clock, nodes } = this.#options;
      const node = nodes.get(name);
      if (!node) throw refusal('CLOUD_NODE_NOT_FOUND', `There is no cache node "${name}"`);
      const source = node.record.prefixSource;
      const claimed = prefix === WHOLE_SPACE ? [] : await readPrefixes(db, name, source, [prefix]);
      if (prefix !== WHOLE_SPACE && claimed.length === 0) {
        throw refusal(
          'CLOUD_PREFIX_NOT_FOUND',
          `Cannot decide about ${prefix}: ${name} claims no such prefix (${source})`,
        );
      }
      const space = prefix === WHOLE_SPACE ? await this.#spaceOf(node) : { ipv4Addresses: 0, ipv6Addresses: 0 };
      await writeDecision(db, name, prefix, decision && { ...decision, ...space, atMs: clock.nowMs() });
      await this.#reviewAll(node, prefix === WHOLE_SPACE ? undefined : [prefix]);
      await this.#checkSpace(node);
      await this.#reviewWaiting();
    });
  }

  /** The node's review as the portal shows it, of the source asked for. */
  async spaceReview(node: TrackedNode, source: PrefixSource): Promise<SpaceReview & Space & { prefixes: number }> {
    const counts = await countPrefixes(this.#options.db, node.name, source);
    const issue = source === 'bgp' ? node.bgpIssue : undefined;
    const held = issue ?? (source === node.record.prefixSource ? node.heldText : undefined);
    const prefixes = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return { ...spaceReviewOf(counts, held), ...(await this.#spaceOf(node, source)), prefixes };
  }

  /** IPv4 addresses of a node's space: typed in, exactly; by BGP what the routes said as they came, never less than there are. */
  ipv4SpaceOf(record: NodeRecord): number {
    const node = this.#options.nodes.get(record.name);
    if (record.prefixSource === 'bgp') return (node && this.#bounds.get(node)?.ipv4Addresses) ?? 0;
    const counter = new AddressCounter();
    for (const cidr of record.cidrs) counter.add(parseIpPrefix(cidr));
    return counter.space().ipv4Addresses;
  }

  // --- inside a turn

  /** Did anything change? */
  async #syncManual(node: TrackedNode): Promise<boolean> {
    const wanted = new Set(node.record.cidrs);
    const withdrawn: string[] = [];
    for await (const page of walkPrefixes(this.#options.db, node.name, 'manual')) {
      for (const row of page) if (!wanted.delete(row.prefix)) withdrawn.push(row.prefix);
    }
    const added = [...wanted].map((prefix) => ({ prefix, originAsn: null }));
    if (added.length + withdrawn.length === 0) return false;
    await this.#apply(node, 'manual', { added, withdrawn });
    return true;
  }

  async #apply(
    node: TrackedNode,
    source: PrefixSource,
    { added, withdrawn }: PrefixChange,
    also?: (trx: NodeDb) => Promise<void>,
  ): Promise<void> {
    const { db, clock } = this.#options;
    if (this.claims.size + added.length > PREFIXES_MAX) {
      throw new EdgeError(
        'CLOUD_PREFIX_LIMIT',
        `Cannot add ${added.length} prefixes: ${this.claims.size} are routed, at most ${PREFIXES_MAX}`,
        {
          source: 'downstream',
        },
      );
    }
    const gone = await readPrefixes(db, node.name, source, withdrawn);
    const decisions = await readDecisions(db, node.name);
    const sinceMs = clock.nowMs();
    const rows = added.map(({ prefix, originAsn }): NewPrefixRow => {
      const review = this.#review(node, source, parseIpPrefix(prefix), decisions);
      return { nodeName: node.name, source, prefix, sinceMs, originAsn, ...review };
    });
    await db.transaction().execute(async (trx) => {
      await deletePrefixes(trx, node.name, source, withdrawn);
      await putPrefixes(trx, rows);
      await also?.(trx);
    });
    this.#tell(node, [...withdrawn, ...rows.map((row) => row.prefix)]);
    if (source !== node.record.prefixSource) return;
    for (const row of gone) this.claims.remove(parseIpPrefix(row.prefix), node);
    for (const row of rows) this.#follow(node, row);
    this.#raiseBound(node, rows);
    if (gone.some((row) => row.state === 'approved')) await this.#reviewWaiting();
  }

  #review(
    node: TrackedNode,
    source: PrefixSource,
    prefix: IpPrefix,
    decisions: ReadonlyMap<string, StoredDecision>,
  ): Review {
    return reviewPrefix({
      ...{ prefix, source, account: this.#options.accounts.get(node.record.customerId) },
      decision: decisions.get(formatIpPrefix(prefix)),
      findOverlap: () => {
        const found = this.#rivalOf(node, prefix);
        return found && formatIpPrefix(found.prefix);
      },
    });
  }

  /** A standing claim of another customer that holds, equals or lies in the prefix. */
  #rivalOf(node: TrackedNode, prefix: IpPrefix): { node: TrackedNode; prefix: IpPrefix } | undefined {
    const isRival = (other: TrackedNode) => areRivals(node, other);
    const match = this.claims.findOverlap(prefix, ({ nodes }) => nodes.some(isRival));
    return match && { node: match.nodes.find(isRival)!, prefix: match.prefix };
  }

  #follow(node: TrackedNode, row: Pick<PrefixRow, 'prefix' | 'state'>): void {
    const prefix = parseIpPrefix(row.prefix);
    if (row.state === 'approved') this.claims.add(prefix, node);
    else this.claims.remove(prefix, node);
  }

  /**
   * Reviews all rows of the source in force, or those named, and writes those that came out differently. `mayDisplace`: two claims that
   * both stand may be rivals from now on, and then the earlier one stays.
   */
  async #reviewAll(node: TrackedNode, only?: readonly string[], mayDisplace = false): Promise<void> {
    const { db } = this.#options;
    const source = node.record.prefixSource;
    const decisions = await readDecisions(db, node.name);
    const pages = only ? [await readPrefixes(db, node.name, source, only)] : walkPrefixes(db, node.name, source);
    for await (const page of pages) {
      if (mayDisplace) for (const row of page) if (row.state === 'approved') await this.#displaceLater(node, row);
      await this.#reviewRows(node, page, decisions);
    }
  }

  async #reviewRows(
    node: TrackedNode,
    rows: readonly PrefixRow[],
    decisions: ReadonlyMap<string, StoredDecision>,
  ): Promise<void> {
    const changed: NewPrefixRow[] = [];
    for (const row of rows) {
      const review = this.#review(node, row.source, parseIpPrefix(row.prefix), decisions);
      const isSame = review.state === row.state && review.code === row.code && review.feedback === row.feedback;
      if (!isSame) changed.push({ ...row, ...review });
    }
    if (changed.length === 0) return;
    await this.#options.db.transaction().execute((trx) => putPrefixes(trx, changed));
    for (const row of changed) this.#follow(node, row);
    this.#tell(
      node,
      changed.map((row) => row.prefix),
    );
  }

  #tell(node: TrackedNode, prefixes: readonly string[]): void {
    if (prefixes.length > 0) this.#options.onChanged?.(node.name, prefixes);
  }

  /** A claim that stands keeps its place against later ones of others, which wait from now on (an account took back that it is their transit). */
  async #displaceLater(node: TrackedNode, row: PrefixRow): Promise<void> {
    for (;;) {
      const rival = this.#rivalOf(node, parseIpPrefix(row.prefix));
      if (!rival) return;
      const { db } = this.#options;
      const source = rival.node.record.prefixSource;
      const [theirs] = await readPrefixes(db, rival.node.name, source, [formatIpPrefix(rival.prefix)]);
      const decision = (await readDecisions(db, rival.node.name)).get(formatIpPrefix(rival.prefix));
      if (!theirs || decision || !isEarlier(row, theirs)) return;
      const review: Review = { state: 'pending', code: 'Overlap', feedback: overlapText(row.prefix) };
      await putPrefixes(db, [{ ...theirs, ...review }]);
      this.claims.remove(rival.prefix, rival.node);
      this.#tell(rival.node, [theirs.prefix]);
    }
  }

  /** A claim of somebody went: whoever waited for it is reviewed, the earliest first, each seeing those before it. */
  async #reviewWaiting(): Promise<void> {
    const waiting = await readOverlapping(this.#options.db, REVIEWED_AGAIN_MAX);
    for (const row of waiting) {
      const node = this.#options.nodes.get(row.nodeName);
      if (!node || node.record.prefixSource !== row.source) continue;
      // Most still wait: their rival is asked in memory before the store is asked for decisions.
      if (!this.#rivalOf(node, parseIpPrefix(row.prefix)))
        await this.#reviewRows(node, [row], await readDecisions(this.#options.db, node.name));
    }
  }

  async #switchSource(node: TrackedNode, before: PrefixSource): Promise<void> {
    for await (const page of walkPrefixes(this.#options.db, node.name, before)) {
      for (const row of page) this.claims.remove(parseIpPrefix(row.prefix), node);
    }
    await this.#reviewAll(node);
    await this.#claimAll(node);
    await this.#reviewWaiting();
  }

  async #claimAll(node: TrackedNode): Promise<void> {
    const counter = new AddressCounter();
    for await (const page of walkStates(this.#options.db, node.name, node.record.prefixSource)) {
      for (const row of page) {
        const prefix = parseIpPrefix(row.prefix);
        if (row.state === 'approved') this.claims.add(prefix, node);
        if (row.state !== 'rejected') counter.add(prefix);
      }
    }
    this.#bounds.set(node, counter.space());
  }

  #raiseBound(node: TrackedNode, rows: readonly NewPrefixRow[]): void {
    const bound = this.#bounds.get(node);
    if (!bound) return;
    const next = { ...bound };
    for (const row of rows) {
      const { family, length } = parseIpPrefix(row.prefix);
      if (family === 4) next.ipv4Addresses += 2 ** (32 - length);
      else next.ipv6Addresses += 2 ** (128 - length);
    }
    this.#bounds.set(node, next);
  }

  /** The rows are gone with the node: what it claims is found in the table. */
  #dropClaims(node: TrackedNode): void {
    for (const prefix of this.claims.claimsOf(node)) this.claims.remove(prefix, node);
  }

  async #checkSpace(node: TrackedNode): Promise<void> {
    const { accounts, db, nodes } = this.#options;
    const approved = (await readDecisions(db, node.name)).get(WHOLE_SPACE);
    if (approved?.decision === 'rejected') {
      nodes.hold(node, rejectedText(approved));
      this.#options.onChanged?.(node.name);
      return;
    }
    const account = accounts.get(node.record.customerId);
    const wasHeld = node.heldText !== undefined;
    const bound = this.#bounds.get(node);
    if (wasHeld || bound === undefined || reviewSpace(bound, account, approved) !== undefined) {
      this.#bounds.set(node, await this.#spaceOf(node));
    }
    nodes.hold(node, reviewSpace(this.#bounds.get(node)!, account, approved));
    if (wasHeld !== (node.heldText !== undefined)) this.#options.onChanged?.(node.name);
    // Others may have claimed the same meanwhile: a held node stands in nobody's way.
    if (wasHeld && node.heldText === undefined) await this.#reviewAll(node);
    else if (!wasHeld && node.heldText !== undefined) await this.#reviewWaiting();
  }

  async #spaceOf(node: TrackedNode, source: PrefixSource = node.record.prefixSource): Promise<Space> {
    const counter = new AddressCounter();
    for await (const page of walkStates(this.#options.db, node.name, source)) {
      for (const row of page) if (row.state !== 'rejected') counter.add(parseIpPrefix(row.prefix));
    }
    return counter.space();
  }
}

/** Why a node is held whose space an administrator rejected. */
export function rejectedText({ by, text }: Pick<StoredDecision, 'by' | 'text'>): string {
  return `The IP space was rejected by ${by}${text && `: ${text}`}`;
}

/** Of claims since the same moment the one of the first node by name is the earlier. */
function isEarlier(a: PrefixRow, b: PrefixRow): boolean {
  return a.sinceMs === b.sinceMs ? a.nodeName < b.nodeName : a.sinceMs < b.sinceMs;
}

/** Two customers cannot have the same clients, unless one network lies behind the other (connected-cache.md 4.1). */
function areRivals(node: TrackedNode, other: TrackedNode): boolean {
  if (other.record.customerId === node.record.customerId || other.heldText !== undefined) return false;
  const isBehind = other.asn !== null && node.downstreamAsns.has(other.asn);
  const isBefore = node.asn !== null && other.downstreamAsns.has(node.asn);
  return !isBehind && !isBefore;
}
