// Turns a wanted module into the body the management API takes: labels added, registry credential matched.

import { type JsonObject, type ModuleSpec, matchRegistryCredential, type RegistryCredential } from '@wayside/protocol';
import { labelsOf } from '../plan/fingerprint.ts';
import type { DesiredModule } from '../plan/model.ts';

export interface SpecContext {
  deploymentVersion: number;
  registryCredentials: RegistryCredential[];
}

export function toModuleSpec(module: DesiredModule, context: SpecContext): ModuleSpec {
  const auth = registryAuth(module.image, context.registryCredentials);
  return {
    name: module.name,
    type: 'docker',
    imagePullPolicy: module.imagePullPolicy === 'never' ? 'Never' : 'On-Create',
    config: {
      settings: {
        image: module.image,
        createOptions: withLabels(module.createOptions, labelsOf(module, context.deploymentVersion)),
        ...(auth === undefined ? {} : { auth }),
      },
      env: Object.entries(module.env).map(([key, value]) => ({ key, value })),
    },
  };
}

/** Our labels win: a deployment must not be able to pass a container off as another. */
function withLabels(createOptions: JsonObject, labels: { [name: string]: string }): JsonObject {
  const given = createOptions.Labels;
  const kept = given !== null && typeof given === 'object' && !Array.isArray(given) ? given : {};
  return { ...createOptions, Labels: { ...kept, ...labels } };
}

/** base64(JSON) as Docker's X-Registry-Auth; undefined = anonymous (iotedge.md 1.7). */
function registryAuth(image: string, credentials: RegistryCredential[]): string | undefined {
  const match = matchRegistryCredential(image, credentials);
  if (!match) return undefined;
  const { username, password, address } = match;
  return Buffer.from(JSON.stringify({ username, password, serveraddress: address })).toString('base64');
}
