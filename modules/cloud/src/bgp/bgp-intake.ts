// Takes over what the BGP modules of the nodes say: their routes become prefixes of the routing table, their state is kept.
//
// INVARIANTS
// - Messages of one node are taken over one after another; routes, end of the stream and seq are one commit.
// - A batch that does not fit, or leads to another count or checksum than it says, changes nothing: what is held stays, a new snapshot is asked for.
// - The book of prefixes follows the routes after their commit; a start brings it to what the routes say, so a crash in between is mended.
// - Above the account's most prefixes the last set that was within it stays in force.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import { BGP_MODULE_ID, BGP_ROUTES_MESSAGE_TYPE, BGP_STATE_MESSAGE_TYPE, type BgpRoutes } from '@wayside/protocol';
import type { Accounts } from '../accounts/accounts.ts';
import { NodeLanes } from '../nodes/node-lanes.ts';
import type { NodeDb } from '../nodes/tables.ts';
import type { Platform, TelemetryMessage } from '../platform.ts';
import type { PrefixBook } from '../routing/prefix-book.ts';
import { walkPrefixes } from '../routing/prefix-rows.ts';
import type { RoutedNodes } from '../routing/routed-nodes.ts';
import { readBgpRoutes, readBgpState } from './bgp-message.ts';
import {
  type AnnouncedPrefix,
  applyBatch,
  countAnnounced,
  dropEpoch,
  listStreams,
  readAnnounced,
  readStream,
  type StoredStream,
  walkAnnounced,
  writeStream,
} from './bgp-rows.ts';
import { isTailLost, NO_STREAM, nextStep } from './route-stream.ts';

/** Messages that wait, all nodes together; each may hold 200 KiB. */
const WAITING_MAX = 1_000;
const CATCH_UP_PAGE = 50;
/** Between two requests for a new snapshot of one node: a full table takes a while to come. */
export const RESYNC_PAUSE_MS = 60_000;
/** Prefixes of one change of the book. */
const CHANGE_PREFIXES = 5_000;
/** Waits for a module that is just reconnecting. */
const RESYNC_CONNECT_SECS = 10;

export interface BgpIntakeOptions {
  db: NodeDb;
  platform: Pick<Platform, 'on' | 'queryTelemetry' | 'invokeMethod'>;
  clock: Clock;
  logger: Logger;
  book: PrefixBook;
  /** Other replicas take messages in as well. */
  isShared?: boolean;
  nodes: RoutedNodes;
  accounts: Pick<Accounts, 'get'>;
}

class BatchRefused extends Error {}

export class BgpIntake {
  private readonly options: BgpIntakeOptions;
  private readonly lanes: NodeLanes;
  /** Nodes whose messages will be read from the store. */
  private readonly behind = new Set<string>();
  private readonly asked = new Map<string, number>();
  private readonly asking = new Set<Promise<void>>();
  private unsubscribe: (() => void) | undefined;

  constructor(options: BgpIntakeOptions) {
    this.options = options;
    this.lanes = new NodeLanes((node, error) => {
      options.logger.error('Cannot take over a BGP message', { node, error: describeError(error) });
    });
  }

  /** Listens, then takes over what came before and mends what a crash left. */
  async start(): Promise<void> {
    this.unsubscribe = this.options.platform.on('telemetry', (message) => this.offer(message));
    for (const name of await listStreams(this.options.db)) this.lanes.run(name, () => this.syncBook(name));
    const nodes = await this.options.db.selectFrom('cache_node').select('name').execute();
    for (const { name } of nodes) this.lanes.run(name, () => this.catchUp(name));
    await this.idle();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    await this.idle();
    await Promise.all(this.asking);
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.lanes.idle();
  }

  /** The limit of the account may have changed. */
  review(nodeName: string): Promise<void> {
    return this.lanes.run(nodeName, () => this.syncBook(nodeName));
  }

  /** Messages of the node are in the store, taken in by whichever replica. */
  follow(nodeName: string): void {
    if (this.unsubscribe === undefined || this.behind.has(nodeName)) return;
    this.behind.add(nodeName);
    void this.lanes.run(nodeName, async () => {
      this.behind.delete(nodeName);
      await this.catchUp(nodeName);
    });
  }

  private offer(message: TelemetryMessage): void {
    if (!isBgpMessage(message)) return;
    if (this.options.isShared) {
      this.follow(message.deviceId);
      return;
    }
    if (this.lanes.waiting >= WAITING_MAX) {
      // The gap is seen at the next batch or state, and a new snapshot mends it.
      this.options.logger.error('BGP message dropped: too many wait', {
        node: message.deviceId,
        waiting: this.lanes.waiting,
      });
      return;
    }
    void this.lanes.run(message.deviceId, () => this.take(message));
  }

  private async catchUp(nodeName: string): Promise<void> {
    let afterSeq = (await readStream(this.options.db, nodeName)).telemetrySeq;
    for (;;) {
      const filter = { moduleId: BGP_MODULE_ID, afterSeq, limit: CATCH_UP_PAGE };
      const page = await this.options.platform.queryTelemetry(nodeName, filter);
      for (const message of page) if (isBgpMessage(message)) await this.take(message);
      const last = page.at(-1);
      if (!last) return;
      afterSeq = last.seq;
    }
  }

  private async take(message: TelemetryMessage): Promise<void> {
    const { db, clock } = this.options;
    const nodeName = message.deviceId;
    if (!this.options.nodes.get(nodeName)) return;
    const stream = await readStream(db, nodeName);
    if (message.seq <= stream.telemetrySeq) return;
    const seen: StoredStream = { ...stream, telemetrySeq: message.seq };
    if (message.messageType === BGP_ROUTES_MESSAGE_TYPE) {
      const read = readBgpRoutes(message.body);
      if (read.ok) return this.takeRoutes(nodeName, seen, read.value);
      this.warn(nodeName, read.why);
    } else {
      const read = readBgpState(message.body);
      if (read.ok) {
        await writeStream(db, nodeName, { ...seen, state: read.value }, clock.nowMs());
        if (isTailLost(seen, read.value.stream)) this.resync(nodeName, 'the end of the stream has not come');
        return;
      }
      this.warn(nodeName, read.why);
    }
    await writeStream(db, nodeName, seen, clock.nowMs());
  }

  private async takeRoutes(nodeName: string, stream: StoredStream, batch: BgpRoutes): Promise<void> {
    const { db, clock } = this.options;
    const step = nextStep(stream, batch);
    if (step.do !== 'apply') {
      await writeStream(db, nodeName, stream, clock.nowMs());
      if (step.do === 'resync') this.resync(nodeName, step.why);
      return;
    }
    try {
      await db.transaction().execute(async (trx) => {
        if (step.drop !== undefined) await dropEpoch(trx, nodeName, step.drop);
        const end = await applyBatch(trx, nodeName, step.to, batch);
        if (end.routes !== batch.routes || end.hash !== batch.hash) {
          throw new BatchRefused(`batch ${batch.seq} leads to ${end.routes} routes, it says ${batch.routes}`);
        }
        const isInForce = !step.isSnapshot || step.isWhole;
        if (step.isWhole && step.isSnapshot && stream.current.epoch !== '') {
          await dropEpoch(trx, nodeName, stream.current.epoch);
        }
        const ends = isInForce ? { current: end, next: step.isSnapshot ? NO_STREAM : stream.next } : { next: end };
        await writeStream(trx, nodeName, { ...stream, ...ends }, clock.nowMs());
      });
    } catch (error) {
      if (!(error instanceof BatchRefused)) throw error;
      await writeStream(db, nodeName, stream, clock.nowMs());
      this.resync(nodeName, error.message);
      return;
    }
    if (!step.isSnapshot) await this.followBatch(nodeName, batch);
    else if (step.isWhole) await this.syncBook(nodeName);
  }

  /** A change touched these prefixes: the book is told which of them came and went. */
  private async followBatch(nodeName: string, batch: BgpRoutes): Promise<void> {
    const { db, book } = this.options;
    const node = this.options.nodes.get(nodeName);
    const { current } = await readStream(db, nodeName);
    // While above the limit the book stands still; once below, all of it is compared.
    if (node?.bgpIssue !== undefined || current.routes > this.prefixesMax(nodeName)) return this.syncBook(nodeName);
    const touched = [...new Set([...batch.withdrawn, ...batch.added].flatMap((group) => group.prefixes))];
    const announced = await readAnnounced(db, nodeName, current.epoch, touched);
    const still = new Set(announced.map((one) => one.prefix));
    const withdrawn = touched.filter((prefix) => !still.has(prefix));
    await book.change(nodeName, 'bgp', { added: announced, withdrawn });
  }

  /** Brings the book to what the routes say, both walked in the same order. */
  private async syncBook(nodeName: string): Promise<void> {
    const { db, book } = this.options;
    const node = this.options.nodes.get(nodeName);
    if (!node) return;
    const { epoch, routes } = (await readStream(db, nodeName)).current;
    const max = this.prefixesMax(nodeName);
    const prefixes = routes > max ? await countAnnounced(db, nodeName, epoch) : routes;
    if (prefixes > max) {
      node.bgpIssue = `Attention required: ${prefixes} prefixes learned by BGP, at most ${max}; the last set within the limit stays`;
      return;
    }
    node.bgpIssue = undefined;
    const held = new Set<string>();
    for await (const page of walkPrefixes(db, nodeName, 'bgp')) for (const row of page) held.add(row.prefix);
    let added: AnnouncedPrefix[] = [];
    const flush = async () => {
      if (added.length > 0) await book.change(nodeName, 'bgp', { added, withdrawn: [] });
      added = [];
    };
    for await (const page of walkAnnounced(db, nodeName, epoch)) {
      for (const one of page) if (!held.delete(one.prefix)) added.push(one);
      if (added.length >= CHANGE_PREFIXES) await flush();
    }
    await flush();
    const gone = [...held];
    for (let start = 0; start < gone.length; start += CHANGE_PREFIXES) {
      await book.change(nodeName, 'bgp', { added: [], withdrawn: gone.slice(start, start + CHANGE_PREFIXES) });
    }
  }

  private prefixesMax(nodeName: string): number {
    const node = this.options.nodes.get(nodeName);
    return node ? this.options.accounts.get(node.record.customerId).bgpPrefixesMax : 0;
  }

  /** Asks for a new snapshot, not too often; one that is not answered is asked for again at the next gap. */
  private resync(nodeName: string, why: string): void {
    const { clock, logger, platform } = this.options;
    const nowMs = clock.monotonicMs();
    if (nowMs - (this.asked.get(nodeName) ?? Number.NEGATIVE_INFINITY) < RESYNC_PAUSE_MS) return;
    this.asked.set(nodeName, nowMs);
    logger.warn('Routes of a node are incomplete, asking for all of them', { node: nodeName, why });
    const call = { methodName: 'resync', payload: { reason: why }, connectTimeoutSecs: RESYNC_CONNECT_SECS };
    const one = platform
      .invokeMethod(nodeName, BGP_MODULE_ID, call)
      .then(
        ({ status }) => {
          if (status !== 200) logger.warn('A node refused to send its routes again', { node: nodeName, status });
        },
        (error) => logger.warn('Cannot ask a node for its routes', { node: nodeName, error: describeError(error) }),
      )
      .finally(() => this.asking.delete(one));
    this.asking.add(one);
  }

  private warn(nodeName: string, why: string): void {
    this.options.logger.warn('BGP message of a node ignored', { node: nodeName, why });
  }
}

/** From the BGP module of the node and from no other identity of it. */
export function isBgpMessage(message: TelemetryMessage): boolean {
  if (message.moduleId !== BGP_MODULE_ID) return false;
  return message.messageType === BGP_ROUTES_MESSAGE_TYPE || message.messageType === BGP_STATE_MESSAGE_TYPE;
}
