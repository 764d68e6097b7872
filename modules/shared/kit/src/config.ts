// Settings from a file and the environment, checked against one JSON Schema: defaults, overrides, every problem at once, frozen.

import { createRequire } from 'node:module';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { closestName, explainConfigProblem } from './config-problem.ts';
import { EdgeError } from './edge-error.ts';
import { isPlainlyValid } from './plain-check.ts';
import { Secret } from './secret.ts';

/** The part of JSON Schema (2020-12) that the loader itself walks; Ajv reads all of it. Own keywords: `x-env`, `x-secret`, `x-restart`. */
export interface ConfigSchema {
  $schema?: string;
  $id?: string;
  type?: string | string[];
  properties?: { [name: string]: ConfigSchema };
  additionalProperties?: boolean | ConfigSchema;
  patternProperties?: { [pattern: string]: ConfigSchema };
  required?: string[];
  default?: unknown;
  /** Environment variables that set this value; the first one present wins. */
  'x-env'?: string | string[];
  /** The value becomes a Secret and never stands in a problem's text. */
  'x-secret'?: boolean;
  /** For documentation: a change needs a restart. */
  'x-restart'?: boolean;
  [keyword: string]: unknown;
}

export interface ConfigSources {
  /** Parsed file. */
  file?: object;
  /** Environment; outranks the file. An empty variable counts as absent. */
  env?: { [name: string]: string | undefined };
}

export interface LoadOptions {
  schema: ConfigSchema | object;
  sources: ConfigSources;
  /** When given, a setting without `x-env` is also read from prefix + its path in capitals: WAYSIDE_ + upstream.mqttPort = WAYSIDE_UPSTREAM_MQTT_PORT. */
  envPrefix?: string;
}

export interface ConfigProblem {
  /** Dotted path of the setting; `VARIABLE (path)` when it came from the environment, or is missing and could come from there. */
  path: string;
  /** Current and wanted value. */
  message: string;
}

export class ConfigError extends EdgeError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map((p) => `  ${p.path}: ${p.message}`);
    super('KIT_CONFIG_INVALID', [`Configuration is invalid: ${problems.length} problem(s)`, ...lines].join('\n'), {
      source: 'config',
      details: { problems: problems.map(({ path, message }) => ({ path, message })) },
    });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

type Plain = { [name: string]: unknown };

/** The settings, deep frozen. Throws ConfigError with every problem. */
export function loadConfig<T>({ schema, sources, envPrefix }: LoadOptions): T {
  const { strict, validate } = prepared(schema as ConfigSchema);
  const value = structuredClone((sources.file ?? {}) as Plain);
  const problems: ConfigProblem[] = [];
  const variables = new Map<string, string>();
  applyEnvironment(strict, value, { env: sources.env ?? {}, envPrefix, problems, variables, path: [] });
  applyDefaults(strict, value);
  if (problems.length > 0 || !isPlainlyValid(strict, value)) {
    const check = validate();
    if (!check(value)) problems.push(...toProblems(check.errors ?? [], strict, variables, problems));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  wrapSecrets(strict, value);
  return deepFreeze(value) as T;
}

/** TOML text -> plain object. Throws KIT_TOML_INVALID with line and column; the text itself may hold keys and is not quoted. */
export function parseToml(text: string): { [key: string]: unknown } {
  const { parse, TomlError }: typeof import('smol-toml') = require('smol-toml');
  try {
    return parse(text) as { [key: string]: unknown };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n', 1)[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    throw new EdgeError(
      'KIT_TOML_INVALID',
      `Cannot read the TOML text: line ${error.line}, column ${error.column}: ${reason}`,
      {
        details: { line: error.line, column: error.column },
        source: 'config',
      },
    );
  }
}

interface Prepared {
  strict: ConfigSchema;
  /** Ajv's check, loaded and compiled when it is first asked for. */
  validate: () => ValidateFunction;
}

const require = createRequire(import.meta.url);

/** A schema is closed and compiled once: that costs far more than a check by it. */
const preparedSchemas = new WeakMap<ConfigSchema, Prepared>();

function prepared(schema: ConfigSchema): Prepared {
  const known = preparedSchemas.get(schema);
  if (known !== undefined) return known;
  const strict = closeObjects(schema);
  let compiled: ValidateFunction | undefined;
  const validate = () => {
    compiled ??= compile(strict);
    return compiled;
  };
  const made = { strict, validate };
  preparedSchemas.set(schema, made);
  return made;
}

function compile(schema: ConfigSchema): ValidateFunction {
  const { Ajv2020 }: typeof import('ajv/dist/2020.js') = require('ajv/dist/2020.js');
  const ajv = new Ajv2020({
    ...{ allErrors: true, allowUnionTypes: true, verbose: true, strictRequired: false },
    // Schemas are ours: a test compares each with the draft. Compiling the draft itself is two thirds of the time.
    ...{ validateSchema: false, meta: false },
  });
  for (const keyword of ['x-env', 'x-secret', 'x-restart']) ajv.addKeyword(keyword);
  ajv.addFormat('ipv4', isIPv4);
  ajv.addFormat('ipv6', isIPv6);
  ajv.addFormat('ip', (text) => isIP(text) !== 0);
  ajv.addFormat('uri', (text) => URL.canParse(text));
  ajv.addFormat(
    'hostname',
    /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i,
  );
  // The draft named by the schema is for editors; it is always read as 2020-12.
  const { $schema: _draft, ...rest } = schema;
  return ajv.compile(rest);
}

/** An object that lists its properties takes no others unless it says so: a misspelt setting is an error. */
function closeObjects(schema: ConfigSchema): ConfigSchema {
  const copy: ConfigSchema = { ...schema };
  if (copy.properties !== undefined) {
    copy.properties = Object.fromEntries(
      Object.entries(copy.properties).map(([name, sub]) => [name, closeObjects(sub)]),
    );
    if (copy.additionalProperties === undefined && copy.patternProperties === undefined)
      copy.additionalProperties = false;
  }
  if (typeof copy.additionalProperties === 'object')
    copy.additionalProperties = closeObjects(copy.additionalProperties);
  if (isPlain(copy.items)) copy.items = closeObjects(copy.items as ConfigSchema);
  return copy;
}

interface EnvironmentWalk {
  env: { [name: string]: string | undefined };
  envPrefix: string | undefined;
  problems: ConfigProblem[];
  /** Path -> variable it came from, or names of those it could come from when it is absent: a later problem names what the operator writes. */
  variables: Map<string, string>;
  path: string[];
}

function applyEnvironment(schema: ConfigSchema, target: Plain, walk: EnvironmentWalk): void {
  for (const [name, sub] of Object.entries(schema.properties ?? {})) {
    const path = [...walk.path, name];
    const names = variableNames(sub, path, walk.envPrefix);
    const variable = names.find((v) => (walk.env[v] ?? '') !== '');
    if (variable !== undefined) {
      const text = walk.env[variable] as string;
      const parsed = parseVariable(text, sub);
      walk.variables.set(path.join('.'), variable);
      if (parsed === undefined) {
        const shown = sub['x-secret'] ? '[secret]' : JSON.stringify(text);
        const wanted = [sub.type ?? 'string'].flat().join(' or ');
        walk.problems.push({ path: problemPath(path.join('.'), variable), message: `is ${shown}, wanted ${wanted}` });
      } else {
        target[name] = parsed;
      }
    } else if (sub.properties !== undefined && (target[name] === undefined || isPlain(target[name]))) {
      const inner = (target[name] ?? {}) as Plain;
      applyEnvironment(sub, inner, { ...walk, path });
      if (target[name] !== undefined || Object.keys(inner).length > 0) target[name] = inner;
    } else if (names.length > 0 && target[name] === undefined) {
      walk.variables.set(path.join('.'), names.join(' or '));
    }
  }
}

function variableNames(schema: ConfigSchema, path: string[], envPrefix: string | undefined): string[] {
  const named = schema['x-env'];
  if (named !== undefined) return Array.isArray(named) ? named : [named];
  if (envPrefix === undefined || schema.properties !== undefined) return [];
  return [envPrefix + path.map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_')];
}

/** Text of a variable by the wanted type; undefined when it cannot be that type. */
function parseVariable(text: string, schema: ConfigSchema): unknown {
  const types = [schema.type ?? 'string'].flat();
  for (const type of types) {
    const value = parseAs(type, text, schema);
    if (value !== undefined) return value;
  }
  return undefined;
}

function parseAs(type: string, text: string, schema: ConfigSchema): unknown {
  const trimmed = text.trim();
  switch (type) {
    case 'integer':
    case 'number':
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : undefined;
    case 'boolean':
      if (/^(true|1|yes|on)$/i.test(trimmed)) return true;
      return /^(false|0|no|off)$/i.test(trimmed) ? false : undefined;
    case 'array':
      return trimmed.startsWith('[') ? parseJson(trimmed) : splitList(trimmed, schema);
    case 'object':
      return parseJson(trimmed);
    case 'string':
      return text;
    default:
      return undefined;
  }
}

function splitList(text: string, schema: ConfigSchema): unknown {
  const items = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return isPlain(schema.items) ? items.map((item) => parseVariable(item, schema.items as ConfigSchema) ?? item) : items;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function applyDefaults(schema: ConfigSchema, target: Plain): void {
  for (const [name, sub] of Object.entries(schema.properties ?? {})) {
    if (target[name] === undefined && sub.default !== undefined) target[name] = structuredClone(sub.default);
    if (sub.properties === undefined) continue;
    if (target[name] === undefined) {
      const inner: Plain = {};
      applyDefaults(sub, inner);
      if (Object.keys(inner).length > 0) target[name] = inner;
    } else if (isPlain(target[name])) {
      applyDefaults(sub, target[name] as Plain);
    }
  }
}

function toProblems(
  errors: ErrorObject[],
  schema: ConfigSchema,
  variables: Map<string, string>,
  already: ConfigProblem[],
): ConfigProblem[] {
  const seen = new Set<string>();
  // A variable that could not be read left its setting empty: that it is missing says nothing more.
  const unreadable = new Set(already.map(({ path }) => path));
  const problems: ConfigProblem[] = [];
  for (const error of errors) {
    const { path, message } = explainConfigProblem(error);
    // Ajv adds a summary for if/anyOf next to the errors inside; one line a place is enough.
    const dotted = path.join('.');
    const key = `${dotted}: ${message}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const known =
      error.keyword === 'additionalProperties'
        ? Object.keys(schemaAt(schema, path.slice(0, -1))?.properties ?? {})
        : [];
    const hint = closestName(path.at(-1) ?? '', known);
    const place = problemPath(dotted || '(top)', variables.get(dotted));
    if (error.keyword === 'required' && unreadable.has(place)) continue;
    problems.push({
      path: place,
      message: hint === undefined ? message : `${message}, did you mean "${hint}"?`,
    });
  }
  return problems;
}

function problemPath(dotted: string, variable: string | undefined): string {
  return variable === undefined ? dotted : `${variable} (${dotted})`;
}

function schemaAt(schema: ConfigSchema, path: string[]): ConfigSchema | undefined {
  return path.reduce<ConfigSchema | undefined>((at, name) => at?.properties?.[name], schema);
}

function wrapSecrets(schema: ConfigSchema, target: Plain): void {
  for (const [name, sub] of Object.entries(schema.properties ?? {})) {
    const value = target[name];
    if (sub['x-secret'] && typeof value === 'string') target[name] = new Secret(value);
    else if (isPlain(value)) wrapSecrets(sub, value);
  }
}

function deepFreeze(value: unknown): unknown {
  if (value !== null && typeof value === 'object' && !(value instanceof Secret)) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

function isPlain(value: unknown): value is Plain {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
