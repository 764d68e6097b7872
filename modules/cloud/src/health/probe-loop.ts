// Probes the data port of the nodes, again and again, a few at a time, and keeps the verdicts.

import { type Clock, describeError, type Logger, Semaphore } from '@wayside/kit';
import type { NodeRecord } from '../nodes/node-record.ts';
import { nextProbeState, PROBE_START, type ProbeResult, type ProbeState } from './probe-verdict.ts';

const PROBES_AT_ONCE_MAX = 32;
/** A node that is not up is asked this often, so that it is back soon after it was repaired ... */
const PROBE_PAUSE_MS_NOT_UP = 5_000;
/** ... for this long; one that stays away costs no more than any other. */
export const PROBE_HASTE_MS = 600_000;

export interface ProbeLoopOptions {
  clock: Clock;
  logger: Logger;
  intervalMs: number;
  /** Nodes that can be expected to answer. */
  listNodes(): Promise<NodeRecord[]>;
  probe(ipAddress: string, httpPort: number, signal: AbortSignal): Promise<ProbeResult>;
  /** Called when a verdict changed. */
  onVerdict(nodeName: string, before: ProbeState, after: ProbeState): Promise<void>;
  /** Called with every result. */
  onResult?(nodeName: string, result: ProbeResult, state: ProbeState): void;
}

interface Probed {
  /** Address the state belongs to: another address starts afresh. */
  target: string;
  state: ProbeState;
  /** Monotonic: when the verdict came to be. */
  sinceMs: number;
  /** Monotonic: when the newest probe began. */
  begunMs: number;
}

export class ProbeLoop {
  private readonly options: ProbeLoopOptions;
  private readonly probed = new Map<string, Probed>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly lanes = new Semaphore(PROBES_AT_ONCE_MAX);

  constructor(options: ProbeLoopOptions) {
    this.options = options;
  }

  stateOf(nodeName: string): ProbeState {
    return this.probed.get(nodeName)?.state ?? PROBE_START;
  }

  /** What the replica that probes knows of a node; this one goes on from there when it takes over. */
  keep(node: NodeRecord, state: ProbeState): void {
    if (node.ipAddress === null) return;
    const nowMs = this.options.clock.monotonicMs();
    const target = `${node.ipAddress}:${node.httpPort}`;
    this.probed.set(node.name, { target, state, sinceMs: nowMs, begunMs: nowMs });
  }

  /** Rounds until the signal; a round does not wait for slow nodes, and no node is probed twice at once. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    while (!signal.aborted) {
      try {
        await this.startRound(signal);
      } catch (error) {
        logger.error('Cannot probe the nodes', { error: describeError(error) });
      }
      await clock.sleep(this.pauseMs(true), signal).catch(() => undefined);
    }
    await Promise.all(this.running.values());
  }

  /** Probes one node now, e.g. when it just phoned home. Waits for a probe of it that is under way instead. */
  probeNow(node: NodeRecord, signal: AbortSignal): Promise<void> {
    const known = this.running.get(node.name);
    if (known) return known;
    const run = this.lanes
      .run(() => this.probeNode(node, signal))
      .catch((error) =>
        this.options.logger.error('Cannot probe a node', { node: node.name, error: describeError(error) }),
      )
      .finally(() => this.running.delete(node.name));
    this.running.set(node.name, run);
    return run;
  }

  private async startRound(signal: AbortSignal): Promise<void> {
    const nodes = await this.options.listNodes();
    const names = new Set(nodes.map((node) => node.name));
    for (const name of this.probed.keys()) if (!names.has(name)) this.probed.delete(name);
    for (const node of nodes) if (this.isDue(node.name)) void this.probeNow(node, signal);
  }

  private pauseMs(isHasty: boolean): number {
    return isHasty ? Math.min(this.options.intervalMs, PROBE_PAUSE_MS_NOT_UP) : this.options.intervalMs;
  }

  private isDue(nodeName: string): boolean {
    const known = this.probed.get(nodeName);
    if (!known) return true;
    const nowMs = this.options.clock.monotonicMs();
    const isHasty = known.state.verdict !== 'up' && nowMs - known.sinceMs < PROBE_HASTE_MS;
    // Half a round of grace: timers fire a little early or late.
    return nowMs - known.begunMs >= this.pauseMs(isHasty) - this.pauseMs(true) / 2;
  }

  private async probeNode(node: NodeRecord, signal: AbortSignal): Promise<void> {
    if (node.ipAddress === null || signal.aborted) return;
    const begunMs = this.options.clock.monotonicMs();
    const result = await this.options.probe(node.ipAddress, node.httpPort, signal);
    if (signal.aborted) return;
    const target = `${node.ipAddress}:${node.httpPort}`;
    const known = this.probed.get(node.name);
    const before = known?.target === target ? known.state : PROBE_START;
    const after = nextProbeState(before, result);
    const isSame = known?.target === target && after.verdict === before.verdict;
    const sinceMs = isSame ? known.sinceMs : this.options.clock.monotonicMs();
    this.probed.set(node.name, { target, state: after, sinceMs, begunMs });
    this.options.onResult?.(node.name, result, after);
    if (after.verdict !== before.verdict) await this.options.onVerdict(node.name, before, after);
  }
}
