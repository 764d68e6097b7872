// Takes over what nodes say about themselves: heartbeat, module changes, deployment status, cache figures.
//
// INVARIANTS
// - Messages of one node are taken over one after another, in the order of their seq; each with its events in one transaction, which it
//   shares with messages of other nodes.
// - The seq taken over last is stored with them: a start takes over what came while the cloud was not there to see it.
// - A message that is older than what is known (store and forward after an outage) is a heartbeat, but changes no module state.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import { type AgentHealth, jsonEqual } from '@wayside/protocol';
import { NodeLanes } from '../nodes/node-lanes.ts';
import type { NodeDb, NodeTableMap } from '../nodes/tables.ts';
import type { NewEvent, Timeline, TimelineEvent } from '../nodes/timeline.ts';
import type { Platform, TelemetryMessage } from '../platform.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { addReport } from './cache-figures.ts';
import { compareDaemon } from './daemon-changes.ts';
import { type Parsed, parseAgentHealth, parseCacheReport } from './message-schemas.ts';
import { compareModules } from './module-changes.ts';
import { type NodeStatus, readSnapshots, readStatus, writeSnapshots, writeStatus } from './node-status.ts';

/** Messages that wait to be taken over, all nodes together. More means the disk stands still: further ones are taken over at the next start. */
const INTAKE_WAITING_MAX = 10_000;
const CATCH_UP_PAGE = 500;

export interface HealthIntakeOptions {
  db: NodeDb;
  platform: Pick<Platform, 'on' | 'queryTelemetry'>;
  clock: Clock;
  logger: Logger;
  timeline: Timeline;
  /** Of the other small writers, so that they share the disk's syncs; default: one of its own. */
  commits?: CommitGroup;
  /** Other replicas take messages in as well: then all are read from the store, where their order is certain. */
  isShared?: boolean;
  /** A cache report up to this moment was added. */
  onReport?(toMs: number): void;
  /** After a message of the node was taken over. `isChange`: it says something that the judgement hangs on and the one before did not say. */
  onNews(nodeName: string, isChange: boolean): void;
}

export class HealthIntake {
  private readonly options: HealthIntakeOptions;
  private readonly commits: CommitGroup;
  private readonly lanes: NodeLanes;
  /** Nodes whose messages will be read from the store, and how far they were. */
  private readonly behind = new Set<string>();
  private readonly readTo = new Map<string, number>();
  private unsubscribe: (() => void) | undefined;

  constructor(options: HealthIntakeOptions) {
    this.options = options;
    this.lanes = new NodeLanes((node, error) => {
      options.logger.error('Cannot take over a message of a node', { node, error: describeError(error) });
    });
    this.commits = options.commits ?? new CommitGroup(options.db as unknown as Db);
  }

  /** Listens, then takes over what came before. */
  async start(): Promise<void> {
    this.unsubscribe = this.options.platform.on('telemetry', (message) => this.offer(message));
    const nodes = await this.options.db.selectFrom('cache_node').select('name').execute();
    for (const { name } of nodes) this.lanes.run(name, () => this.catchUp(name));
    await this.idle();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    await this.idle();
    this.readTo.clear();
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.lanes.idle();
  }

  /** Messages of the node are in the store, taken in by whichever replica: they are taken over in the order of their seq. */
  follow(nodeName: string): void {
    if (this.unsubscribe === undefined || this.behind.has(nodeName)) return;
    this.behind.add(nodeName);
    this.lanes.run(nodeName, async () => {
      this.behind.delete(nodeName);
      await this.catchUp(nodeName);
    });
  }

  private offer(message: TelemetryMessage): void {
    if (!isHealthMessage(message)) return;
    if (this.options.isShared) {
      this.follow(message.deviceId);
      return;
    }
    if (this.lanes.waiting >= INTAKE_WAITING_MAX) {
      this.options.logger.error('Health message left for the next start: too many wait', {
        node: message.deviceId,
        waiting: this.lanes.waiting,
      });
      return;
    }
    this.lanes.run(message.deviceId, () => this.take(message));
  }

  private async catchUp(nodeName: string): Promise<void> {
    const { telemetrySeq } = await readStatus(this.options.db, nodeName);
    let afterSeq = Math.max(telemetrySeq, this.readTo.get(nodeName) ?? 0);
    for (;;) {
      const page = await this.options.platform.queryTelemetry(nodeName, { afterSeq, limit: CATCH_UP_PAGE });
      for (const message of page) if (isHealthMessage(message)) await this.take(message);
      const last = page.at(-1);
      if (!last) return;
      afterSeq = last.seq;
      if (this.options.isShared) this.readTo.set(nodeName, afterSeq);
    }
  }

  private async take(message: TelemetryMessage): Promise<void> {
    const { timeline, logger } = this.options;
    const nodeName = message.deviceId;
    const written = await this.commits.run(async (commit) => {
      const trx = commit.withTables<NodeTableMap>();
      const node = await trx.selectFrom('cache_node').select('name').where('name', '=', nodeName).executeTakeFirst();
      if (!node) return undefined;
      const status = await readStatus(trx, nodeName);
      if (message.seq <= status.telemetrySeq) return undefined;
      const parsed = this.parse(message);
      if (!parsed.ok)
        logger.warn('Message of a node ignored', { node: nodeName, module: message.moduleId, why: parsed.why });
      const { events, isChange } = parsed.ok ? await parsed.store(trx, status) : NOTHING_SAID;
      await writeStatus(trx, nodeName, { telemetrySeq: message.seq });
      const stored: TimelineEvent[] = [];
      for (const event of events) {
        const one = await timeline.write(trx, event);
        if (one) stored.push(one);
      }
      return { stored, isChange };
    }, nodeName);
    if (!written) return;
    timeline.publish(written.stored);
    this.options.onNews(nodeName, written.isChange);
  }

  private parse(message: TelemetryMessage): { ok: false; why: string } | { ok: true; store: Store } {
    const nodeName = message.deviceId;
    if (message.messageType === 'health') {
      const parsed = parseAgentHealth(message.body);
      return parsed.ok
        ? { ok: true, store: (trx, status) => storeHealth(trx, nodeName, parsed, status, message.enqueuedAtMs) }
        : parsed;
    }
    const parsed = parseCacheReport(message.body);
    if (!parsed.ok) return parsed;
    // A clock that runs ahead would make every honest report after it look old.
    const toMs = Math.min(parsed.atMs, message.enqueuedAtMs);
    const store: Store = async (trx) => {
      const events = await addReport(trx, nodeName, message.moduleId ?? '', parsed.value, toMs);
      this.options.onReport?.(toMs);
      return { events, isChange: events.length > 0 };
    };
    return { ok: true, store };
  }
}

interface Taken {
  events: NewEvent[];
  isChange: boolean;
}

type Store = (trx: NodeDb, status: NodeStatus) => Promise<Taken>;

const NOTHING_SAID: Taken = { events: [], isChange: false };

/** Only edgeAgent speaks for the node's health; cache figures come from any module. */
export function isHealthMessage(message: TelemetryMessage): boolean {
  if (message.messageType === 'health') return message.moduleId === '$edgeAgent';
  return message.messageType === 'cacheReport' && message.moduleId !== undefined;
}

async function storeHealth(
  trx: NodeDb,
  nodeName: string,
  parsed: Parsed<AgentHealth> & { ok: true },
  status: NodeStatus,
  enqueuedAtMs: number,
): Promise<Taken> {
  const atMs = Math.min(parsed.atMs, enqueuedAtMs);
  // Messages come in the order of their seq: an earlier time is a step back of the cloud's clock, not an earlier beat.
  const heartbeatAtMs = enqueuedAtMs;
  // What was noted by a clock that ran ahead is no bound, or nothing of the node would be believed until that time has come.
  const isBound = status.healthAtMs !== null && status.healthAtMs <= enqueuedAtMs;
  if (isBound && atMs < (status.healthAtMs ?? 0)) {
    await writeStatus(trx, nodeName, { heartbeatAtMs });
    return NOTHING_SAID;
  }
  const before = await readSnapshots(trx, nodeName);
  const { snapshots, gone, changes } = compareModules(before, parsed.value.modules, atMs);
  const fresh = new Map([...snapshots].filter(([name, snapshot]) => !jsonEqual(before.get(name), snapshot)));
  await writeSnapshots(trx, nodeName, fresh, gone);
  const daemon = compareDaemon(status.daemon, parsed.value.daemon, atMs);
  await writeStatus(trx, nodeName, {
    ...{ heartbeatAtMs, healthAtMs: atMs, health: parsed.value },
    ...(daemon ? { daemon: daemon.snapshot } : {}),
  });
  const events: NewEvent[] = changes.map((change) => ({
    nodeName,
    kind: 'module',
    subject: change.module,
    text: change.text,
    details: change.details,
    atMs,
  }));
  if (daemon) {
    const { text, details } = daemon;
    events.unshift({ nodeName, kind: 'daemon', subject: '', text, details, atMs });
  }
  const deployment = deploymentEvent(nodeName, status.health, parsed.value, atMs);
  const isChange = fresh.size > 0 || gone.length > 0 || deployment !== undefined;
  return { events: deployment ? [deployment, ...events] : events, isChange };
}

function deploymentEvent(
  nodeName: string,
  before: AgentHealth | null,
  after: AgentHealth,
  atMs: number,
): NewEvent | undefined {
  const { lastDesiredVersion, lastDesiredStatus } = after;
  const isSame =
    before?.lastDesiredVersion === lastDesiredVersion && before.lastDesiredStatus.code === lastDesiredStatus.code;
  if (isSame) return undefined;
  const description = lastDesiredStatus.description ? `: ${lastDesiredStatus.description}` : '';
  return {
    nodeName,
    kind: 'deployment',
    subject: '$edgeAgent',
    text: `Deployment ${lastDesiredVersion} handled with ${lastDesiredStatus.code}${description}`,
    details: { version: lastDesiredVersion, code: lastDesiredStatus.code },
    atMs,
  };
}
