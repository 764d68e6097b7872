// Hands out new versions of the modules to the nodes whose deployments are made from their fields, each by its ring, and follows what
// becomes of them.
//
// INVARIANTS
// - Every change of a node's version is made in the turn of the registry, on the node as it is then: two replicas, or a loop and an
//   operator, never hand out the same version twice.
// - A version that failed is handed out again only when somebody says so, or after another one.

import { setImmediate as turn } from 'node:timers/promises';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { AgentHealth } from '@wayside/protocol';
import type { Accounts } from '../accounts/accounts.ts';
import { refusal } from '../errors.ts';
import { NodeDeployment, type NodeDeploymentParts } from '../nodes/node-deployment.ts';
import type { NodeRecord } from '../nodes/node-record.ts';
import { readNode } from '../nodes/node-rows.ts';
import type { Timeline } from '../nodes/timeline.ts';
import type { Actor } from '../platform.ts';
import type { Turn } from '../replicas/replicas.ts';
import { decideUpdate, outcomeOf, type UpdateDecision } from './decide-update.ts';
import { isCriticalVersion, targetVersion } from './target-version.ts';
import { readHealth, readVersionedNodes, type VersionedNode, writeVersion } from './update-rows.ts';
import { type NodeUpdate, updateStatus } from './update-status.ts';
import type { Span } from './update-window.ts';
import { VersionChanges } from './version-changes.ts';

/** Pause between two looks at all nodes. */
const LOOK_MS = 5_000;
/** A new version of a whole fleet goes out in parts, so that changes of operators and pulls of images have room. */
const HAND_OUTS_PER_LOOK_MAX = 100;

export interface UpdatesOptions extends NodeDeploymentParts {
  clock: Clock;
  logger: Logger;
  timeline: Timeline;
  accounts: Pick<Accounts, 'get'>;
  /** That of the registry. */
  turn: Turn;
  /** Configuration that has the say over the node's own deployment; undefined = none. */
  baseOf(name: string): Promise<string | undefined>;
  /** Version or state of the node changed. */
  onChange?(name: string): void;
}

export class Updates {
  private readonly options: UpdatesOptions;
  private readonly deployment: NodeDeployment;
  private readonly changes: VersionChanges;

  constructor(options: UpdatesOptions) {
    this.options = options;
    this.deployment = new NodeDeployment(options);
    this.changes = new VersionChanges({ ...options, deployment: this.deployment });
  }

  /** Until the signal. On one replica at a time. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    while (!signal.aborted) {
      try {
        await this.look(signal);
      } catch (error) {
        logger.error('Cannot look after the versions of the nodes', { error: describeError(error) });
      }
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  /** One round over all nodes. */
  async look(signal?: AbortSignal): Promise<void> {
    const { db, logger, clock } = this.options;
    const nodes = await readVersionedNodes(db);
    const health = await readHealth(
      db,
      nodes.filter(({ state }) => state.underway).map(({ name }) => name),
    );
    let handOuts = 0;
    for (const node of nodes) {
      if (signal?.aborted) return;
      try {
        if (node.moduleVersion === null) {
          await this.inTurn(node.name, async () => undefined);
          continue;
        }
        if (this.needsSettling(node, health.get(node.name), clock.nowMs())) await this.settle(node.name);
        const { decision, target } = this.decide(node);
        if (typeof decision === 'object') {
          if (handOuts >= HAND_OUTS_PER_LOOK_MAX) continue;
          handOuts += 1;
          await this.handOut(node.name, (fresh) => this.decide(fresh).decision, '');
          await turn();
        } else if (isStale(node, decision, target)) await this.noteWaiting(node.name);
      } catch (error) {
        logger.error('Cannot update a cache node', { node: node.name, error: describeError(error) });
      }
    }
  }

  /** At once, whatever the ring, also a version that failed. CLOUD_NODE_NOT_FOUND, CLOUD_UPDATE_NOT_POSSIBLE. */
  async updateNow(name: string, by: Actor): Promise<void> {
    const { baseOf, db } = this.options;
    const node = await readNode(db, name);
    if (!node) throw refusal('CLOUD_NODE_NOT_FOUND', `There is no cache node "${name}"`);
    const base = await baseOf(name);
    if (base !== undefined) throw notPossible(name, `configuration "${base}" has the say over its modules`);
    if (!(await this.deployment.isGenerated(node)))
      throw notPossible(name, 'its deployment is one that somebody wrote, with versions of its own');
    const isAsked = (fresh: VersionedNode): UpdateDecision =>
      this.decide(fresh).target === fresh.moduleVersion ? 'current' : { go: 'asked' };
    await this.handOut(name, isAsked, by);
  }

  /** By node, of those given. */
  statusOf(nodes: readonly NodeRecord[]): Map<string, NodeUpdate> {
    const { accounts, images, clock } = this.options;
    const windows = new Map<string, Span | null>();
    return new Map(
      nodes.map((node) => {
        const ring = node.updateRing ?? accounts.get(node.customerId).updateRing;
        const shown = { ring, version: node.moduleVersion ?? images.tag, state: node.updateState };
        return [node.name, updateStatus(shown, clock.nowMs(), windows)];
      }),
    );
  }

  private targetOf({ customerId }: Pick<NodeRecord, 'customerId'>): string {
    return targetVersion(this.options.accounts.get(customerId), this.options.images);
  }

  private decide(node: VersionedNode): { decision: UpdateDecision; target: string } {
    const { accounts, images, clock } = this.options;
    const account = accounts.get(node.customerId);
    const target = targetVersion(account, images);
    const decision = decideUpdate({
      version: node.moduleVersion ?? '',
      target,
      isCritical: isCriticalVersion(target, account, images),
      ring: node.ring ?? account.updateRing,
      isRunning: node.isRunning,
      failedVersion: node.state.failed?.version,
      nowMs: clock.nowMs(),
    });
    return { decision, target };
  }

  /** Runs in the registry's turn, on the node as it is then; nothing for a node that is gone. */
  private inTurn(name: string, change: (node: NodeRecord, fresh: VersionedNode) => Promise<void>): Promise<void> {
    const { db, onChange } = this.options;
    return this.options.turn.run(async () => {
      const unversioned = await readNode(db, name);
      if (!unversioned) return;
      if (unversioned.moduleVersion === null) await this.changes.adopt(unversioned, this.targetOf(unversioned));
      const node = await readNode(db, name);
      const [fresh] = await readVersionedNodes(db, name);
      if (!node || !fresh) return;
      await change(node, fresh);
      onChange?.(name);
    });
  }

  private handOut(name: string, decide: (node: VersionedNode) => UpdateDecision, by: Actor): Promise<void> {
    return this.inTurn(name, async (node, fresh) => {
      const decision = decide(fresh);
      if (typeof decision !== 'object') return;
      const { target } = this.decide(fresh);
      // Its manifest is not in force; when it comes back, so does the update.
      if ((await this.options.baseOf(name)) !== undefined) return;
      if (!(await this.deployment.isGenerated(node))) {
        await writeVersion(this.options.db, name, { moduleVersion: target, updateState: {} });
        return;
      }
      await this.changes.start(node, target, decision.go, by);
    });
  }

  /** Writes down that a version waits, or does so no longer. */
  private noteWaiting(name: string): Promise<void> {
    const { db, clock, timeline } = this.options;
    return this.inTurn(name, async ({ updateState }, fresh) => {
      const { decision, target } = this.decide(fresh);
      if (typeof decision === 'object' || !isStale(fresh, decision, target)) return;
      const { waiting: _before, failed, ...rest } = updateState;
      const isWaiting = decision === 'wait';
      await writeVersion(db, name, {
        updateState: {
          ...rest,
          // Nobody wants the version that failed any more.
          ...(failed && decision !== 'current' ? { failed } : {}),
          ...(isWaiting ? { waiting: { version: target, sinceMs: clock.nowMs() } } : {}),
        },
      });
      if (!isWaiting) return;
      const text = `Version ${target} of the modules waits for the window of the node`;
      await timeline.record({ nodeName: name, kind: 'update', subject: target, text, details: { version: target } });
    });
  }

  private needsSettling({ state }: VersionedNode, health: string | undefined, nowMs: number): boolean {
    if (state.isUnapplied) return true;
    if (!state.underway) return false;
    const { is } = outcomeOf(state.underway, health === undefined ? null : JSON.parse(health), nowMs);
    return is === 'late' ? state.underway.isLate !== true : is !== 'underway';
  }

  /** Writes down what became of the version that was handed out; goes back where it failed. */
  private settle(name: string): Promise<void> {
    const { db, clock } = this.options;
    return this.inTurn(name, async (node) => {
      const { updateState } = node;
      if (updateState.isUnapplied || updateState.underway) {
        if (!(await this.deployment.isGenerated(node))) return this.changes.end(node, { state: 'superseded' });
      }
      if (updateState.isUnapplied) return this.changes.applyVersion(node, '');
      const { underway } = updateState;
      if (!underway) return;
      const health = (await readHealth(db, [name])).get(name);
      const told = health === undefined ? null : (JSON.parse(health) as AgentHealth);
      const outcome = outcomeOf(underway, told, clock.nowMs());
      if (outcome.is === 'applied') await this.changes.end(node, { state: 'applied' });
      else if (outcome.is === 'failed') await this.changes.goBack(node, underway, outcome.error);
      else if (outcome.is === 'late' && !underway.isLate) await this.changes.noteLate(node, underway);
    });
  }
}

/** Does what is written down of the node's waiting say something else than the decision? */
function isStale({ state }: VersionedNode, decision: UpdateDecision, target: string): boolean {
  if (decision === 'current' && state.failed) return true;
  return state.waiting?.version !== (decision === 'wait' ? target : undefined);
}

function notPossible(name: string, why: string): Error {
  return refusal('CLOUD_UPDATE_NOT_POSSIBLE', `Cannot update ${name}: ${why}`);
}
