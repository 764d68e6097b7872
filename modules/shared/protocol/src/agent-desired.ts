// $edgeAgent's desired properties as edgeAgent reads them (iotedge.md 1.2): lenient on unknown fields, strict on what it uses.

import { joinCreateOptions } from './create-options.ts';
import { DesiredReader, show } from './desired-reader.ts';
import { normalizeImage } from './image-name.ts';
import { isJsonObject, type JsonObject, ownValue, setOwnValue } from './json.ts';
import {
  type AgentDesired,
  type AgentDesiredResult,
  describeProblems,
  type ImagePullPolicy,
  MODULE_NAME,
  type ModuleDefinition,
  type Problem,
  type RegistryCredential,
  type RestartPolicy,
  STARTUP_ORDER_DEFAULT,
} from './manifest.ts';

const SCHEMA_MAJOR = 1;
/** Highest minor version that edgeAgent reads. */
const SCHEMA_MINOR_MAX = 1;
const RESTART_POLICIES: readonly RestartPolicy[] = ['never', 'on-failure', 'on-unhealthy', 'always'];
/** The original's documents also print `OnCreate`. */
const PULL_POLICIES: readonly (ImagePullPolicy | 'oncreate')[] = ['on-create', 'never', 'oncreate'];
const ENV_NAME = /^[^+#$\s.]+$/;
const CREDENTIAL_ID = /^[^.$# ]+$/;

/** $edgeAgent `properties.desired` (with or without $version/$metadata) as edgeAgent reads it. Lenient on unknown fields, image tag default, chunked createOptions, 412 and 417 as the original. `parentHostname` resolves `$upstream:port/...`. */
export function parseAgentDesired(desired: JsonObject, o: { parentHostname?: string } = {}): AgentDesiredResult {
  const problems: Problem[] = [];
  const top = new DesiredReader(desired, '', problems);
  if (top.keys().length === 0) {
    return refuse(417, 'Desired properties are empty: no deployment for this device yet', problems);
  }
  const schemaVersion = top.string('schemaVersion');
  if (problems.length > 0) return refuse(400, describeProblems(problems), problems);
  const unsupported = schemaProblem(schemaVersion);
  if (unsupported !== undefined) {
    problems.push({ path: 'schemaVersion', message: unsupported });
    return refuse(412, `Deployment schema version ${unsupported}`, problems);
  }
  const runtime = parseRuntime(top.child('runtime', 'required'));
  const system = top.child('systemModules', 'required');
  const edgeAgent = parseModule('edgeAgent', system.child('edgeAgent', 'required'), { role: 'edgeAgent', ...o });
  const edgeHub = parseModule('edgeHub', system.child('edgeHub', 'required'), { role: 'edgeHub', ...o });
  const modules = parseModules(top.child('modules', 'optional'), o);
  if (problems.length > 0) return refuse(400, describeProblems(problems), problems);
  return { ok: true, desired: { schemaVersion, runtime, edgeAgent, edgeHub, modules } };
}

function refuse(code: 400 | 412 | 417, description: string, problems: Problem[]): AgentDesiredResult {
  return { ok: false, code, description, problems };
}

/** What is wrong with the version; undefined when it can be read. */
function schemaProblem(text: string): string | undefined {
  const match = /^(\d{1,4})\.(\d{1,4})(?:\.\d{1,4}){0,2}$/.exec(text);
  if (match !== null && Number(match[1]) === SCHEMA_MAJOR && Number(match[2]) <= SCHEMA_MINOR_MAX) return undefined;
  return `is ${show(text)}, wanted ${SCHEMA_MAJOR}.0 to ${SCHEMA_MAJOR}.${SCHEMA_MINOR_MAX}`;
}

function parseRuntime(runtime: DesiredReader): AgentDesired['runtime'] {
  const type = runtime.choice('type', ['docker']);
  const settings = runtime.child('settings', 'optional');
  const loggingOptions =
    settings.value('loggingOptions') === undefined ? {} : { loggingOptions: settings.string('loggingOptions') };
  return {
    type,
    minDockerVersion: settings.string('minDockerVersion', ''),
    ...loggingOptions,
    registryCredentials: parseCredentials(settings.child('registryCredentials', 'optional')),
  };
}

function parseCredentials(credentials: DesiredReader): RegistryCredential[] {
  return credentials
    .keys()
    .filter((id) => credentials.value(id) !== undefined)
    .map((id) => {
      if (!CREDENTIAL_ID.test(id)) credentials.problem(id, 'is no credential id: no ".", "$", "#" or space may be');
      const entry = credentials.child(id, 'required');
      return {
        id,
        username: secretText(entry, 'username'),
        password: secretText(entry, 'password'),
        address: entry.string('address'),
      };
    });
}

/** Like string(), but the value never stands in the problem. */
function secretText(entry: DesiredReader, key: string): string {
  const value = entry.value(key);
  if (typeof value === 'string') return value;
  entry.problem(key, value === undefined ? 'is missing' : 'is no string');
  return '';
}

function parseModules(modules: DesiredReader, o: { parentHostname?: string }): ModuleDefinition[] {
  const definitions: ModuleDefinition[] = [];
  for (const name of modules.keys()) {
    if (modules.value(name) === undefined) continue;
    if (!MODULE_NAME.test(name)) modules.problem(name, 'is no module name: only letters, digits, "_" and "-" may be');
    definitions.push(parseModule(name, modules.child(name, 'required'), { role: 'module', ...o }));
  }
  return definitions;
}

type ModuleRole = { role: 'edgeAgent' | 'edgeHub' | 'module'; parentHostname?: string };

function parseModule(name: string, module: DesiredReader, { role, parentHostname }: ModuleRole): ModuleDefinition {
  const isAgent = role === 'edgeAgent';
  const pull = module.choice('imagePullPolicy', PULL_POLICIES, 'on-create');
  const settings = module.child('settings', 'required');
  return {
    name,
    type: module.choice('type', ['docker']),
    version: module.string('version', ''),
    status: isAgent ? 'running' : module.choice('status', ['running', 'stopped']),
    restartPolicy: isAgent
      ? 'always'
      : module.choice('restartPolicy', RESTART_POLICIES, role === 'edgeHub' ? 'always' : 'on-unhealthy'),
    imagePullPolicy: pull === 'oncreate' ? 'on-create' : pull,
    startupOrder: isAgent
      ? 0
      : module.integer('startupOrder', { min: 0, max: STARTUP_ORDER_DEFAULT }, STARTUP_ORDER_DEFAULT),
    image: parseImage(settings, parentHostname),
    createOptions: parseCreateOptions(settings),
    env: parseEnv(module.child('env', 'optional')),
  };
}

function parseImage(settings: DesiredReader, parentHostname: string | undefined): string {
  const before = settings.problems.length;
  const text = settings.string('image');
  if (settings.problems.length > before) return '';
  try {
    return normalizeImage(text, parentHostname);
  } catch (error) {
    settings.problem('image', `is wrong: ${(error as Error).message}`);
    return '';
  }
}

function parseCreateOptions(settings: DesiredReader): JsonObject {
  try {
    return joinCreateOptions(settings.object);
  } catch (error) {
    settings.problem('createOptions', `is wrong: ${(error as Error).message}`);
    return {};
  }
}

function parseEnv(env: DesiredReader): { [name: string]: string } {
  const values: { [name: string]: string } = {};
  for (const name of env.keys()) {
    const entry = env.value(name);
    if (entry === undefined) continue;
    if (!ENV_NAME.test(name)) env.problem(name, 'is no variable name: no "+", "#", "$", "." or whitespace may be');
    const value = isJsonObject(entry) ? ownValue(entry, 'value') : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      setOwnValue(values, name, String(value));
    } else {
      // The entry may be a secret written in the wrong form: its text is not shown.
      env.problem(name, 'is wrong, wanted {"value": string, number or boolean}');
    }
  }
  return values;
}
