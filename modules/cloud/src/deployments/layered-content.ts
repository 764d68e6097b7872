// Base deployment plus layers -> what a device is to have (iotedge.md 1.6, cloud.md 2.12). Pure; the same combination is composed once.

import { createHash } from 'node:crypto';
import {
  checkManifest,
  isJsonObject,
  type Json,
  type JsonObject,
  type ModulesContent,
  type Problem,
  setOwnValue,
} from '@wayside/protocol';
import { EDGE_AGENT } from '../identity/identity-id.ts';
import type { CompiledConfiguration } from './configuration.ts';
import { DESIRED_KEY, type DesiredPath, parseDesiredKey, withPath } from './desired-path.ts';

/** Combinations of base and layers kept ready. A fleet has a handful; a rollout under way doubles them. */
const COMBINATIONS_MAX = 500;

export interface ComposedContent {
  content: ModulesContent;
  /** SHA-256 of the content, hex; key order does not count. */
  hash: string;
  /** Why it is no deployment for a device; [] = it is one. */
  problems: Problem[];
}

/** Each key of each layer in turn replaces what stands at its path; the inputs stay as they are. */
export function layContent(base: ModulesContent, layers: readonly ModulesContent[]): ModulesContent {
  const sections = new Map<string, JsonObject>();
  for (const [module, keys] of Object.entries(base)) {
    const desired = keys[DESIRED_KEY];
    if (isJsonObject(desired)) sections.set(module, desired);
  }
  for (const layer of layers) {
    for (const [module, keys] of Object.entries(layer)) {
      const changes = Object.entries(keys).map(([key, value]): [DesiredPath, Json] => [
        parseDesiredKey(key) ?? [],
        value,
      ]);
      if (changes.length === 0) continue;
      // A whole section first: the other keys of the same layer stand on it.
      changes.sort(([a], [b]) => a.length - b.length);
      let section = sections.get(module) ?? {};
      for (const [path, value] of changes) section = withPath(section, path, value);
      sections.set(module, section);
    }
  }
  const content: ModulesContent = {};
  for (const [module, section] of sections) setOwnValue(content, module, { [DESIRED_KEY]: section });
  return content;
}

export function composeContent(base: ModulesContent, layers: readonly ModulesContent[]): ComposedContent {
  const content = layContent(base, layers);
  return { content, hash: contentHash(content), problems: checkManifest(content) };
}

/** Modules with a section of their own, and those that $edgeAgent is to run, sorted. */
export function namedModules(content: ModulesContent): string[] {
  const names = new Set(Object.keys(content));
  const agent = content[EDGE_AGENT]?.[DESIRED_KEY];
  const modules = isJsonObject(agent) ? agent.modules : undefined;
  if (isJsonObject(modules)) for (const name of Object.keys(modules)) names.add(name);
  return [...names].sort();
}

export function contentHash(content: ModulesContent): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(content)))
    .digest('hex');
}

/** Remembers what it composed, by id and birth of what went in: a configuration's content never changes. */
export class Composer {
  private readonly known = new Map<string, ComposedContent>();

  compose(base: CompiledConfiguration, layers: readonly CompiledConfiguration[]): ComposedContent {
    const key = [base, ...layers].map(({ id, createdAtMs }) => `${id} ${createdAtMs}`).join('\n');
    const known = this.known.get(key);
    if (known) return known;
    if (this.known.size >= COMBINATIONS_MAX) this.known.clear();
    const composed = composeContent(
      base.content as ModulesContent,
      layers.map((layer) => layer.content as ModulesContent),
    );
    this.known.set(key, composed);
    return composed;
  }
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  ) as JsonObject;
}
