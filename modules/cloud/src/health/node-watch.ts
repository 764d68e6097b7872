// Keeps every node's judgement up to date and writes down when it changed. News wake it; time alone is looked at every few seconds.
//
// INVARIANTS: one judgement of a node at a time; news that come while it is made lead to one more; thousands of judgements in a row
// let the sockets have their turn in between.

import { setImmediate as turn } from 'node:timers/promises';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { NodeRecord } from '../nodes/node-record.ts';
import type { NodeDb, NodeTableMap } from '../nodes/tables.ts';
import type { Timeline } from '../nodes/timeline.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { pruneFigures } from './cache-figures.ts';
import { type JudgedReason, type Judgement, judge } from './judge.ts';
import { type FactsPlatform, type GatheredFacts, gatherFacts } from './node-facts.ts';
import { type DatedReason, listNodeNames, listSilentNodes, type StoredJudgement, writeStatus } from './node-status.ts';
import type { ProbeState } from './probe-verdict.ts';

/** How often nodes are looked at that fell silent. */
const SILENCE_CHECK_MS = 2_000;
/** How often every node is judged anew, whatever happened: deployments that grow late, events that were missed. */
const FULL_CHECK_MS = 60_000;
/** Between two judgements of a node for news that come in swarms: connections, reports. */
const JUDGE_GAP_MS = 1_000;
const PRUNE_MS = 3_600_000;

export interface NodeWatchOptions {
  db: NodeDb;
  platform: FactsPlatform;
  clock: Clock;
  logger: Logger;
  timeline: Timeline;
  heartbeatWindowMs: number;
  findNode(name: string): Promise<NodeRecord | undefined>;
  probeOf(name: string): ProbeState;
  /** Of the other small writers, so that they share the disk's syncs; default: one of its own. */
  commits?: CommitGroup;
  /** true: another replica judges the nodes, and was told. */
  toLeader?(name: string): boolean;
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
  /** Monotonic: when the newest judgement was made. */
  private readonly judgedAtMs = new Map<string, number>();
  private readonly soon = new Set<string>();
  private stopping = new AbortController();
  private readonly commits: CommitGroup;

  constructor(options: NodeWatchOptions) {
    this.options = options;
    this.commits = options.commits ?? new CommitGroup(options.db as unknown as Db);
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
    if (this.options.toLeader?.(nodeName)) return Promise.resolve();
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

  /** The same, at most once in JUDGE_GAP_MS: for news of which one seldom comes alone. */
  wakeSoon(nodeName: string): void {
    if (this.options.toLeader?.(nodeName) || this.soon.has(nodeName) || this.stopping.signal.aborted) return;
    const { clock } = this.options;
    const waitMs = (this.judgedAtMs.get(nodeName) ?? Number.NEGATIVE_INFINITY) + JUDGE_GAP_MS - clock.monotonicMs();
    if (waitMs <= 0) {
      void this.wake(nodeName);
      return;
    }
    this.soon.add(nodeName);
    clock
      .sleep(waitMs, this.stopping.signal)
      .then(() => this.wakeFrom(nodeName))
      .catch(() => this.soon.delete(nodeName));
  }

  /** A heartbeat, or a report that says what the one before said: of interest where something is wrong, or nothing is known. */
  noteBeat(nodeName: string): void {
    const known = this.latest.get(nodeName);
    if (known?.state !== 'Healthy' || known.reasons.length > 0) this.wakeSoon(nodeName);
  }

  /** A judgement that the leading replica made. */
  keep(nodeName: string, judgement: StoredJudgement): void {
    this.latest.set(nodeName, judgement);
  }

  forget(nodeName: string): void {
    this.latest.delete(nodeName);
    this.judgedAtMs.delete(nodeName);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    let pruneAtMs = 0;
    this.stopping = new AbortController();
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      try {
        await this.checkSilent(signal);
        await this.checkOld(nowMs, signal);
        if (nowMs >= pruneAtMs) {
          pruneAtMs = nowMs + PRUNE_MS;
          await pruneFigures(this.options.db, clock.nowMs());
        }
      } catch (error) {
        logger.error('Cannot judge the nodes', { error: describeError(error) });
      }
      await clock.sleep(SILENCE_CHECK_MS, signal).catch(() => undefined);
    }
    this.stopping.abort();
    await Promise.all([...this.lanes.values()].map((lane) => lane.done));
  }

  private wakeFrom(nodeName: string): void {
    this.soon.delete(nodeName);
    void this.wake(nodeName);
  }

  /** Nodes that nothing has woken for FULL_CHECK_MS, the longest waiting first; a part of the fleet each round, so that they do not fall due together. */
  private async checkOld(nowMs: number, signal: AbortSignal): Promise<void> {
    const names = new Set(await listNodeNames(this.options.db));
    for (const name of [...this.latest.keys()]) if (!names.has(name)) this.forget(name);
    const ageOf = (name: string) => nowMs - (this.judgedAtMs.get(name) ?? Number.NEGATIVE_INFINITY);
    const old = [...names].filter((name) => ageOf(name) >= FULL_CHECK_MS).sort((a, b) => ageOf(b) - ageOf(a));
    const unknown = old.filter((name) => !this.judgedAtMs.has(name)).length;
    const part = Math.ceil((names.size * SILENCE_CHECK_MS * 2) / FULL_CHECK_MS);
    for (const name of old.slice(0, Math.max(unknown, part))) {
      if (signal.aborted) return;
      await this.wake(name);
      await turn();
    }
  }

  private async checkSilent(signal: AbortSignal): Promise<void> {
    const { db, clock, heartbeatWindowMs } = this.options;
    for (const name of await listSilentNodes(db, clock.nowMs() - heartbeatWindowMs)) {
      if (signal.aborted) return;
      const known = this.latest.get(name)?.reasons ?? [];
      if (known.some((reason) => reason.code === 'HeartbeatLost')) continue;
      await this.wake(name);
      await turn();
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
      this.forget(nodeName);
      return;
    }
    this.judgedAtMs.set(nodeName, this.options.clock.monotonicMs());
    const { judgement, status } = await this.look(node);
    this.latest.set(nodeName, judgement);
    this.options.onJudged?.(nodeName, judgement);
    const before = status.judgement;
    if (before && isSame(before, judgement)) return;
    await this.commits.run((trx) => writeStatus(trx.withTables<NodeTableMap>(), nodeName, { judgement }), nodeName);
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
