// Which node of those that claim an address gets its clients, and why not the others (connected-cache.md 4.4 rules 4 and 5). Pure.
//
// Rules, in this order: the longest prefix with a usable node; on one prefix the node of a downstream AS before its transit's;
// among those left a share by free egress, the same for all clients of a site.

export type NodeFault =
  | 'NodeDisabled'
  | 'NodeDraining'
  | 'NodeWithoutAddress'
  | 'NodeUnhealthy'
  | 'SpaceNotApproved'
  | 'NodeFull';

export type PassedOverCode = NodeFault | 'DownstreamPreferred' | 'OtherShare';

/** What routing knows of a node at this moment. */
export interface RoutedNode {
  name: string;
  customerId: string;
  /** AS of the clients behind it; null = not told. */
  asn: number | null;
  /** ASNs that are customers of its account: their own nodes come first for their traffic. */
  downstreamAsns: ReadonlySet<number>;
  /** undefined: it takes clients. */
  fault: NodeFault | undefined;
  /** One sentence to the fault. */
  faultText: string;
  maxEgressMbps: number;
  egressMbps: number;
  /** weightOf() these two, kept up to date by whoever changes them. */
  weight: number;
  /** Hash of the name: where it stands in the shares. */
  seed: number;
}

export interface PassedOver {
  node: string;
  code: PassedOverCode;
  text: string;
}

/** Shares move in steps of a tenth of a node's egress, so that a report that differs a little moves nobody. */
const SHARE_STEPS = 10;

/** The node of the group that serves the site; undefined when none can. Allocates nothing: this is the path of every client. */
export function chooseNode<N extends RoutedNode>(group: readonly N[], siteKey: number): N | undefined {
  const only = group[0];
  if (group.length === 1 && only) return only.fault === undefined ? only : undefined;
  let chosen: N | undefined;
  let best = -1;
  for (const node of group) {
    if (node.fault !== undefined || isBehindDownstream(node, group)) continue;
    const score = scoreOf(node, siteKey);
    if (score > best) {
      best = score;
      chosen = node;
    }
  }
  return chosen;
}

/** Why each node of the group other than the chosen one is not it. */
export function passedOver(group: readonly RoutedNode[], chosen: RoutedNode | undefined): PassedOver[] {
  return group
    .filter((node) => node !== chosen)
    .map((node) => {
      if (node.fault !== undefined) return { node: node.name, code: node.fault, text: node.faultText };
      const downstream = downstreamOf(node, group);
      if (downstream) {
        const text = `AS ${downstream.asn} is downstream of AS ${node.asn ?? 'unknown'} and has its own node ${downstream.name}`;
        return { node: node.name, code: 'DownstreamPreferred', text };
      }
      const text = `it shares the prefix by free egress (weight ${node.weight}), this site falls to ${chosen?.name}`;
      return { node: node.name, code: 'OtherShare', text };
    });
}

/** Share of a node: free egress in Mbit/s, in steps. At least 1, so that a node that takes clients can be chosen. */
export function weightOf({ maxEgressMbps, egressMbps }: Pick<RoutedNode, 'maxEgressMbps' | 'egressMbps'>): number {
  const free = Math.max(0, 1 - egressMbps / maxEgressMbps);
  return Math.max(1, (maxEgressMbps * Math.ceil(free * SHARE_STEPS)) / SHARE_STEPS);
}

function isBehindDownstream(node: RoutedNode, group: readonly RoutedNode[]): boolean {
  return node.downstreamAsns.size > 0 && group.length > 1 && downstreamOf(node, group) !== undefined;
}

/** A node that takes clients and belongs to an AS downstream of this one. */
function downstreamOf(node: RoutedNode, group: readonly RoutedNode[]): RoutedNode | undefined {
  return group.find((other) => other.fault === undefined && isDownstream(other, node) && !isDownstream(node, other));
}

function isDownstream(node: Pick<RoutedNode, 'asn'>, transit: Pick<RoutedNode, 'asn' | 'downstreamAsns'>): boolean {
  return node.asn !== null && node.asn !== transit.asn && transit.downstreamAsns.has(node.asn);
}

/**
 * Weighted rendezvous hashing: each site draws one number a node, bent by its weight; the largest wins. A node that comes, goes or
 * changes its weight moves only the sites it wins or loses.
 */
function scoreOf(node: RoutedNode, siteKey: number): number {
  const drawn = (mix(siteKey ^ node.seed) + 0.5) / 2 ** 32;
  return -node.weight / Math.log(drawn);
}

/** Final mix of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Seed of a name (FNV-1a, mixed): names that differ in one character lie far apart. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return mix(hash);
}
