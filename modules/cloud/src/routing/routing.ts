// The routing service: client address -> cache node, with the reasons (connected-cache.md 4.4). Lookups are answered from memory alone.

import type { Account } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import { formatIpAddress, type IpAddress } from '../addresses/ip-address.ts';
import { formatIpPrefix } from '../addresses/ip-prefix.ts';
import { chooseNode, type PassedOver, passedOver } from './decide.ts';
import type { PrefixBook } from './prefix-book.ts';
import { type ClaimMatch, siteKeyOf, siteTextOf } from './prefix-claims.ts';
import { IPV4_ONLY } from './review.ts';
import type { RoutedNodes, TrackedNode } from './routed-nodes.ts';

/** A client without a node asks again soon: one may come up, or be given its prefix. */
export const NO_NODE_TTL_SECS = 60;
/** Candidates told of one prefix; thousands of nodes on one prefix would make an answer nobody reads. */
const TOLD_MAX = 100;

export interface RouteStep {
  prefix: string;
  /** '' = none of its nodes can take the client. */
  chosen: string;
  passedOver: PassedOver[];
}

export interface RouteExplanation {
  address: string;
  /** Clients of one site share their node: the /24, of IPv6 the /48. */
  site: string;
  node: TrackedNode | undefined;
  /** The prefix that decided; '' without a node. */
  prefix: string;
  ttlSecs: number;
  /** One sentence. */
  text: string;
  /** Prefixes that hold the address, the longest first, down to the one that decided. */
  steps: RouteStep[];
}

export class Routing {
  readonly #nodes: RoutedNodes;
  readonly #book: PrefixBook;
  readonly #accounts: Accounts;

  constructor(parts: { nodes: RoutedNodes; book: PrefixBook; accounts: Accounts }) {
    this.#nodes = parts.nodes;
    this.#book = parts.book;
    this.#accounts = parts.accounts;
  }

  get prefixes(): number {
    return this.#book.claims.size;
  }

  get bytes(): number {
    return this.#book.claims.bytes;
  }

  node(name: string): TrackedNode | undefined {
    return this.#nodes.get(name);
  }

  nodes(): TrackedNode[] {
    return [...this.#nodes.list()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The node of a client; undefined = the CDN. The path of every client: nothing is allocated while the longest prefix decides. */
  route(address: IpAddress): TrackedNode | undefined {
    const siteKey = siteKeyOf(address);
    const group = this.#book.claims.longest(address);
    if (group.length === 0) return undefined;
    const chosen = chooseNode(group, siteKey);
    if (chosen) return chosen;
    for (const match of this.#book.claims.matches(address)) {
      const node = chooseNode(match.nodes, siteKey);
      if (node) return node;
    }
    return undefined;
  }

  /** Seconds that an answer holds. */
  ttlSecs(node: TrackedNode | undefined): number {
    return node ? this.accountOf(node).ttlSecs : NO_NODE_TTL_SECS;
  }

  accountOf(node: TrackedNode): Account {
    return this.#accounts.get(node.record.customerId);
  }

  /** The same answer with everything that led to it. */
  explain(address: IpAddress): RouteExplanation {
    const siteKey = siteKeyOf(address);
    const steps: RouteStep[] = [];
    let node: TrackedNode | undefined;
    for (const match of this.#book.claims.matches(address)) {
      node = chooseNode(match.nodes, siteKey);
      steps.push(stepOf(match, node));
      if (node) break;
    }
    const shown = formatIpAddress(address);
    return {
      ...{ address: shown, site: siteTextOf(address), node, steps },
      prefix: node ? (steps.at(-1)?.prefix ?? '') : '',
      ttlSecs: this.ttlSecs(node),
      text: this.#textOf(address, shown, node, steps),
    };
  }

  #textOf(address: IpAddress, shown: string, node: TrackedNode | undefined, steps: readonly RouteStep[]): string {
    if (node) {
      const behind = steps.length > 1 ? `, as no node of ${steps.length - 1} longer prefix(es) can take it` : '';
      return `${shown} goes to ${node.name} by ${steps.at(-1)?.prefix}${behind}`;
    }
    if (steps.length > 0)
      return `${shown} goes to the CDN: none of the nodes of its ${steps.length} prefix(es) can take it`;
    const noIpv6 = address.family === 6 && !this.#accounts.list().some((account) => account.ipv6);
    return `${shown} goes to the CDN: ${noIpv6 ? IPV4_ONLY : 'no node has a prefix that holds it'}`;
  }
}

function stepOf(match: ClaimMatch<TrackedNode>, chosen: TrackedNode | undefined): RouteStep {
  return {
    prefix: formatIpPrefix(match.prefix),
    chosen: chosen?.name ?? '',
    passedOver: passedOver(match.nodes, chosen).slice(0, TOLD_MAX),
  };
}
