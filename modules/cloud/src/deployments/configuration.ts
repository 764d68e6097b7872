// A configuration: content for all twins its condition holds for (cloud.md 2.6). Its order of precedence is decided here.

import type { Json, JsonObject, ModulesContent } from '@wayside/protocol';
import type { Actor } from '../platform.ts';

export const CONTENT_KINDS = ['modulesContent', 'deviceContent', 'moduleContent'] as const;
export type ContentKind = (typeof CONTENT_KINDS)[number];

export interface Configuration {
  id: string;
  etag: string;
  /** '1.0' from the Node SDK, '2.0' from az; kept as it came. */
  schemaVersion: string;
  labels: { [name: string]: string } | null;
  kind: ContentKind;
  /** What stands under the kind: modules, or `properties.desired.<path>` to value. Never changes. */
  content: ModulesContent | { [path: string]: Json };
  targetCondition: string;
  priority: number;
  /** Name to query text, at most METRICS_MAX. */
  metricQueries: { [name: string]: string };
  /** Rows (or the value of COUNT()) of each query, when it was asked last. */
  metricResults: { [name: string]: number };
  createdAtMs: number;
  createdBy: Actor;
  updatedAtMs: number;
  updatedBy: Actor;
}

/** A configuration ready to be asked about twins. */
export interface CompiledConfiguration extends Configuration {
  /** It changes another deployment in place of being one. */
  isLayer: boolean;
  /** Does the condition hold for this twin document? */
  targets(document: JsonObject): boolean;
  /** First keys of the reported properties the condition reads; '' = all of them. */
  reportedKeys: ReadonlySet<string>;
}

/** Ascending precedence: higher priority wins, on a tie the later one (cloud.md 2.6). Ids settle what is equal still. */
export function byPrecedence(a: Configuration, b: Configuration): number {
  return a.priority - b.priority || a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1);
}
