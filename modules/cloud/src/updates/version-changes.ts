// The steps that a node's version goes through: handed out, running, failed and back, late. Each is made in the turn of the registry
// (updates.ts) and written before the manifest is deployed; `isUnapplied` says that this has still to be done.

import type { Clock, Logger } from '@wayside/kit';
import type { NodeDeployment, NodeDeploymentParts } from '../nodes/node-deployment.ts';
import type { NodeRecord } from '../nodes/node-record.ts';
import { byWhom, type Timeline } from '../nodes/timeline.ts';
import type { Actor } from '../platform.ts';
import type { UpdateReason } from './decide-update.ts';
import { addUpdate, writeOutcome, writeVersion } from './update-rows.ts';

export interface VersionChangesParts extends NodeDeploymentParts {
  clock: Clock;
  logger: Logger;
  timeline: Timeline;
  deployment: NodeDeployment;
}

type Underway = NonNullable<NodeRecord['updateState']['underway']>;

export class VersionChanges {
  private readonly options: VersionChangesParts;

  constructor(parts: VersionChangesParts) {
    this.options = parts;
  }

  /** A node of before versions were written down has the one that is deployed. */
  async adopt(node: NodeRecord, target: string): Promise<void> {
    const { db, platform } = this.options;
    const { content } = await platform.getOwnDeployment(node.name);
    const isOurs = await this.options.deployment.isGenerated(node);
    const moduleVersion = (isOurs ? agentTag(content) : undefined) ?? target;
    await writeVersion(db, node.name, { moduleVersion, updateState: {} });
  }

  async start(node: NodeRecord, version: string, reason: UpdateReason, by: Actor): Promise<void> {
    const { db, clock, timeline } = this.options;
    const atMs = clock.nowMs();
    const { name, updateState } = node;
    const from = updateState.underway?.from ?? node.moduleVersion ?? version;
    const isRunning = reason !== 'notRunning';
    const state: NodeRecord['updateState'] = {
      ...(isRunning ? { underway: { version, from, startedMs: atMs } } : {}),
      isUnapplied: true,
    };
    await db.transaction().execute(async (trx) => {
      await writeVersion(trx, name, { moduleVersion: version, updateState: state });
      await addUpdate(trx, { name, version, from, reason, by, atMs });
      if (!isRunning) await writeOutcome(trx, name, { state: 'applied', endedMs: atMs, error: null });
    });
    await this.applyVersion({ ...node, moduleVersion: version, updateState: state }, by);
    const text = `Version ${version} of the modules goes out${byWhom(by)}, ${from} ran before: ${REASON_TEXTS[reason]}`;
    const details = { version, from, reason, by };
    await timeline.record({ nodeName: name, kind: 'update', subject: version, text, details });
  }

  async applyVersion(node: NodeRecord, by: Actor): Promise<void> {
    const desiredVersion = await this.options.deployment.apply(node, by);
    const { isUnapplied: _done, underway, ...rest } = node.updateState;
    const updateState = { ...rest, ...(underway ? { underway: { ...underway, desiredVersion } } : {}) };
    await writeVersion(this.options.db, node.name, { updateState });
  }

  async end(node: NodeRecord, { state }: { state: 'applied' | 'superseded' }): Promise<void> {
    const { db, clock, timeline } = this.options;
    const { waiting } = node.updateState;
    await db.transaction().execute(async (trx) => {
      await writeVersion(trx, node.name, { updateState: waiting ? { waiting } : {} });
      await writeOutcome(trx, node.name, { state, endedMs: clock.nowMs(), error: null });
    });
    const version = node.moduleVersion ?? '';
    const text =
      state === 'applied'
        ? `Version ${version} of the modules runs`
        : `The update to version ${version} ended: somebody deployed a manifest of their own`;
    await timeline.record({ nodeName: node.name, kind: 'update', subject: version, text, details: { version, state } });
  }

  /** Otherwise the agent would try the version for ever. */
  async goBack(node: NodeRecord, { version, from }: { version: string; from: string }, error: string): Promise<void> {
    const { db, clock, timeline, logger } = this.options;
    const atMs = clock.nowMs();
    const updateState: NodeRecord['updateState'] = { failed: { version, atMs, error }, isUnapplied: true };
    await db.transaction().execute(async (trx) => {
      await writeVersion(trx, node.name, { moduleVersion: from, updateState });
      await writeOutcome(trx, node.name, { state: 'failed', endedMs: atMs, error });
    });
    logger.warn('An update of a cache node failed', { node: node.name, version, back: from });
    await this.applyVersion({ ...node, moduleVersion: from, updateState }, '');
    const text = `Version ${version} of the modules failed, back to ${from}: ${error}`;
    await timeline.record({ nodeName: node.name, kind: 'update', subject: version, text, details: { version, from } });
  }

  async noteLate(node: NodeRecord, underway: Underway): Promise<void> {
    const { db, timeline } = this.options;
    const { version } = underway;
    const error = 'It was not running 6 hours after it was handed out';
    await db.transaction().execute(async (trx) => {
      await writeVersion(trx, node.name, {
        updateState: { ...node.updateState, underway: { ...underway, isLate: true } },
      });
      await writeOutcome(trx, node.name, { state: 'late', endedMs: null, error });
    });
    const text = `Version ${version} of the modules is not running 6 hours after it was handed out`;
    await timeline.record({ nodeName: node.name, kind: 'update', subject: version, text, details: { version } });
  }
}

const REASON_TEXTS: { [reason in UpdateReason]: string } = {
  ring: 'its ring lets it',
  critical: 'it is critical',
  asked: 'asked for',
  notRunning: 'no server runs as this node',
};

/** Tag of edgeAgent's image in a manifest. */
function agentTag(content: { $edgeAgent?: object }): string | undefined {
  const image = (
    content.$edgeAgent as
      | { 'properties.desired'?: { systemModules?: { edgeAgent?: { settings?: { image?: unknown } } } } }
      | undefined
  )?.['properties.desired']?.systemModules?.edgeAgent?.settings?.image;
  return typeof image === 'string' ? /:([^:/@]+)$/.exec(image)?.[1] : undefined;
}
