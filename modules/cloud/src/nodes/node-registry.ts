// Cache nodes: created, changed and deleted together with their devices and deployments.
//
// INVARIANTS
// - Changes run one at a time: two nodes cannot claim the same address, and fields and deployment change together.
// - The node's row is written before its device is made; a start after a crash makes what is missing (`repair`).
// - A deployment that an operator wrote is never overwritten by a change of fields: only one made from the fields follows them.

import { randomUUID } from 'node:crypto';
import { type Clock, describeError, EdgeError, isEdgeError, type Logger, Semaphore } from '@wayside/kit';
import { type Json, jsonEqual, type ModulesContent } from '@wayside/protocol';
import type { Accounts } from '../accounts/accounts.ts';
import { refusal } from '../errors.ts';
import type { Actor, Platform } from '../platform.ts';
import type { Turn } from '../replicas/replicas.ts';
import { targetVersion } from '../updates/target-version.ts';
import type { FieldProblem, FieldRules, FieldWarning } from './field-complaints.ts';
import { NodeDeployment } from './node-deployment.ts';
import { checkFieldConflicts, type FieldsResult, readNodeFields } from './node-fields.ts';
import type { ImageNames } from './node-manifest.ts';
import type { NodeFields, NodeRecord, NodeSecrets } from './node-record.ts';
import {
  countNodes,
  deleteNodeRow,
  insertNode,
  readNode,
  readNodeById,
  readNodes,
  readRivals,
  updateNodeFields,
  writeCustomerKey,
} from './node-rows.ts';
import type { NodeDb } from './tables.ts';
import { byWhom, type Timeline } from './timeline.ts';

/** One replica judges and probes all of them every few seconds. */
const NODES_MAX = 5_000;

type RegistryPlatform = Pick<
  Platform,
  'createEdgeDevice' | 'getDevice' | 'deleteDevice' | 'applyContent' | 'getContent' | 'getOwnDeployment' | 'patchTwin'
>;

export interface NodeRegistryOptions {
  db: NodeDb;
  platform: RegistryPlatform;
  clock: Clock;
  logger: Logger;
  timeline: Timeline;
  accounts: Pick<Accounts, 'get' | 'defaultId'>;
  images: ImageNames;
  rules: Pick<FieldRules, 'driveSizeGbMin'>;
  /** One change at a time, over all replicas; default: in this process. */
  turn?: Turn;
  /** Told of every node that was created, changed or (undefined) deleted, before the caller has its answer. */
  onChange?(name: string, node: NodeRecord | undefined): Promise<void>;
}

export class NodeRegistry {
  private readonly options: NodeRegistryOptions;
  private readonly turn: Turn;
  private readonly deployment: NodeDeployment;

  constructor(options: NodeRegistryOptions) {
    this.options = options;
    this.turn = options.turn ?? new Semaphore(1);
    this.deployment = new NodeDeployment(options);
  }

  list(): Promise<NodeRecord[]> {
    return readNodes(this.options.db);
  }

  find(name: string): Promise<NodeRecord | undefined> {
    return readNode(this.options.db, name);
  }

  /** CLOUD_NODE_NOT_FOUND. */
  async get(name: string): Promise<NodeRecord> {
    const node = await this.find(name);
    if (!node) throw refusal('CLOUD_NODE_NOT_FOUND', `There is no cache node "${name}"`);
    return node;
  }

  /** The manifest its fields stand for. */
  manifestOf(node: NodeRecord): ModulesContent {
    return this.deployment.manifestOf(node);
  }

  /**
   * Node, device, twins and first deployment, or nothing; `brought` = what a node out of a migration package keeps.
   * CLOUD_NODE_INVALID, CLOUD_NODE_CONFLICT, CLOUD_NODE_LIMIT.
   */
  create(
    input: unknown,
    by: Actor = '',
    brought?: Pick<NodeRecord, 'cacheNodeId' | 'customerKey' | 'importedAtMs'>,
  ): Promise<{ node: NodeRecord; warnings: FieldWarning[] }> {
    return this.turn.run(async () => {
      const { customerId, rest } = this.accountOf(input);
      const { fields, secrets, warnings } = readOrRefuse(rest, this.rulesOf(customerId));
      const count = await countNodes(this.options.db);
      if (count >= NODES_MAX) {
        throw refusal('CLOUD_NODE_LIMIT', `Cannot create ${fields.name}: ${count} nodes, at most ${NODES_MAX}`);
      }
      refuseConflicts(checkFieldConflicts(fields, await readRivals(this.options.db, fields)));
      if (brought && (await readNodeById(this.options.db, brought.cacheNodeId)))
        throw refusal('CLOUD_NODE_CONFLICT', `Cannot create ${fields.name}: its id ${brought.cacheNodeId} is in use`);
      const nowMs = this.options.clock.nowMs();
      const node: NodeRecord = {
        ...fields,
        ...secrets,
        customerId,
        cacheNodeId: randomUUID(),
        customerKey: randomUUID(),
        createdAtMs: nowMs,
        updatedAtMs: nowMs,
        provisionedAtMs: null,
        provisionedHost: null,
        importedAtMs: null,
        moduleVersion: targetVersion(this.options.accounts.get(customerId), this.options.images),
        updateState: {},
        ...brought,
      };
      await insertNode(this.options.db, node);
      await this.createDevice(node, by);
      const text = `Cache node created${byWhom(by)}${brought ? ', from a migration package' : ''}`;
      await this.options.timeline.record({ nodeName: node.name, kind: 'node', subject: '', text, details: { by } });
      await this.options.onChange?.(node.name, node);
      return { node, warnings };
    });
  }

  /** Changes the fields given. `followed` = the deployment was made from the fields and was made anew from the changed ones. */
  change(
    name: string,
    input: unknown,
    by: Actor = '',
  ): Promise<{ node: NodeRecord; followed: boolean; warnings: FieldWarning[] }> {
    return this.turn.run(async () => {
      const before = await this.get(name);
      const { fields, secrets, warnings } = readOrRefuse(input, this.rulesOf(before.customerId), before);
      const others = (await readRivals(this.options.db, fields)).filter((other) => other.name !== name);
      refuseConflicts(checkFieldConflicts(fields, others));
      const changed = changedKeys(before, { ...fields, ...secrets });
      if (changed.length === 0) return { node: before, followed: false, warnings };
      const node: NodeRecord = { ...before, ...fields, ...secrets, updatedAtMs: this.options.clock.nowMs() };
      await updateNodeFields(this.options.db, node);
      const followed = await this.followFields(before, node, by);
      if (!followed && before.isDraining !== node.isDraining) await this.deployment.drainByTwin(node);
      const text = `Fields changed${byWhom(by)}: ${changed.join(', ')}`;
      const details = { changed, by };
      await this.options.timeline.record({ nodeName: name, kind: 'node', subject: '', text, details });
      await this.options.onChange?.(name, node);
      return { node, followed, warnings };
    });
  }

  /** A new customer key: provisioning commands that carry the one before fail, and the cache gets the new one with its next deployment. */
  rotateCustomerKey(name: string, by: Actor = ''): Promise<NodeRecord> {
    return this.turn.run(async () => {
      const before = await this.get(name);
      const after: NodeRecord = { ...before, customerKey: randomUUID(), updatedAtMs: this.options.clock.nowMs() };
      await writeCustomerKey(this.options.db, after);
      try {
        await this.deployment.replaceKey(before, after, by);
      } catch (error) {
        await writeCustomerKey(this.options.db, before);
        throw error;
      }
      const text = `Customer key rotated${byWhom(by)}`;
      await this.options.timeline.record({ nodeName: name, kind: 'node', subject: '', text, details: { by } });
      return after;
    });
  }

  /** A server registered as the node: its manifest may name the server. `before` = the node as it was. */
  registered(before: NodeRecord): Promise<void> {
    return this.turn.run(async () => {
      const after = await this.find(before.name);
      if (after) await this.followFields(before, after, '');
    });
  }

  /** Deploys a manifest of the operator's own, all or nothing: CLOUD_MANIFEST_INVALID with every problem. */
  deploy(
    name: string,
    content: ModulesContent,
    by: Actor = '',
  ): Promise<{ desiredVersion: number; modules: string[] }> {
    return this.turn.run(async () => {
      return this.deployment.deploy(await this.get(name), content, by);
    });
  }

  /** Cannot be undone: device, twins, messages, events and figures go with it. */
  remove(name: string): Promise<void> {
    return this.turn.run(async () => {
      await this.get(name);
      await this.deleteDevice(name);
      await deleteNodeRow(this.options.db, name);
      await this.options.onChange?.(name, undefined);
    });
  }

  /** Makes the devices and first deployments that a crash after the row left out. */
  async repair(): Promise<void> {
    const { platform, logger } = this.options;
    for (const node of await this.list()) {
      try {
        const hasDevice = (await platform.getDevice(node.name)) !== undefined;
        if (hasDevice && Object.keys(await platform.getContent(node.name)).length > 0) {
          await this.deployment.adopt(node);
          continue;
        }
        logger.warn('Cache node has no device or no deployment, making it', { node: node.name });
        if (!hasDevice) await platform.createEdgeDevice(node.name);
        await this.deployment.apply(node, '');
      } catch (error) {
        logger.error('Cannot make the device of a cache node', { node: node.name, error: describeError(error) });
      }
    }
  }

  /** The account a new node is for; what is left are its fields. CLOUD_ACCOUNT_NOT_FOUND. */
  private accountOf(input: unknown): { customerId: string; rest: unknown } {
    const { accounts } = this.options;
    if (typeof input !== 'object' || input === null || Array.isArray(input) || !Object.hasOwn(input, 'customerId')) {
      return { customerId: accounts.defaultId, rest: input };
    }
    const { customerId, ...rest } = input as { customerId: unknown };
    return { customerId: accounts.get(String(customerId)).customerId, rest };
  }

  private rulesOf(customerId: string): FieldRules {
    const { ipv6, privatePrefixes } = this.options.accounts.get(customerId);
    return { ...this.options.rules, ipv6, privatePrefixes };
  }

  private async createDevice(node: NodeRecord, by: Actor): Promise<void> {
    const { platform, db } = this.options;
    let isMade = false;
    try {
      await platform.createEdgeDevice(node.name);
      isMade = true;
      await this.deployment.apply(node, by);
    } catch (error) {
      if (isMade) await this.deleteDevice(node.name);
      await deleteNodeRow(db, node.name);
      if (!isEdgeError(error, 'CLOUD_DEVICE_EXISTS')) throw error;
      const message = `cache node name "${node.name}" is already in use or in the wrong format: a device of that name exists`;
      throw invalid('CLOUD_NODE_CONFLICT', [{ path: 'name', message, code: 'NameInvalidOrInUse' }]);
    }
  }

  private async deleteDevice(name: string): Promise<void> {
    try {
      await this.options.platform.deleteDevice(name);
    } catch (error) {
      if (!isEdgeError(error, 'CLOUD_DEVICE_NOT_FOUND')) throw error;
    }
  }

  private async followFields(before: NodeRecord, after: NodeRecord, by: Actor): Promise<boolean> {
    try {
      return await this.deployment.follow(before, after, by);
    } catch (error) {
      await updateNodeFields(this.options.db, before);
      throw error;
    }
  }
}

/** Names of the fields that differ; a password counts as its part of the form. */
function changedKeys(before: NodeRecord, after: NodeFields & NodeSecrets): string[] {
  const differing = (Object.keys(after) as (keyof typeof after)[]).filter((key) => !sameJson(after[key], before[key]));
  return [...new Set(differing.map((key) => (key === 'bgpPasswords' ? 'bgp' : key)))];
}

function sameJson(a: unknown, b: unknown): boolean {
  return jsonEqual(a as Json, b as Json);
}

function readOrRefuse(input: unknown, rules: FieldRules, base?: NodeFields & NodeSecrets): FieldsResult & { ok: true } {
  const result = readNodeFields(input, rules, base);
  if (!result.ok) throw invalid('CLOUD_NODE_INVALID', result.problems);
  return result;
}

function refuseConflicts(problems: FieldProblem[]): void {
  if (problems.length > 0) throw invalid('CLOUD_NODE_CONFLICT', problems);
}

function invalid(code: 'CLOUD_NODE_INVALID' | 'CLOUD_NODE_CONFLICT', problems: FieldProblem[]): EdgeError {
  const texts = problems.map((problem) => (problem.path ? `${problem.path}: ${problem.message}` : problem.message));
  const message = `Cannot save the cache node: ${texts.join('; ')}`;
  return new EdgeError(code, message, { details: { problems: problems.map((p) => ({ ...p })) }, source: 'downstream' });
}
