// A small manifest for tests of the parsers: good as it stands, each test changes one thing.

import type { JsonObject } from '../src/json.ts';
import type { ModulesContent } from '../src/manifest.ts';

export interface BaseManifest extends ModulesContent {
  $edgeAgent: { 'properties.desired': AgentSection };
  $edgeHub: { 'properties.desired': HubSection };
}
export type AgentSection = JsonObject & {
  systemModules: { edgeAgent: JsonObject; edgeHub: JsonObject };
  runtime: JsonObject & { settings: JsonObject };
  modules: { [name: string]: JsonObject };
};
export type HubSection = JsonObject & { routes: JsonObject };

/** A fresh module definition named by its image. */
export function aModule(change: JsonObject = {}): JsonObject {
  return {
    type: 'docker',
    status: 'running',
    restartPolicy: 'always',
    settings: { image: 'wayside/cache:1', createOptions: '{}' },
    ...change,
  };
}

/** A fresh base manifest with no modules and one route. */
export function aManifest(): BaseManifest {
  return {
    $edgeAgent: {
      'properties.desired': {
        schemaVersion: '1.1',
        runtime: { type: 'docker', settings: { minDockerVersion: 'v1.25', registryCredentials: {} } },
        systemModules: {
          edgeAgent: { type: 'docker', settings: { image: 'wayside/agent:1', createOptions: '' } },
          edgeHub: aModule({ settings: { image: 'wayside/hub:1' } }),
        },
        modules: {},
      },
    },
    $edgeHub: {
      'properties.desired': {
        schemaVersion: '1.1',
        routes: { upstream: 'FROM /messages/* INTO $upstream' },
        storeAndForwardConfiguration: { timeToLiveSecs: 7200 },
      },
    },
  };
}

/** The agent's section of a fresh manifest. */
export function anAgentSection(): AgentSection {
  return aManifest().$edgeAgent['properties.desired'];
}

/** The hub's section of a fresh manifest. */
export function aHubSection(): HubSection {
  return aManifest().$edgeHub['properties.desired'];
}
