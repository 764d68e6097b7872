// What routing knows of every node at this moment. The objects stand in the groups of the routing table, so a change is in force with the next lookup.

import type { Account } from '../accounts/account.ts';
import type { StoredJudgement } from '../health/node-status.ts';
import type { NodeRecord } from '../nodes/node-record.ts';
import { type NodeFault, type RoutedNode, seedOf, weightOf } from './decide.ts';
import type { Claimant } from './prefix-claims.ts';

/** A node is full from here on ... */
const FULL_SHARE = 0.95;
/** ... until its egress falls below this share again. */
const NOT_FULL_SHARE = 0.85;
/** Reports come every 15 s; after this long without one the egress is not known any more and counts as none. */
export const EGRESS_AGE_MS_MAX = 60_000;
/** The content cache's module: without it nothing is served, whatever else runs. */
const CACHE_MODULE = 'MCC';

export interface TrackedNode extends RoutedNode, Claimant {
  record: NodeRecord;
  isFull: boolean;
  egressAtMs: number;
  /** Why it takes no clients; undefined: its data port answers and its heart beats. */
  illness: string | undefined;
  /** `address:port` that was seen to answer last. */
  confirmedAt: string | undefined;
  /** Why its whole space is not routed; undefined = it is. */
  heldText: string | undefined;
  /** Why what it learned by BGP is not taken over; undefined = it is. */
  bgpIssue: string | undefined;
}

export class RoutedNodes {
  readonly #byName = new Map<string, TrackedNode>();
  readonly #freeNumbers: number[] = [];
  #numbersUsed = 0;

  get(name: string): TrackedNode | undefined {
    return this.#byName.get(name);
  }

  list(): IterableIterator<TrackedNode> {
    return this.#byName.values();
  }

  /** Takes over the node as the operator wrote it down. */
  put(record: NodeRecord, account: Account): TrackedNode {
    const known = this.#byName.get(record.name);
    const node = known ?? this.#create(record);
    if (targetOf(node.record) !== targetOf(record))
      node.illness = 'The data port of the new address has not answered a probe yet';
    node.record = record;
    node.customerId = account.customerId;
    node.asn = record.asn ?? account.asn;
    node.downstreamAsns = new Set(account.downstreamAsns);
    node.maxEgressMbps = record.maxEgressMbps;
    updateFault(node);
    return node;
  }

  remove(name: string): void {
    const node = this.#byName.get(name);
    if (!node) return;
    this.#byName.delete(name);
    this.#freeNumbers.push(node.number);
  }

  /** The judgement of the watch, made on every news of the node. */
  judge(name: string, judgement: StoredJudgement): void {
    const node = this.#byName.get(name);
    if (!node) return;
    const reason = judgement.reasons.find((one) => !NOT_ABOUT_CLIENTS.has(one.code) && isAboutClients(one));
    const target = targetOf(node.record);
    // After a start of the cloud no probe has ended yet: a node that was confirmed at this address stays, until a probe says otherwise.
    const isUnconfirmedOnly = reason?.code === 'DataPortUnconfirmed';
    if (!(isUnconfirmedOnly && node.confirmedAt === target)) node.illness = reason?.text;
    if (reason === undefined && judgement.state !== 'Disabled') node.confirmedAt = target;
    updateFault(node);
  }

  /** Egress of the newest report, Mbit/s. */
  report(name: string, egressMbps: number, atMs: number): void {
    const node = this.#byName.get(name);
    if (!node) return;
    node.egressMbps = Number.isFinite(egressMbps) ? Math.max(0, egressMbps) : 0;
    node.egressAtMs = atMs;
    updateFault(node);
  }

  /** Egress that nobody has reported for a while is not known. */
  forgetOldEgress(nowMs: number): void {
    for (const node of this.#byName.values()) {
      if (node.egressMbps > 0 && nowMs - node.egressAtMs > EGRESS_AGE_MS_MAX)
        this.report(node.name, 0, node.egressAtMs);
    }
  }

  hold(node: TrackedNode, text: string | undefined): void {
    node.heldText = text;
    updateFault(node);
  }

  #create(record: NodeRecord): TrackedNode {
    const node: TrackedNode = {
      ...{
        record,
        name: record.name,
        number: this.#freeNumbers.pop() ?? this.#numbersUsed++,
        seed: seedOf(record.name),
      },
      ...{ customerId: record.customerId, asn: null, downstreamAsns: new Set<number>() },
      ...{ maxEgressMbps: record.maxEgressMbps, egressMbps: 0, weight: record.maxEgressMbps },
      ...{ egressAtMs: 0, isFull: false },
      ...{ illness: 'It has not been judged yet', confirmedAt: undefined },
      ...{ heldText: undefined, bgpIssue: undefined },
      ...{ fault: undefined, faultText: '' },
    };
    this.#byName.set(record.name, node);
    return node;
  }
}

function targetOf(record: NodeRecord): string {
  return `${record.ipAddress}:${record.httpPort}`;
}

/** Reasons that make a node unhealthy in the portal while its clients are served well. */
const NOT_ABOUT_CLIENTS: ReadonlySet<string> = new Set([
  'Disabled',
  'DeploymentPending',
  'DeploymentLate',
  'DeploymentFailed',
  'DriveFailed',
  'IdentityDisabled',
  'UpdateFailed',
  'UpdateLate',
]);

function isAboutClients({ code, subject }: { code: string; subject: string }): boolean {
  if (code === 'ModuleNotRunning') return subject === CACHE_MODULE;
  return code !== 'FieldMissing' || subject === 'ipAddress';
}

function updateFault(node: TrackedNode): void {
  const share = node.egressMbps / node.maxEgressMbps;
  node.isFull = share >= (node.isFull ? NOT_FULL_SHARE : FULL_SHARE);
  node.weight = weightOf(node);
  const [fault, text] = faultOf(node);
  node.fault = fault;
  node.faultText = text;
}

function faultOf(node: TrackedNode): [NodeFault | undefined, string] {
  const { record } = node;
  if (!record.isEnabled) return ['NodeDisabled', 'The node is switched off: no clients are routed to it'];
  if (record.isDraining) return ['NodeDraining', 'The node is being drained: no new clients are routed to it'];
  if (record.ipAddress === null) return ['NodeWithoutAddress', 'The server IP address of the node is not set'];
  if (node.heldText !== undefined) return ['SpaceNotApproved', node.heldText];
  if (node.illness !== undefined) return ['NodeUnhealthy', node.illness];
  if (!node.isFull) return [undefined, ''];
  const egress = Math.round(node.egressMbps);
  return [
    'NodeFull',
    `The node sends ${egress} of ${node.maxEgressMbps} Mbit/s; it is full from ${FULL_SHARE * 100} % on`,
  ];
}
