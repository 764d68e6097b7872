// The reported properties of $edgeAgent in the original's shape (iotedge.md 2.5), without registry passwords. Pure.

import {
  checkTwinSection,
  type Json,
  type JsonObject,
  type ModuleDefinition,
  splitCreateOptions,
  TWIN_SECTION_BYTES_MAX,
  twinSectionBytes,
} from '@wayside/protocol';
import type { ModuleSnapshot, Snapshot } from './snapshot.ts';

export interface AgentVersion {
  version: string;
  build: string;
  commit: string;
}
export interface Platform {
  os: string;
  architecture: string;
  /** Engine version. */
  version: string;
}

/** .NET's zero time: how the original says "never". */
const NEVER_UTC = '0001-01-01T00:00:00';
const STARTUP_ORDER_DEFAULT = 4294967295;
const IMAGE_UNKNOWN = '';

/** `createOptions`/`env` that do not fit the twin are left out, in this order. */
type Detail = 'all' | 'without createOptions' | 'without createOptions and env';

export interface Report {
  section: JsonObject;
  /** '' or what had to be left out and why. */
  shortened: string;
}

export function toReported(snapshot: Snapshot, agent: AgentVersion, platform: Platform): Report {
  const whole = build(snapshot, agent, platform, 'all');
  const problem = problemOf(whole);
  if (problem === '') return { section: whole, shortened: '' };
  for (const detail of ['without createOptions', 'without createOptions and env'] as const) {
    const section = build(snapshot, agent, platform, detail);
    if (problemOf(section) === '') return { section, shortened: `sent ${detail}: ${problem}` };
  }
  const { schemaVersion, lastDesiredVersion, lastDesiredStatus } = whole as { [key: string]: Json };
  return {
    section: { schemaVersion, lastDesiredVersion, lastDesiredStatus } as JsonObject,
    shortened: `sent lastDesiredStatus only: ${problem}`,
  };
}

/** Where in the twin the trouble lies; '' = none. */
function problemOf(section: JsonObject): string {
  const [first] = checkTwinSection(section);
  if (!first) return '';
  const bytes = twinSectionBytes(section);
  return bytes > TWIN_SECTION_BYTES_MAX
    ? `${bytes} bytes of at most ${TWIN_SECTION_BYTES_MAX}, most of them in ${largestModule(section)}`
    : `${first.path}: ${first.message}`;
}

function largestModule(section: JsonObject): string {
  const entries = Object.entries({ ...(section.systemModules as JsonObject), ...(section.modules as JsonObject) });
  const sized = entries.map(([name, value]) => ({ name, bytes: twinSectionBytes(value as JsonObject) }));
  return sized.sort((a, b) => b.bytes - a.bytes)[0]?.name ?? 'no module';
}

function build(snapshot: Snapshot, agent: AgentVersion, platform: Platform, detail: Detail): JsonObject {
  const modules: JsonObject = {};
  const systemModules: JsonObject = {};
  for (const module of snapshot.modules) {
    if (module.name === 'edgeAgent') systemModules.edgeAgent = agentEntry(module, detail);
    else if (module.name === 'edgeHub') systemModules.edgeHub = moduleEntry(module, detail);
    else modules[module.name] = { ...moduleEntry(module, detail), version: definitionOf(module)?.version ?? '' };
  }
  return {
    schemaVersion: '1.0',
    version: { ...agent },
    lastDesiredVersion: snapshot.lastDesired.version,
    lastDesiredStatus: { code: snapshot.lastDesired.code, description: snapshot.lastDesired.description },
    runtime: runtimeEntry(snapshot, platform),
    systemModules,
    modules,
  };
}

function runtimeEntry(snapshot: Snapshot, platform: Platform): JsonObject {
  const runtime = snapshot.runtime;
  const settings: JsonObject = { minDockerVersion: runtime?.minDockerVersion ?? '' };
  if (runtime?.loggingOptions !== undefined) settings.loggingOptions = runtime.loggingOptions;
  const credentials = runtime?.registryCredentials ?? [];
  if (credentials.length > 0)
    settings.registryCredentials = Object.fromEntries(
      credentials.map(({ id, username, address }) => [id, { username, address }]),
    );
  return { platform: { ...platform }, type: 'docker', settings };
}

/** What the container was made from when that is known, else what is wanted. */
function definitionOf(module: ModuleSnapshot): ModuleDefinition | undefined {
  return module.running ?? module.desired;
}

function commonEntry(module: ModuleSnapshot, detail: Detail): JsonObject {
  const { observed } = module;
  return {
    type: 'docker',
    imagePullPolicy: (module.desired ?? module.running)?.imagePullPolicy ?? 'on-create',
    exitCode: observed?.exitCode ?? 0,
    statusDescription: module.statusDescription,
    lastStartTimeUtc: toUtc(observed?.startedAtMs),
    lastExitTimeUtc: toUtc(observed?.exitedAtMs),
    runtimeStatus: module.runtimeStatus,
    settings: settingsEntry(module, detail),
    ...(detail === 'without createOptions and env' ? {} : { env: envEntry(module) }),
  };
}

function agentEntry(module: ModuleSnapshot, detail: Detail): JsonObject {
  return { ...commonEntry(module, detail), startupOrder: 0 };
}

function moduleEntry(module: ModuleSnapshot, detail: Detail): JsonObject {
  const wanted = module.desired ?? module.running;
  const order = wanted?.startupOrder ?? STARTUP_ORDER_DEFAULT;
  return {
    ...commonEntry(module, detail),
    status: wanted?.status ?? 'running',
    restartPolicy: wanted?.restartPolicy ?? 'always',
    restartCount: module.history.restartCount,
    lastRestartTimeUtc: toUtc(module.history.lastRestartAtMs ?? undefined),
    ...(order === STARTUP_ORDER_DEFAULT ? {} : { startupOrder: order }),
  };
}

function settingsEntry(module: ModuleSnapshot, detail: Detail): JsonObject {
  const definition = definitionOf(module);
  return {
    image: module.observed?.image ?? definition?.image ?? IMAGE_UNKNOWN,
    imageHash: module.observed?.imageHash ?? '',
    ...(detail === 'all' ? splitCreateOptions(definition?.createOptions ?? {}) : {}),
  };
}

function envEntry(module: ModuleSnapshot): JsonObject {
  return Object.fromEntries(Object.entries(definitionOf(module)?.env ?? {}).map(([name, value]) => [name, { value }]));
}

function toUtc(ms: number | undefined): string {
  return ms === undefined ? NEVER_UTC : new Date(ms).toISOString();
}
