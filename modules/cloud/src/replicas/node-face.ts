// The cache-node face over several replicas: one leads, that is takes over what nodes say, probes, judges and writes the prefixes; the
// others tell it what they hear and mirror what it writes. The only replica just leads.

import { describeError } from '@wayside/kit';
import { type BgpIntake, isBgpMessage } from '../bgp/bgp-intake.ts';
import { type HealthIntake, isHealthMessage } from '../health/health-intake.ts';
import type { StoredJudgement } from '../health/node-status.ts';
import type { ProbeState } from '../health/probe-verdict.ts';
import type { Timeline } from '../nodes/timeline.ts';
import type { Platform } from '../platform.ts';
import { NodeMirror, type NodeMirrorParts } from './node-mirror.ts';
import { type Replicas, runLed } from './replicas.ts';

export interface NodeFaceParts extends NodeMirrorParts {
  replicas: Replicas;
  platform: Pick<Platform, 'on'>;
  timeline: Timeline;
  intake: HealthIntake;
  bgpIntake: BgpIntake;
}

export class NodeFace {
  readonly #parts: NodeFaceParts;
  readonly #mirror: NodeMirror;
  readonly #unsubscribe: (() => void)[] = [];
  readonly #published = new Map<string, string>();

  constructor(parts: NodeFaceParts) {
    this.#parts = parts;
    this.#mirror = new NodeMirror(parts);
  }

  /** Takes over what came before; over several replicas the leading one does, once `run` was called. */
  async start(): Promise<void> {
    const { replicas, timeline, logger, intake, bgpIntake } = this.#parts;
    if (replicas.number === 0) {
      await bgpIntake.start();
      await intake.start();
      return;
    }
    await timeline.follow(replicas, logger);
    this.#listen();
    await this.#mirror.readAll();
  }

  /** Until the signal, and while this replica leads. */
  run(signal: AbortSignal): Promise<void> {
    const { replicas, watch, probes } = this.#parts;
    if (replicas.number === 0) return Promise.all([watch.run(signal), probes.run(signal)]).then(() => undefined);
    return runLed(replicas, 'cache nodes', signal, (leading) => this.#lead(leading));
  }

  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end();
    await this.#parts.intake.stop();
    await this.#parts.bgpIntake.stop();
    await this.#mirror.close();
  }

  // --- what the leading replica tells the others

  prefixesChanged(name: string, prefixes?: readonly string[]): void {
    this.#parts.replicas.publish('prefixes', prefixes ? prefixes.map((prefix) => `${name} ${prefix}`) : [name]);
  }

  judged(name: string, judgement: StoredJudgement): void {
    if (this.#parts.replicas.number === 0) return;
    const text = JSON.stringify(judgement);
    if (this.#published.get(name) === text) return;
    this.#published.set(name, text);
    this.#parts.replicas.publish('judged', [name]);
  }

  reported(name: string): void {
    this.#parts.replicas.publish('judged', [name]);
  }

  async probed(name: string, state: ProbeState, isVerdict: boolean): Promise<void> {
    const { replicas, probeRows } = this.#parts;
    if (replicas.number === 0) return;
    probeRows.note(name, state);
    if (isVerdict) await probeRows.flush();
  }

  // --- what a replica hears

  #listen(): void {
    const { replicas, platform, intake, bgpIntake, watch, accounts, logger } = this.#parts;
    const { isLeader } = { isLeader: () => replicas.isLeader };
    const readAccounts = () =>
      accounts.read().catch((error) => logger.error('Cannot read the accounts', { error: describeError(error) }));
    this.#unsubscribe.push(
      platform.on('telemetry', (message) => {
        const isOurs = isHealthMessage(message) || isBgpMessage(message);
        if (isOurs && !isLeader()) replicas.publish('telemetry', [message.deviceId]);
      }),
      replicas.on('telemetry', (names) => {
        if (!isLeader()) return;
        for (const name of names) {
          intake.follow(name);
          bgpIntake.follow(name);
        }
      }),
      replicas.on('wake', (names) => {
        if (isLeader()) for (const name of names) watch.wakeSoon(name);
      }),
      replicas.on('prefixes', (ids) => {
        if (!isLeader()) this.#mirror.notePrefixes(ids);
      }),
      replicas.on('judged', (names) => {
        if (!isLeader()) this.#mirror.noteJudged(names);
      }),
      replicas.on('account', () => void readAccounts()),
      replicas.onGap(() => void this.#catchUp()),
    );
  }

  async #catchUp(): Promise<void> {
    const { replicas, nodes, intake, bgpIntake, logger } = this.#parts;
    try {
      if (!replicas.isLeader) return await this.#mirror.readAll();
      for (const { name } of await nodes.list()) {
        intake.follow(name);
        bgpIntake.follow(name);
      }
    } catch (error) {
      logger.error('Cannot catch up after a gap', { error: describeError(error) });
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { nodes, opened, intake, bgpIntake, watch, probes, probeRows, logger } = this.#parts;
    if (signal.aborted) return;
    // What the last leader wrote down shortly before it ended may not have been read yet.
    await this.#mirror.readAll();
    await opened.book.load(await nodes.list());
    this.#published.clear();
    await bgpIntake.start();
    await intake.start();
    const onError = (error: unknown) => logger.error('Cannot write down the probes', { error: describeError(error) });
    await Promise.all([watch.run(signal), probes.run(signal), probeRows.run(signal, onError)]);
    await intake.stop();
    await bgpIntake.stop();
  }
}
