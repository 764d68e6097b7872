// What is deployed on a node, as far as it is made from the fields: it follows them until somebody deploys a manifest of their own.

import { type Json, type JsonObject, jsonEqual, type ModulesContent } from '@wayside/protocol';
import type { Actor, AppliedContent, Platform } from '../platform.ts';
import { generateManifest, type ImageNames, manifestHash } from './node-manifest.ts';
import type { NodeRecord } from './node-record.ts';
import { readManifestHash, writeManifestHash } from './node-rows.ts';
import type { NodeDb } from './tables.ts';

const CACHE_MODULE_ID = 'MCC';

export interface NodeDeploymentParts {
  db: NodeDb;
  platform: Pick<Platform, 'applyContent' | 'getContent' | 'getOwnDeployment' | 'patchTwin'>;
  images: ImageNames;
}

export class NodeDeployment {
  private readonly parts: NodeDeploymentParts;

  constructor(parts: NodeDeploymentParts) {
    this.parts = parts;
  }

  /** The manifest its fields stand for. */
  manifestOf(node: NodeRecord): ModulesContent {
    const { images } = this.parts;
    return generateManifest(node, { ...images, tag: node.moduleVersion ?? images.tag });
  }

  /** Answers $version of $edgeAgent's desired properties afterwards. */
  async apply(node: NodeRecord, by: Actor): Promise<number> {
    const wanted = this.manifestOf(node);
    const { desiredVersion } = await this.parts.platform.applyContent(node.name, wanted, by, { followsFields: true });
    await writeManifestHash(this.parts.db, node.name, manifestHash(wanted));
    return desiredVersion;
  }

  /** A manifest of the operator's own. One that is just what the fields stand for keeps following them. */
  deploy(node: NodeRecord, content: ModulesContent, by: Actor): Promise<AppliedContent> {
    const followsFields = manifestHash(content) === manifestHash(this.manifestOf(node));
    return this.parts.platform.applyContent(node.name, content, by, { followsFields });
  }

  /** A deployment made from the fields before deployments said so: configurations may lie on it from then on. Changes no version. */
  async adopt(node: NodeRecord): Promise<void> {
    const { platform } = this.parts;
    const { content, followsFields } = await platform.getOwnDeployment(node.name);
    if (followsFields || !(await this.isGenerated(node))) return;
    await platform.applyContent(node.name, content, '', { followsFields: true });
  }

  /** Deploys the manifest of the changed fields where that of the fields before was deployed; did it? */
  async follow(before: NodeRecord, after: NodeRecord, by: Actor): Promise<boolean> {
    if (jsonEqual(this.manifestOf(before) as Json, this.manifestOf(after) as Json)) return false;
    if (!(await this.isGenerated(before))) return false;
    await this.apply(after, by);
    return true;
  }

  /** In a deployment that somebody wrote the cache is told by its twin alone; the manifest of the next deployment has the say again. */
  async drainByTwin({ name, isDraining }: NodeRecord): Promise<void> {
    const { platform } = this.parts;
    if ((await platform.getContent(name))[CACHE_MODULE_ID] === undefined) return;
    await platform.patchTwin(name, CACHE_MODULE_ID, { desired: { drain: isDraining ? true : null } });
  }

  /** A new customer key reaches a deployment that somebody wrote, too: wherever a module's environment holds the one before. */
  async replaceKey(before: NodeRecord, after: NodeRecord, by: Actor): Promise<void> {
    if (await this.follow(before, after, by)) return;
    const { platform } = this.parts;
    const content = structuredClone((await platform.getOwnDeployment(after.name)).content);
    const agent = content.$edgeAgent?.['properties.desired'] as { modules?: JsonObject } | undefined;
    let isHeld = false;
    for (const module of Object.values(agent?.modules ?? {})) {
      const { env } = module as { env?: { [name: string]: { value?: unknown } } };
      for (const entry of Object.values(env ?? {})) {
        if (entry.value !== before.customerKey) continue;
        entry.value = after.customerKey;
        isHeld = true;
      }
    }
    if (isHeld) await platform.applyContent(after.name, content, by);
  }

  /** Is what is deployed made from the fields, by this version or the one that deployed it? */
  async isGenerated(node: NodeRecord): Promise<boolean> {
    // What configurations laid on it does not count.
    const { content } = await this.parts.platform.getOwnDeployment(node.name);
    const hash = manifestHash(content);
    if (hash === manifestHash(this.manifestOf(node))) return true;
    return hash === (await readManifestHash(this.parts.db, node.name));
  }
}
