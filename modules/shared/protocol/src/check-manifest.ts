// Judges a base manifest for one device before anything is changed: the JSON Schema, the parsers' truths, the twin limits.

import { readFileSync } from 'node:fs';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseAgentDesired } from './agent-desired.ts';
import { show } from './desired-reader.ts';
import { parseHubDesired } from './hub-desired.ts';
import { isJsonObject, type JsonObject, ownValue } from './json.ts';
import { MODULE_NAME, type ModulesContent, type Problem } from './manifest.ts';
import { checkTwinSection } from './twin.ts';

const TOP = 'modulesContent';
const DESIRED = 'properties.desired';
/** A manifest with more problems is answered with the first ones. */
const PROBLEMS_MAX = 200;
/** Names of the system modules' containers. */
const SYSTEM_NAMES: readonly string[] = ['edgeagent', 'edgehub'];
/** Device and module ids (iotedge.md 1.8). */
const MODULE_NAME_CHARS_MAX = 128;

/** Accepts the envelope forms of iotedge.md 1.1 ({modulesContent}, {content:{modulesContent}}, a configuration object) and returns the modulesContent; problems when none is there. */
export function readEnvelope(document: unknown): { modulesContent: ModulesContent } | { problems: Problem[] } {
  if (!isJsonObject(document))
    return { problems: [{ path: '', message: `is ${show(document)}, wanted a JSON object` }] };
  const direct = ownValue(document, TOP);
  const content = ownValue(document, 'content');
  const found = direct ?? (isJsonObject(content) ? ownValue(content, TOP) : undefined);
  if (found === undefined || found === null) {
    return {
      problems: [
        { path: TOP, message: 'is missing, wanted {"modulesContent": ...} or {"content": {"modulesContent": ...}}' },
      ],
    };
  }
  if (!isJsonObject(found)) return { problems: [{ path: TOP, message: `is ${show(found)}, wanted an object` }] };
  const problems = Object.keys(found)
    .filter((name) => !isJsonObject(found[name]))
    .map((name) => ({ path: `${TOP}.${name}`, message: `is ${show(found[name])}, wanted an object` }));
  return problems.length > 0 ? { problems } : { modulesContent: found as ModulesContent };
}

/** Every problem of a base manifest for one device, as strict as the published JSON Schema plus the parsers and the twin limits: names, enums, createOptions JSON and chunks, routes present, sizes. [] = good. */
export function checkManifest(modulesContent: ModulesContent): Problem[] {
  const problems = schemaProblems(modulesContent);
  for (const problem of [
    ...parserProblems(modulesContent),
    ...nameProblems(modulesContent),
    ...sizeProblems(modulesContent),
  ]) {
    // The schema has said it already, in the words of the field's own rule.
    if (!problems.some((known) => known.path === problem.path)) problems.push(problem);
  }
  return problems.slice(0, PROBLEMS_MAX);
}

/** The desired section of one entry, when it is an object. */
function desiredOf(modulesContent: ModulesContent, name: string): JsonObject | undefined {
  const entry = Object.hasOwn(modulesContent, name) ? modulesContent[name] : undefined;
  const desired = isJsonObject(entry) ? ownValue(entry, DESIRED) : undefined;
  return isJsonObject(desired) ? desired : undefined;
}

function parserProblems(modulesContent: ModulesContent): Problem[] {
  const agent = desiredOf(modulesContent, '$edgeAgent');
  const hub = desiredOf(modulesContent, '$edgeHub');
  // A placeholder image is right or wrong on its device; any host name stands for the parent here.
  const agentResult = agent === undefined ? undefined : parseAgentDesired(agent, { parentHostname: 'parent' });
  const hubResult = hub === undefined ? undefined : parseHubDesired(hub);
  return [
    ...(agentResult?.ok === false ? under(`${TOP}.$edgeAgent.${DESIRED}`, agentResult.problems) : []),
    ...(hubResult?.ok === false ? under(`${TOP}.$edgeHub.${DESIRED}`, hubResult.problems) : []),
  ];
}

function nameProblems(modulesContent: ModulesContent): Problem[] {
  const modules = ownValue(desiredOf(modulesContent, '$edgeAgent') ?? {}, 'modules');
  if (!isJsonObject(modules)) return [];
  const problems: Problem[] = [];
  for (const name of Object.keys(modules).filter((n) => MODULE_NAME.test(n))) {
    const path = `${TOP}.$edgeAgent.${DESIRED}.modules.${name}`;
    if (SYSTEM_NAMES.includes(name.toLowerCase())) problems.push({ path, message: 'has the name of a system module' });
    if (!/^[a-zA-Z0-9]/.test(name))
      problems.push({ path, message: 'is no container name: wanted a letter or digit first' });
    if (name.length > MODULE_NAME_CHARS_MAX) {
      problems.push({ path, message: `has ${name.length} characters, at most ${MODULE_NAME_CHARS_MAX} may be` });
    }
  }
  return problems;
}

function sizeProblems(modulesContent: ModulesContent): Problem[] {
  return Object.keys(modulesContent).flatMap((name) => {
    const desired = desiredOf(modulesContent, name);
    return desired === undefined ? [] : under(`${TOP}.${name}.${DESIRED}`, checkTwinSection(desired));
  });
}

function under(prefix: string, problems: readonly Problem[]): Problem[] {
  return problems.map(({ path, message }) => ({ path: path === '' ? prefix : `${prefix}.${path}`, message }));
}

let compiled: ValidateFunction | undefined;

/** Compiled at first use: most processes never judge a manifest. */
function validator(): ValidateFunction {
  if (compiled === undefined) {
    const text = readFileSync(new URL('../schemas/deployment-manifest.schema.json', import.meta.url), 'utf8');
    const ajv = new Ajv2020({
      allErrors: true,
      verbose: true,
      allowUnionTypes: true,
      strictTypes: false,
      strictRequired: false,
      // Without a look at the draft: compiling it would take longer than the schema itself. A test does it.
      ...{ validateSchema: false, meta: false },
    });
    const { $schema: _draft, ...schema } = JSON.parse(text);
    compiled = ajv.compile(schema);
  }
  return compiled;
}

function schemaProblems(modulesContent: ModulesContent): Problem[] {
  const validate = validator();
  if (validate(modulesContent)) return [];
  return (validate.errors ?? []).filter((error) => error.keyword !== 'if').map(toProblem);
}

function toProblem(error: ErrorObject): Problem {
  const parts = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const params = error.params as { [name: string]: unknown };
  const path = (...more: unknown[]) => [TOP, ...parts, ...more].join('.');
  const is = `is ${isSecret(parts) ? 'wrong' : show(error.data)}`;
  switch (error.keyword) {
    case 'required':
      return { path: path(params.missingProperty), message: 'is missing' };
    case 'additionalProperties':
      return { path: path(params.additionalProperty), message: unknownField(parts, String(params.additionalProperty)) };
    case 'type':
      return { path: path(), message: `${is}, wanted ${[params.type].flat().join(' or ')}` };
    case 'enum':
      return {
        path: path(),
        message: `${is}, wanted one of ${(params.allowedValues as unknown[]).map(show).join(', ')}`,
      };
    case 'const':
      return { path: path(), message: `${is}, wanted ${show(params.allowedValue)}` };
    case 'minimum':
    case 'maximum':
      return { path: path(), message: `${is}, wanted ${params.comparison} ${params.limit}` };
    default:
      return { path: path(), message: `${is}: it ${error.message ?? 'is wrong'}` };
  }
}

function isSecret(parts: readonly string[]): boolean {
  return parts.includes('registryCredentials') || parts.includes('env');
}

function unknownField(parts: readonly string[], name: string): string {
  if (parts.length === 0) return 'is no module name: only letters, digits, "_" and "-" may be';
  if (parts.length === 1 && name.startsWith(`${DESIRED}.`)) return 'is a layer key, which a base manifest may not hold';
  const parent = parts.at(-1);
  if (parent === 'modules') return 'is no module name: only letters, digits, "_" and "-" may be';
  if (parent === 'routes') return 'is no route name: no ".", "$", "#" or space may be';
  return 'is no known field';
}
