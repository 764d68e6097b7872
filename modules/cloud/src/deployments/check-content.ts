// Judges the content of a configuration before it is taken: a base deployment, a layer, or settings of devices or modules.

import {
  checkManifest,
  checkTwinSection,
  isJsonObject,
  type JsonObject,
  type ModulesContent,
  type Problem,
} from '@wayside/protocol';
import { EDGE_AGENT, EDGE_HUB } from '../identity/identity-id.ts';
import type { ContentKind } from './configuration.ts';
import { DESIRED_KEY, type DesiredPath, parseDesiredKey, withPath } from './desired-path.ts';
import { layContent } from './layered-content.ts';

/** A layer stands on a base: without the base's `properties.desired` of $edgeAgent it is one (iotedge.md 1.6). */
export function isLayerContent(content: JsonObject): boolean {
  const agent = content[EDGE_AGENT];
  return !(isJsonObject(agent) && Object.hasOwn(agent, DESIRED_KEY));
}

/** Paths begin at the content kind, as in the request. [] = good. */
export function checkContent(kind: ContentKind, content: JsonObject): Problem[] {
  if (kind !== 'modulesContent') return checkSettings(kind, content);
  const wrong = Object.keys(content)
    .filter((name) => !isJsonObject(content[name]))
    .map((name) => ({ path: `${kind}.${name}`, message: 'is no object' }));
  if (wrong.length > 0) return wrong;
  return isLayerContent(content) ? checkLayer(content as ModulesContent) : checkManifest(content as ModulesContent);
}

function checkLayer(layer: ModulesContent): Problem[] {
  const problems: Problem[] = [];
  if (!layer[EDGE_AGENT])
    problems.push({ path: `modulesContent.${EDGE_AGENT}`, message: 'is missing, wanted {} at least' });
  for (const [module, keys] of Object.entries(layer)) {
    for (const key of Object.keys(keys)) {
      const fault = keyFault(module, key, parseDesiredKey(key));
      if (fault) problems.push({ path: `modulesContent.${module}.${key}`, message: fault });
    }
  }
  return problems.length > 0 ? problems : checkManifest(layContent(SOIL, [wholeParts(layer)]));
}

function keyFault(module: string, key: string, path: DesiredPath | undefined): string | undefined {
  if (!path) return `is no key of a layer, wanted ${DESIRED_KEY} or ${DESIRED_KEY}.<path>`;
  if (module !== EDGE_AGENT) return undefined;
  if (path[0] === 'systemModules') return 'names a system module, which only a base deployment may';
  return path.length < 2 ? `${key} is a whole section, which only a base deployment may hold` : undefined;
}

/** What can be judged without the base: whole modules, routes, credentials and sections; a deeper path is judged with its base. */
function wholeParts(layer: ModulesContent): ModulesContent {
  const depth: { [module: string]: { [first: string]: number } } = {
    [EDGE_AGENT]: { modules: 2, runtime: 4 },
    [EDGE_HUB]: { routes: 2 },
  };
  const isWhole = (module: string, path: DesiredPath) => {
    const limit = depth[module]?.[path[0] ?? ''];
    return limit === undefined || path.length <= limit;
  };
  return Object.fromEntries(
    Object.entries(layer).map(([module, keys]) => [
      module,
      Object.fromEntries(
        Object.entries(keys).filter(([key]) => isWhole(module, parseDesiredKey(key) ?? [])),
      ) as JsonObject,
    ]),
  );
}

function checkSettings(kind: ContentKind, content: JsonObject): Problem[] {
  const problems: Problem[] = [];
  let section: JsonObject = {};
  for (const [key, value] of Object.entries(content)) {
    const path = parseDesiredKey(key);
    if (!path) problems.push({ path: `${kind}.${key}`, message: `is no key, wanted ${DESIRED_KEY}.<path>` });
    else if (path.length === 0 && !isJsonObject(value))
      problems.push({ path: `${kind}.${key}`, message: 'is no object' });
    else section = withPath(section, path, value);
  }
  if (Object.keys(content).length === 0)
    problems.push({ path: kind, message: 'is empty, wanted at least one setting' });
  for (const { path, message } of checkTwinSection(section)) {
    problems.push({ path: [kind, DESIRED_KEY, path].filter((part) => part !== '').join('.'), message });
  }
  return problems;
}

/** The smallest base deployment: what a layer is laid on to be judged. */
const SOIL: ModulesContent = {
  [EDGE_AGENT]: {
    [DESIRED_KEY]: {
      schemaVersion: '1.1',
      runtime: { type: 'docker', settings: {} },
      systemModules: {
        edgeAgent: { type: 'docker', settings: { image: 'agent' } },
        edgeHub: { type: 'docker', status: 'running', restartPolicy: 'always', settings: { image: 'hub' } },
      },
      modules: {},
    },
  },
  [EDGE_HUB]: {
    [DESIRED_KEY]: { schemaVersion: '1.1', routes: {}, storeAndForwardConfiguration: { timeToLiveSecs: 7200 } },
  },
};
