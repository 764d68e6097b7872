// The body of PUT /configurations/{id} -> a checked configuration, with every problem named (cloud.md 2.6).

import { isJsonObject, type Json, type JsonObject, jsonEqual, type Problem } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { parseQuery } from '../query/parse-query.ts';
import { checkContent } from './check-content.ts';
import { CONTENT_KINDS, type Configuration, type ContentKind } from './configuration.ts';
import { compileCondition } from './target-condition.ts';

export const METRICS_MAX = 5;
export const LABELS_MAX = 50;
const TEXT_CHARS_MAX = 512;
const ID_CHARS_MAX = 128;
const PRIORITY_MAX = 2 ** 31 - 1;
/** Lower case, and none of & ^ [ ] { } \ | " < > / or space (iotedge.md 1.8). */
const ID_PATTERN = /^[a-z0-9\-:.+%_#*?!(),=@;$'~]+$/;
const PROBLEMS_SHOWN_MAX = 5;

/** What a caller decides; times, etag and results are the hub's. */
export type ConfigurationInput = Pick<
  Configuration,
  'schemaVersion' | 'labels' | 'kind' | 'content' | 'targetCondition' | 'priority' | 'metricQueries'
>;

/** Throws CLOUD_ARGUMENT_INVALID. */
export function checkConfigurationId(id: string): void {
  if (id.length > 0 && id.length <= ID_CHARS_MAX && ID_PATTERN.test(id) && id !== '.' && id !== '..') return;
  throw refusal(
    'CLOUD_ARGUMENT_INVALID',
    `Cannot use the configuration id: it is "${id.slice(0, ID_CHARS_MAX)}" (${id.length} characters), wanted 1 to ${ID_CHARS_MAX} lower-case letters, digits and - : . + % _ # * ? ! ( ) , = @ , $ ' ~`,
  );
}

/**
 * Reads a whole configuration, or (`before` given) a change of one: what is absent stays, content may only be repeated.
 * Throws CLOUD_CONFIGURATION_INVALID with every problem.
 */
export function readConfiguration(body: JsonObject, before?: Configuration): ConfigurationInput {
  const problems: Problem[] = [];
  const read = <T>(name: string, stays: T, reader: (value: Json) => T): T => {
    const value = body[name];
    if (value === undefined) return stays;
    try {
      return reader(value);
    } catch (error) {
      problems.push({ path: name, message: error instanceof Error ? error.message : String(error) });
      return stays;
    }
  };
  const { kind, content } = readContent(body, before, problems);
  const input: ConfigurationInput = {
    schemaVersion: read('schemaVersion', before?.schemaVersion ?? '1.0', (value) => textOf(value ?? '1.0')),
    labels: read('labels', before?.labels ?? null, (value) => (value === null ? null : textMap(value, LABELS_MAX))),
    kind,
    content,
    targetCondition: read('targetCondition', before?.targetCondition ?? '', (value) => conditionOf(value, kind)),
    priority: read('priority', before?.priority ?? 0, priorityOf),
    metricQueries: read('metrics', before?.metricQueries ?? {}, metricQueriesOf),
  };
  if (problems.length > 0) throw invalid(problems);
  return input;
}

function readContent(body: JsonObject, before: Configuration | undefined, problems: Problem[]) {
  const given = isJsonObject(body.content) ? body.content : {};
  // az and the SDKs send all three keys, null where they are not meant.
  const kinds = CONTENT_KINDS.filter((kind) => isJsonObject(given[kind]) && Object.keys(given[kind]).length > 0);
  const [kind] = kinds;
  if (before) {
    const same =
      kinds.length === 0 ||
      (kinds.length === 1 && kind === before.kind && jsonEqual(given[before.kind], before.content));
    if (!same) {
      problems.push({
        path: 'content',
        message: 'is not what it was: content never changes, make a configuration with a new id',
      });
    }
    return { kind: before.kind, content: before.content };
  }
  if (kind === undefined || kinds.length > 1) {
    const got = kinds.length > 1 ? kinds.join(' and ') : 'nothing';
    problems.push({ path: 'content', message: `holds ${got}, wanted one of ${CONTENT_KINDS.join(', ')}` });
    return { kind: kind ?? ('modulesContent' as ContentKind), content: {} };
  }
  const content = given[kind] as JsonObject;
  problems.push(...checkContent(kind, content).map(({ path, message }) => ({ path: `content.${path}`, message })));
  return { kind, content: content as Configuration['content'] };
}

function conditionOf(value: Json, kind: ContentKind): string {
  const text = value === null ? '' : textOf(value, Number.POSITIVE_INFINITY);
  compileCondition(text, kind);
  return text;
}

function priorityOf(value: Json): number {
  const priority = value ?? 0;
  if (typeof priority === 'number' && Number.isInteger(priority) && priority >= 0 && priority <= PRIORITY_MAX)
    return priority;
  throw new RangeError(`is ${JSON.stringify(priority)}, wanted a whole number from 0 to ${PRIORITY_MAX}`);
}

function metricQueriesOf(value: Json): { [name: string]: string } {
  if (value === null) return {};
  if (!isJsonObject(value)) throw new RangeError('is no object, wanted {queries: {name: query}}');
  const queries = textMap(value.queries ?? {}, METRICS_MAX, Number.POSITIVE_INFINITY);
  for (const [name, query] of Object.entries(queries)) requireMetricQuery(name, query);
  return queries;
}

function requireMetricQuery(name: string, query: string): void {
  const fault = metricFault(query);
  if (fault !== undefined) throw new RangeError(`query "${name}": ${fault}`);
}

/** Why a text cannot be a custom metric; undefined = it can. */
export function metricFault(query: unknown): string | undefined {
  if (typeof query !== 'string') return `is ${JSON.stringify(query)}, wanted a query text`;
  try {
    const { from } = parseQuery(query);
    return from === 'jobs' ? 'it asks for jobs, wanted devices or devices.modules' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function textOf(value: Json, charsMax = TEXT_CHARS_MAX): string {
  if (typeof value === 'string' && value.length <= charsMax) return value;
  throw new RangeError(`is ${JSON.stringify(value).slice(0, 100)}, wanted a text of at most ${charsMax} characters`);
}

function textMap(value: Json, entriesMax: number, charsMax = TEXT_CHARS_MAX): { [name: string]: string } {
  if (!isJsonObject(value))
    throw new RangeError(`is ${JSON.stringify(value).slice(0, 100)}, wanted an object of texts`);
  const entries = Object.entries(value);
  if (entries.length > entriesMax)
    throw new RangeError(`has ${entries.length} entries, at most ${entriesMax} are allowed`);
  return Object.fromEntries(entries.map(([name, text]) => [textOf(name), textOf(text, charsMax)]));
}

function invalid(problems: Problem[]): Error {
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map(({ path, message }) => `${path}: ${message}`);
  const rest = problems.length - shown.length;
  return refusal(
    'CLOUD_CONFIGURATION_INVALID',
    `Cannot take the configuration, it has ${problems.length} problem(s): ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`,
    { problems: problems.map(({ path, message }) => ({ path, message })) },
  );
}
