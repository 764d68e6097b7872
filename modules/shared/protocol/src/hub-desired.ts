// $edgeHub's desired properties as edgeHub reads them (iotedge.md 1.3): one bad part refuses the whole set, the old stays.

import { DesiredReader, show } from './desired-reader.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import {
  describeProblems,
  type HubDesiredResult,
  type HubRouteDefinition,
  type Problem,
  ROUTE_PRIORITY_DEFAULT,
  TIME_TO_LIVE_SECS_DEFAULT,
} from './manifest.ts';

const SCHEMA_MAJOR = 1;
const SCHEMA_MINOR_MAX = 3;
/** From this minor on, mqttBroker is validated (and then ignored, as the original does). */
const SCHEMA_MINOR_BROKER = 2;
const ROUTE_NAME = /^[^.$# ]+$/;
const ROUTE_PRIORITY_MAX = 9;
const ROUTE_TIME_TO_LIVE_SECS_MAX = 4294967295;
const INT32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const BROKER_OPERATIONS: readonly string[] = ['mqtt:connect', 'mqtt:publish', 'mqtt:subscribe'];
const BRIDGE_DIRECTIONS: readonly string[] = ['in', 'out', 'both'];

/** $edgeHub `properties.desired` as edgeHub reads it (route text is not parsed here). */
export function parseHubDesired(desired: JsonObject): HubDesiredResult {
  const problems: Problem[] = [];
  const top = new DesiredReader(desired, '', problems);
  const schemaVersion = top.string('schemaVersion');
  const minor = problems.length === 0 ? schemaMinor(schemaVersion) : 0;
  if (minor === undefined) {
    top.problem(
      'schemaVersion',
      `is ${show(schemaVersion)}, an unsupported schema version, wanted 1.0 to 1.${SCHEMA_MINOR_MAX}`,
    );
    return refuse(problems);
  }
  const presence = minor === 0 ? 'optional' : 'required';
  const routes = parseRoutes(top.child('routes', presence), minor);
  const store = top.child('storeAndForwardConfiguration', presence);
  const absent = top.value('storeAndForwardConfiguration') === undefined;
  const timeToLiveSecs = absent ? TIME_TO_LIVE_SECS_DEFAULT : store.integer('timeToLiveSecs', INT32);
  const limits = store.child('storeLimits', 'optional');
  const maxSizeBytes =
    limits.value('maxSizeBytes') === undefined
      ? {}
      : { maxSizeBytes: limits.integer('maxSizeBytes', { min: 1, max: Number.MAX_SAFE_INTEGER }) };
  if (minor >= SCHEMA_MINOR_BROKER) checkBroker(top.child('mqttBroker', 'optional'));
  if (problems.length > 0) return refuse(problems);
  return { ok: true, desired: { schemaVersion, routes, timeToLiveSecs, ...maxSizeBytes } };
}

function refuse(problems: Problem[]): HubDesiredResult {
  return { ok: false, code: 400, description: describeProblems(problems), problems };
}

/** 0..3; undefined when the version is not supported. */
function schemaMinor(text: string): number | undefined {
  const match = /^(\d{1,4})\.(\d{1,4})(?:\.\d{1,4}){0,2}$/.exec(text);
  if (match === null || Number(match[1]) !== SCHEMA_MAJOR) return undefined;
  const minor = Number(match[2]);
  return minor <= SCHEMA_MINOR_MAX ? minor : undefined;
}

function parseRoutes(routes: DesiredReader, minor: number): HubRouteDefinition[] {
  const definitions: HubRouteDefinition[] = [];
  for (const name of routes.keys()) {
    const value = routes.value(name);
    if (value === undefined) continue;
    if (!ROUTE_NAME.test(name)) routes.problem(name, 'is no route name: no ".", "$", "#" or space may be');
    const definition = parseRoute(routes, name, value, minor);
    if (definition !== undefined) definitions.push(definition);
  }
  return definitions;
}

function parseRoute(routes: DesiredReader, name: string, value: Json, minor: number): HubRouteDefinition | undefined {
  if (typeof value === 'string') {
    if (value.trim() !== '') return { name, route: value, priority: ROUTE_PRIORITY_DEFAULT, timeToLiveSecs: 0 };
    if (minor > 0) routes.problem(name, 'is blank, wanted a route');
    return undefined;
  }
  if (!isJsonObject(value) || minor === 0) {
    routes.problem(
      name,
      `is ${show(value)}, wanted ${minor === 0 ? 'a string (objects need schemaVersion 1.1)' : 'a string or an object'}`,
    );
    return undefined;
  }
  const entry = routes.child(name, 'required');
  const route = entry.string('route');
  if (route.trim() === '' && entry.value('route') !== undefined) entry.problem('route', 'is blank, wanted a route');
  return {
    name,
    route,
    priority: entry.integer('priority', { min: 0, max: ROUTE_PRIORITY_MAX }, ROUTE_PRIORITY_DEFAULT),
    timeToLiveSecs: entry.integer('timeToLiveSecs', { min: 0, max: ROUTE_TIME_TO_LIVE_SECS_MAX }, 0),
  };
}

/** The broker is gone from the original, its validation is not. */
function checkBroker(broker: DesiredReader): void {
  for (const [bridge, at] of objectsOf(broker, 'bridges')) {
    const reader = new DesiredReader(bridge, at, broker.problems);
    if (reader.string('endpoint').trim() === '' && reader.value('endpoint') !== undefined)
      reader.problem('endpoint', 'is blank');
    for (const [setting, settingAt] of objectsOf(reader, 'settings')) {
      const entry = new DesiredReader(setting, settingAt, broker.problems);
      entry.choice('direction', BRIDGE_DIRECTIONS);
      entry.string('topic', '');
    }
  }
  for (const [authorization, at] of objectsOf(broker, 'authorizations')) {
    const reader = new DesiredReader(authorization, at, broker.problems);
    nonEmptyStrings(reader, 'identities');
    for (const rules of ['allow', 'deny']) {
      for (const [rule, ruleAt] of objectsOf(reader, rules))
        checkRule(new DesiredReader(rule, ruleAt, broker.problems));
    }
  }
}

function checkRule(rule: DesiredReader): void {
  for (const operation of nonEmptyStrings(rule, 'operations')) {
    if (!BROKER_OPERATIONS.includes(operation.toLowerCase())) {
      rule.problem('operations', `holds ${show(operation)}, wanted ${BROKER_OPERATIONS.join(', ')}`);
    }
  }
}

function objectsOf(reader: DesiredReader, key: string): [JsonObject, string][] {
  const value = reader.value(key);
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    reader.problem(key, `is ${show(value)}, wanted a list`);
    return [];
  }
  return value.flatMap((item, i): [JsonObject, string][] => {
    if (isJsonObject(item)) return [[item, `${reader.at(key)}[${i}]`]];
    reader.problem(`${key}[${i}]`, `is ${show(item)}, wanted an object`);
    return [];
  });
}

function nonEmptyStrings(reader: DesiredReader, key: string): string[] {
  const value = reader.value(key);
  const strings = Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  if (!Array.isArray(value) || strings.length !== value.length || value.length === 0) {
    reader.problem(key, 'is wrong, wanted a list of at least one string');
  }
  return strings;
}
