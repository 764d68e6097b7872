// Brings the nodes of a fleet into the cloud as operator and installer do: data port, node, registration key, registration, module keys.

import { randomBytes } from 'node:crypto';
import { isEdgeError, Semaphore } from '@wayside/kit';
import { Chance } from '../chance/chance.ts';
import type { CloudHttp } from '../cloud/cloud-http.ts';
import { ModuleKeys, provision } from '../cloud/device-api.ts';
import type { NodeAnswer, OperatorApi } from '../cloud/operator-api.ts';
import type { DataPorts } from '../data-port/data-port.ts';
import { ownAddress, ownPrefix, type Seat } from './seat.ts';

/** Nodes that are brought in at the same time. */
const ENROLL_AT_ONCE_MAX = 8;
const NAME_DIGITS = 5;
const IDENTITY_KEY_BYTES = 32;
const DRIVES_GB = [500, 1_000, 2_000, 4_000] as const;
/** Identities that every edge node has from the start. */
const SYSTEM_MODULES = ['$edgeAgent', '$edgeHub'];

export interface EnrollParts {
  http: CloudHttp;
  operator: OperatorApi;
  dataPorts: DataPorts;
  seed: number;
  prefix: string;
  nodes: number;
  bgpShare: number;
  dataAddress: string | undefined;
  /** From an earlier run; the keys of those that the cloud still has are used again. */
  known: ReadonlyMap<string, Seat>;
  /** No further node is begun after it. */
  signal: AbortSignal | undefined;
  /** A seat that is whole. */
  onSeat(seat: Seat, done: number): Promise<void> | void;
}

export function nodeName(prefix: string, index: number): string {
  return `${prefix}${String(index).padStart(NAME_DIGITS, '0')}`;
}

export function hasBgp(seed: number, name: string, bgpShare: number): boolean {
  return Chance.of(seed, `${name}/bgp`).isBelow(bgpShare);
}

export function driveGbOf(seed: number, name: string): number {
  return Chance.of(seed, `${name}/drive`).pick(DRIVES_GB);
}

/** All seats, in order. SIMULATOR_CLOUD_REFUSED, SIMULATOR_LISTEN_FAILED. */
export async function enroll(parts: EnrollParts): Promise<Seat[]> {
  const inCloud = new Map((await parts.operator.nodes()).map((node) => [node.name, node]));
  const lanes = new Semaphore(ENROLL_AT_ONCE_MAX);
  let done = 0;
  let isBroken = false;
  const seats = Array.from({ length: parts.nodes }, (_, index) =>
    lanes.run(async () => {
      parts.signal?.throwIfAborted();
      if (isBroken) throw new Error('Stopped: an earlier node could not be brought in');
      try {
        const seat = await enrollOne(parts, index, inCloud);
        done += 1;
        await parts.onSeat(seat, done);
        return seat;
      } catch (error) {
        isBroken = true;
        throw error;
      }
    }),
  );
  const results = await Promise.allSettled(seats);
  const failed = results.filter((result) => result.status === 'rejected').map((result) => result.reason as unknown);
  if (failed.length > 0) throw failed.find((error) => isEdgeError(error)) ?? failed[0];
  return results.map((result) => (result as PromiseFulfilledResult<Seat>).value);
}

async function enrollOne(parts: EnrollParts, index: number, inCloud: ReadonlyMap<string, NodeAnswer>): Promise<Seat> {
  const { operator, dataPorts, dataAddress } = parts;
  const name = nodeName(parts.prefix, index);
  const known = inCloud.has(name) ? parts.known.get(name) : undefined;
  const ipAddress = dataAddress ?? ownAddress(index);
  const before = inCloud.get(name);
  const httpPort = await dataPorts.open(name, ipAddress, known?.httpPort ?? 0);
  if (!before) await createNode(parts, name, index, { ipAddress, httpPort });
  else if (before.ipAddress !== ipAddress || before.httpPort !== httpPort) {
    await operator.changeNode(name, { ipAddress, httpPort });
  }
  if (known) return { ...known, ipAddress, httpPort };
  const { customerId, cacheNodeId, customerKey, registrationKey } = await operator.registrationKeys(name);
  const registered = await provision(
    parts.http,
    { customerId, cacheNodeId, customerKey, registrationKey, hostname: name },
    dataAddress === undefined ? ipAddress : undefined,
  );
  const identityKey = randomBytes(IDENTITY_KEY_BYTES).toString('base64');
  const seat = { name, ipAddress, httpPort, ...registered, identityKey };
  const keys = new ModuleKeys(parts.http, { deviceId: name, ...seat });
  const moduleKeys: Seat['moduleKeys'] = {};
  const modules = [...SYSTEM_MODULES, 'MCC', ...(hasBgp(parts.seed, name, parts.bgpShare) ? ['bgp'] : [])];
  for (const moduleId of modules) moduleKeys[moduleId] = await keys.register(moduleId);
  return { ...seat, moduleKeys };
}

async function createNode(
  parts: EnrollParts,
  name: string,
  index: number,
  address: { ipAddress: string; httpPort: number },
): Promise<void> {
  const { operator, seed } = parts;
  const sizeGb = driveGbOf(seed, name);
  await operator.createNode({ name, ...address, drives: [{ path: '/srv/cache1', sizeGb }], cidrs: [ownPrefix(index)] });
  if (!hasBgp(seed, name, parts.bgpShare)) return;
  const content = await operator.deployment(name);
  await operator.deploy(name, withBgp(content));
}

type Content = Awaited<ReturnType<OperatorApi['deployment']>>;

/** The node's own manifest with the route collector beside the cache. */
export function withBgp(content: Content): Content {
  const changed = structuredClone(content);
  const agent = changed.$edgeAgent?.['properties.desired'] as { modules: { [name: string]: object } };
  agent.modules.bgp = {
    ...{ type: 'docker', status: 'running', restartPolicy: 'always', imagePullPolicy: 'never' },
    settings: { image: 'wayside/bgp:simulated', createOptions: '{"HostConfig":{"NetworkMode":"host"}}' },
  };
  const session = { neighborAddress: '192.0.2.1', neighborAsn: 64_500 };
  changed.bgp = { 'properties.desired': { localAsn: 64_510, routerId: '192.0.2.2', sessions: { transit: session } } };
  return changed;
}
