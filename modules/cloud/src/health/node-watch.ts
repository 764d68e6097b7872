// Keeps every node's judgement up to date and writes down when it changed. News wake it; time alone is looked at every few seconds.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { NodeRecord } from '../nodes/node-record.ts';
import type { NodeDb } from '../nodes/tables.ts';
import type { Timeline } from '../nodes/timeline.ts';
import { pruneFigures } from './cache-figures.ts';
import { type JudgedReason, type Judgement, judge } from './judge.ts';
import { type FactsPlatform, type GatheredFacts, gatherFacts } from './node-facts.ts';
import { type DatedReason, listSilentNodes, type StoredJudgement, writeStatus } from './node-status.ts';
import type { ProbeState } from './probe-verdict.ts';

/** How often nodes are looked at that fell silent. */
const SILENCE_CHECK_MS = 2_000;
/** How often every node is judged anew, whatever happened: deployments that grow late, events that were missed. */
const FULL_CHECK_MS = 60_000;
const PRUNE_MS = 3_600_000;

export interface NodeWatchOptions {
  db: NodeDb;
  platform: FactsPlatform;
  clock: Clock;
  logger: Logger;
  timeline: Timeline;
  heartbeatWindowMs: number;
  findNode(name: string): Promise<NodeRecord | undefined>;
  listNodes(): Promise<NodeRecord[]>;
  probeOf(name: string): ProbeState;
  /** Called with every judgement, also when it is the one before. */
  onJudged?(name: string, judgement: StoredJudgement): void;
}

export interface WatchedNode extends GatheredFacts {
  judgement: StoredJudgement;
}

export class NodeWatch {
  private readonly options: NodeWatchOptions;
  private readonly lanes = new Map<string, { again: boolean; done: Promise<void> }>();
  private readonly latest = new Map<string, StoredJudgement>();

  constructor(options: NodeWatchOptions) {
    this.options = options;
  }

  /** Facts and judgement as they are now. */
  async look(node: NodeRecord): Promise<WatchedNode> {
    const gathered = await gatherFacts(node, {
      db: this.options.db,
      platform: this.options.platform,
      nowMs: this.options.clock.nowMs(),
      heartbeatWindowMs: this.options.heartbeatWindowMs,
      probe: this.options.probeOf(node.name),
    });
    const judgement = dated(judge(gathered.facts), gathered.status.judgement, gathered.facts.nowMs);
    return { ...gathered, judgement };
  }

  /** The newest judgement; made now when there is none yet. Good for lists of many nodes. */
  async judgementOf(node: NodeRecord): Promise<StoredJudgement> {
    return this.latest.get(node.name) ?? (await this.look(node)).judgement;
  }

  /** Newest judgements by node, for metrics. */
  judgements(): ReadonlyMap<string, StoredJudgement> {
    return this.latest;
  }

  /** Something happened to the node: judge it anew. Calls while it is being judged lead to one more round. */
  wake(nodeName: string): Promise<void> {
    const lane = this.lanes.get(nodeName);
    if (lane) {
      lane.again = true;
      return lane.done;
    }
    const created = { again: true, done: Promise.resolve() };
    this.lanes.set(nodeName, created);
    created.done = this.drain(nodeName, created);
    return created.done;
  }

  forget(nodeName: string): void {
    this.latest.delete(nodeName);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    let fullAtMs = 0;
    let pruneAtMs = 0;
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      try {
        const isFull = nowMs >= fullAtMs;
        if (isFull) fullAtMs = nowMs + FULL_CHECK_MS;
        await (isFull ? this.checkAll(signal) : this.checkSilent());
        if (nowMs >= pruneAtMs) {
          pruneAtMs = nowMs + PRUNE_MS;
          await pruneFigures(this.options.db, clock.nowMs());
        }
      } catch (error) {
        logger.error('Cannot judge the nodes', { error: describeError(error) });
      }
      await clock.sleep(SILENCE_CHECK_MS, signal).catch(() => undefined);
    }
    await Promise.all([...this.lanes.values()].map((lane) => lane.done));
  }

  private async checkAll(signal: AbortSignal): Promise<void> {
    const nodes = await this.options.listNodes();
    const names = new Set(nodes.map((node) => node.name));
    for (const name of this.latest.keys()) if (!names.has(name)) this.latest.delete(name);
    for (const name of names) {
      if (signal.aborted) return;
      await this.wake(name);
    }
  }

  private async checkSilent(): Promise<void> {
    const { db, clock, heartbeatWindowMs } = this.options;
    for (const name of await listSilentNodes(db, clock.nowMs() - heartbeatWindowMs)) {
      const known = this.latest.get(name)?.reasons ?? [];
      if (!known.some((reason) => reason.code === 'HeartbeatLost')) await this.wake(name);
    }
  }

  private async drain(nodeName: string, lane: { again: boolean }): Promise<void> {
    try {
      while (lane.again) {
        lane.again = false;
        await this.judgeOnce(nodeName);
      }
    } catch (error) {
      this.options.logger.error('Cannot judge a node', { node: nodeName, error: describeError(error) });
    } finally {
      this.lanes.delete(nodeName);
    }
  }

  private async judgeOnce(nodeName: string): Promise<void> {
    const node = await this.options.findNode(nodeName);
    if (!node) {
      this.latest.delete(nodeName);
      return;
    }
    const { judgement, status } = await this.look(node);
    this.latest.set(nodeName, judgement);
    this.options.onJudged?.(nodeName, judgement);
    const before = status.judgement;
    if (before && isSame(before, judgement)) return;
    await writeStatus(this.options.db, nodeName, { judgement });
    if (before?.state === judgement.state || !before) return;
    await this.options.timeline.record({
      nodeName,
      kind: 'state',
      subject: '',
      text: `${before.state} -> ${judgement.state}${judgement.reasons.map((r) => `; ${r.text}`).join('')}`,
      details: { from: before.state, to: judgement.state, reasons: judgement.reasons.map((r) => r.code) },
    });
  }
}

function dated(judgement: Judgement, before: StoredJudgement | null, nowMs: number): StoredJudgement {
  const sinceMs = (reason: JudgedReason) =>
    before?.reasons.find((known) => isSameReason(known, reason))?.sinceMs ?? nowMs;
  return {
    state: judgement.state,
    reasons: judgement.reasons.map((r): DatedReason => ({ ...r, sinceMs: sinceMs(r) })),
  };
}

function isSame(a: StoredJudgement, b: StoredJudgement): boolean {
  if (a.state !== b.state || a.reasons.length !== b.reasons.length) return false;
  return a.reasons.every((reason, index) => {
    const other = b.reasons[index];
    return other !== undefined && isSameReason(reason, other) && reason.text === other.text;
  });
}

function isSameReason(a: { code: string; subject: string }, b: { code: string; subject: string }): boolean {
  return a.code === b.code && a.subject === b.subject;
}
