// What is deployed on a node, as far as it is made from the fields: it follows them until somebody deploys a manifest of their own.

import { type Json, type JsonObject, jsonEqual, type ModulesContent } from '@wayside/protocol';
import type { Actor, Platform } from '../platform.ts';
import { generateManifest, type ImageNames, manifestHash } from './node-manifest.ts';
import type { NodeRecord } from './node-record.ts';
import { readManifestHash, writeManifestHash } from './node-rows.ts';
import type { NodeDb } from './tables.ts';

const CACHE_MODULE_ID = 'MCC';

export interface NodeDeploymentParts {
  db: NodeDb;
  platform: Pick<Platform, 'applyContent' | 'getContent' | 'patchTwin'>;
  images: ImageNames;
}

export class NodeDeployment {
  private readonly parts: NodeDeploymentParts;

  constructor(parts: NodeDeploymentParts) {
    this.parts = parts;
  }

  /** The manifest its fields stand for. */
  manifestOf(node: NodeRecord): ModulesContent {
    return generateManifest(node, this.parts.images);
  }

  async apply(node: NodeRecord, by: Actor): Promise<void> {
    const wanted = this.manifestOf(node);
    await this.parts.platform.applyContent(node.name, wanted, by);
    await writeManifestHash(this.parts.db, node.name, manifestHash(wanted));
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
    const content = structuredClone(await platform.getContent(after.name));
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
  private async isGenerated(node: NodeRecord): Promise<boolean> {
    const hash = manifestHash(await this.parts.platform.getContent(node.name));
    if (hash === manifestHash(this.manifestOf(node))) return true;
    return hash === (await readManifestHash(this.parts.db, node.name));
  }
}
