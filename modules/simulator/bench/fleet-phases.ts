// Measurements by a whole fleet: all at once, the steady state, a deployment to every node, a kill under load and what is left of the messages.

import { setTimeout as sleep } from 'node:timers/promises';
import type { OperatorApi } from '../src/cloud/operator-api.ts';
import type { Fleet } from '../src/fleet/fleet.ts';

const POLL_MS = 50;
const DEPLOYS_AT_ONCE = 8;
const HISTORY_READS_AT_ONCE = 8;
const PAGE = 1_000;
const WAIT_MS_MAX = 900_000;

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<number> {
  const startedMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedMs > WAIT_MS_MAX) throw new Error(`Not within ${WAIT_MS_MAX / 1000} s: ${what}`);
    await sleep(POLL_MS);
  }
  return (performance.now() - startedMs) / 1000;
}

export function isUp(fleet: Fleet): boolean {
  return fleet.nodes.every((node) => node.isUp);
}

export interface Rollout {
  calls: number;
  /** Seconds from the first call. */
  firstInformed: number;
  lastInformed: number;
  firstReported: number;
  lastReported: number;
}

/** Another variable for MCC on every node; informed = the node has the patch, reported = the cloud has its word that it was applied. */
export async function deployToAll(fleet: Fleet): Promise<Rollout> {
  const { operator, nodes } = fleet;
  const before = new Map(nodes.map((node) => [node, node.agent.desiredVersion]));
  const startedMs = performance.now();
  const secs = () => (performance.now() - startedMs) / 1000;
  const waiting = [...nodes];
  const lane = async () => {
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const changed = await operator.deployment(node.name);
      const agent = changed.$edgeAgent?.['properties.desired'] as { modules: { MCC: { env: object } } };
      agent.modules.MCC.env = { ...agent.modules.MCC.env, ROLLOUT: { value: fleet.run } };
      await operator.deploy(node.name, changed);
    }
  };
  const deploying = Promise.all(Array.from({ length: DEPLOYS_AT_ONCE }, lane));
  const isInformed = (node: Fleet['nodes'][number]) => node.agent.desiredVersion > (before.get(node) ?? 0);
  const isApplied = (node: Fleet['nodes'][number]) =>
    node.agent.isReported && node.agent.state.lastDesired.version > (before.get(node) ?? 0);
  await until('the first node is informed', () => nodes.some(isInformed));
  const firstInformed = secs();
  await until('the first node has reported', () => nodes.some(isApplied));
  const firstReported = secs();
  await until('all are informed', () => nodes.every(isInformed));
  const lastInformed = secs();
  await deploying;
  await until('all have reported', () => nodes.every(isApplied));
  return { calls: nodes.length, firstInformed, lastInformed, firstReported, lastReported: secs() };
}

export interface Kept {
  acked: number;
  kept: number;
  repeated: number;
  lost: string[];
}

/** Every message that was acknowledged in this run must be in the history. */
export async function readBack(fleet: Pick<Fleet, 'nodes' | 'operator' | 'run'>): Promise<Kept> {
  const result: Kept = { acked: 0, kept: 0, repeated: 0, lost: [] };
  const waiting = [...fleet.nodes];
  const lane = async () => {
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      for (const [moduleId, acked] of node.acked()) {
        const { seen, repeated } = await numbersOf(fleet.operator, node.name, moduleId, fleet.run);
        result.repeated += repeated;
        result.acked += acked;
        for (let number = 1; number <= acked; number += 1) {
          if (seen.has(number)) result.kept += 1;
          else result.lost.push(`${node.name}/${moduleId} ${number}`);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: HISTORY_READS_AT_ONCE }, lane));
  return result;
}

interface HistoryPage {
  messages: { systemProperties: { messageId?: string } }[];
  next: number | null;
}

async function numbersOf(operator: OperatorApi, node: string, moduleId: string, run: string) {
  const seen = new Set<number>();
  let repeated = 0;
  for (let after: number | null = 0; after !== null; ) {
    const query: string = `module=${encodeURIComponent(moduleId)}&after=${after}&limit=${PAGE}`;
    const page: HistoryPage = await operator.get<HistoryPage>(`/nodes/${node}/telemetry?${query}`);
    for (const { systemProperties } of page.messages) {
      const [itsRun, number] = (systemProperties.messageId ?? '').split('-');
      if (itsRun !== run) continue;
      if (seen.has(Number(number))) repeated += 1;
      seen.add(Number(number));
    }
    after = page.messages.length < PAGE ? null : page.next;
  }
  return { seen, repeated };
}
