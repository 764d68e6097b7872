// Target conditions (cloud.md 2.6): text -> a question about twin documents, compiled once. What a condition may read is limited to what
// is told by events: nothing that an evaluation itself writes, or the fleet would never come to rest.

import type { JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { holds, pathWithoutSource } from '../query/evaluate-query.ts';
import { type ConditionQuery, type Expression, type Path, parseCondition } from '../query/parse-query.ts';
import type { ContentKind } from './configuration.ts';

export const TARGET_CONDITION_CHARS_MAX = 4_096;

const READABLE: readonly string[] = ['deviceId', 'moduleId', 'tags', 'capabilities', 'modelId'];

export interface TargetCondition {
  targets(document: JsonObject): boolean;
  /** First keys of the reported properties it reads; '' = all of them. */
  reportedKeys: ReadonlySet<string>;
  /** undefined: it holds for nothing. Without `where` it holds for every twin of its kind. */
  query: ConditionQuery | undefined;
}

/** '' holds for nothing, '*' for all; moduleContent is asked with `FROM devices.modules WHERE ..`. Throws CLOUD_QUERY_INVALID. */
export function compileCondition(text: string, kind: ContentKind): TargetCondition {
  if (text.length > TARGET_CONDITION_CHARS_MAX) {
    throw invalid(`it has ${text.length} characters, at most ${TARGET_CONDITION_CHARS_MAX} are allowed`);
  }
  if (text.trim() === '') return { targets: () => false, reportedKeys: new Set(), query: undefined };
  const query = parseCondition(text);
  const wanted = kind === 'moduleContent' ? 'modules' : 'devices';
  if (query.from !== wanted) {
    const form = wanted === 'modules' ? '"FROM devices.modules WHERE .."' : 'a condition on devices';
    throw invalid(`it asks for ${query.from}, ${kind} wants ${form}`);
  }
  const reportedKeys = new Set<string>();
  for (const path of query.where ? pathsOf(query.where) : []) requireReadable(pathWithoutSource(path), reportedKeys);
  return { targets: (document) => holds(query.where, document), reportedKeys, query };
}

function requireReadable(path: Path, reportedKeys: Set<string>): void {
  const [first = '', second] = path;
  if (READABLE.includes(first)) return;
  if (first === 'properties' && second === 'reported') {
    reportedKeys.add(path[2] ?? '');
    return;
  }
  throw invalid(`it reads ${path.join('.')}, wanted ${READABLE.join(', ')} or properties.reported`);
}

function pathsOf(expression: Expression): Path[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'path':
      return [expression.path];
    case 'call':
      return expression.operands.flatMap(pathsOf);
    case 'arithmetic':
    case 'compare':
      return [...pathsOf(expression.left), ...pathsOf(expression.right)];
    case 'in':
      return pathsOf(expression.left);
    case 'not':
      return pathsOf(expression.condition);
    case 'and':
    case 'or':
      return expression.conditions.flatMap(pathsOf);
  }
}

function invalid(why: string): Error {
  return refusal('CLOUD_QUERY_INVALID', `Cannot use the target condition: ${why}`);
}
