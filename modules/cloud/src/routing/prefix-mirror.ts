// The routing table of a replica that does not lead: what the leading one wrote down, read again where it says that something changed.

import type { Accounts } from '../accounts/accounts.ts';
import { formatIpPrefix, type IpPrefix, parseIpPrefix } from '../addresses/ip-prefix.ts';
import type { NodeRecord } from '../nodes/node-record.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { AddressCounter } from './address-counter.ts';
import { type PrefixBook, rejectedText, WHOLE_SPACE } from './prefix-book.ts';
import { readDecisions, readPrefixes, walkStates } from './prefix-rows.ts';
import { reviewSpace, type Space } from './review.ts';
import type { RoutedNodes, TrackedNode } from './routed-nodes.ts';

export interface PrefixMirrorOptions {
  db: NodeDb;
  accounts: Pick<Accounts, 'get'>;
  nodes: RoutedNodes;
  book: PrefixBook;
}

export class PrefixMirror {
  readonly #options: PrefixMirrorOptions;

  constructor(options: PrefixMirrorOptions) {
    this.#options = options;
  }

  /** The node as it stands in the store with all its prefixes; undefined = it was deleted. */
  read(name: string, record: NodeRecord | undefined): Promise<void> {
    const { accounts, nodes, book } = this.#options;
    return book.inTurn(async () => {
      if (record) {
        await this.#readAll(nodes.put(record, accounts.get(record.customerId)));
        return;
      }
      const node = nodes.get(name);
      if (!node) return;
      for (const prefix of book.claims.claimsOf(node)) book.claims.remove(prefix, node);
      nodes.remove(name);
    });
  }

  /** Only these prefixes of it. */
  readSome(name: string, prefixes: readonly string[]): Promise<void> {
    const { db, nodes, book } = this.#options;
    return book.inTurn(async () => {
      const node = nodes.get(name);
      if (!node) return;
      const rows = await readPrefixes(db, name, node.record.prefixSource, prefixes);
      const approved = new Set(rows.filter((row) => row.state === 'approved').map((row) => row.prefix));
      for (const prefix of prefixes) {
        if (approved.has(prefix)) book.claims.add(parseIpPrefix(prefix), node);
        else book.claims.remove(parseIpPrefix(prefix), node);
      }
    });
  }

  async #readAll(node: TrackedNode): Promise<void> {
    const { db, book } = this.#options;
    const counter = new AddressCounter();
    const wanted = new Map<string, IpPrefix>();
    for await (const page of walkStates(db, node.name, node.record.prefixSource)) {
      for (const row of page) {
        const prefix = parseIpPrefix(row.prefix);
        if (row.state === 'approved') wanted.set(row.prefix, prefix);
        if (row.state !== 'rejected') counter.add(prefix);
      }
    }
    // In one go: no lookup in between misses a prefix that stays.
    for (const prefix of book.claims.claimsOf(node)) {
      if (!wanted.has(formatIpPrefix(prefix))) book.claims.remove(prefix, node);
    }
    for (const prefix of wanted.values()) book.claims.add(prefix, node);
    await this.#hold(node, counter.space());
  }

  async #hold(node: TrackedNode, space: Space): Promise<void> {
    const { db, accounts, nodes } = this.#options;
    const decision = (await readDecisions(db, node.name)).get(WHOLE_SPACE);
    const account = accounts.get(node.record.customerId);
    const isRejected = decision?.decision === 'rejected';
    nodes.hold(node, isRejected ? rejectedText(decision) : reviewSpace(space, account, decision));
  }
}
