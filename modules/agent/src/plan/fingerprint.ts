// Decides whether a container is the one a definition asks for: a hash of what the container is made from, carried in a label.

import { createHash } from 'node:crypto';
import {
  type AgentDesired,
  type Json,
  type JsonObject,
  jsonEqual,
  type ModuleDefinition,
  normalizeImage,
} from '@wayside/protocol';
import type { Desired, DesiredModule, ObservedModule } from './model.ts';

export const LABEL_FINGERPRINT = 'io.wayside.fingerprint';
const LABEL_PREFIX = 'net.azure-devices.edge.';
export const LABEL_OWNER = `${LABEL_PREFIX}owner`;
const LABEL_AGENT_CREATE_OPTIONS = `${LABEL_PREFIX}create-options`;
const LABEL_AGENT_ENV = `${LABEL_PREFIX}env`;
const OWNER = 'Microsoft.Azure.Devices.Edge.Agent';

function canonical(value: Json): Json {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, canonical(value[key] as Json)]),
  );
}

/** sha256 (hex) over image, createOptions, env and version. Restart policy, pull policy, start-up order and status need no new container. */
export function fingerprintOf(module: ModuleDefinition): string {
  const made = {
    image: module.image,
    createOptions: module.createOptions,
    env: module.env,
    version: module.version,
  };
  return createHash('sha256')
    .update(JSON.stringify(canonical(made)))
    .digest('hex');
}

function withFingerprint(module: ModuleDefinition): DesiredModule {
  return { ...module, fingerprint: fingerprintOf(module) };
}

export function toDesired(parsed: AgentDesired, deploymentVersion: number): Desired {
  return {
    deploymentVersion,
    edgeAgent: withFingerprint(parsed.edgeAgent),
    modules: [parsed.edgeHub, ...parsed.modules].map(withFingerprint),
  };
}

/** Labels of iotedge.md 2.9 plus the fingerprint. */
export function labelsOf(module: DesiredModule, deploymentVersion: number): { [name: string]: string } {
  const labels: { [name: string]: string } = {
    [LABEL_OWNER]: OWNER,
    [`${LABEL_PREFIX}version`]: module.version,
    [`${LABEL_PREFIX}restartPolicy`]: module.restartPolicy,
    [`${LABEL_PREFIX}desiredStatus`]: module.status,
    [`${LABEL_PREFIX}normalizedCreateOptions`]: JSON.stringify(module.createOptions),
    [`${LABEL_PREFIX}configurationId`]: String(deploymentVersion),
    [LABEL_FINGERPRINT]: module.fingerprint,
  };
  if (module.name === 'edgeAgent') {
    labels[LABEL_AGENT_CREATE_OPTIONS] = JSON.stringify(module.createOptions);
    labels[LABEL_AGENT_ENV] = JSON.stringify(envValues(module));
  }
  return labels;
}

export function isSameContainer(desired: DesiredModule, observed: ObservedModule): boolean {
  return observed.labels[LABEL_FINGERPRINT] === desired.fingerprint;
}

/**
 * The first edgeAgent is made by the daemon from config.toml and carries no fingerprint: it is compared by image and by the
 * labels create-options and env (iotedge.md 2.2). Absent labels stand for empty ones.
 */
export function isSameAgent(desired: DesiredModule, observed: ObservedModule): boolean {
  if (observed.labels[LABEL_FINGERPRINT] !== undefined) return isSameContainer(desired, observed);
  if (normalized(observed.image) !== desired.image) return false;
  return (
    sameJsonLabel(observed.labels[LABEL_AGENT_CREATE_OPTIONS], desired.createOptions) &&
    sameJsonLabel(observed.labels[LABEL_AGENT_ENV], envValues(desired))
  );
}

/** Environment as the manifest writes it: {NAME: {value}}. */
function envValues(module: ModuleDefinition): JsonObject {
  return Object.fromEntries(Object.entries(module.env).map(([name, value]) => [name, { value }]));
}

/** config.toml may name an image without its tag. */
function normalized(image: string): string {
  try {
    return normalizeImage(image);
  } catch {
    return image;
  }
}

function sameJsonLabel(label: string | undefined, wanted: { [key: string]: unknown }): boolean {
  if (label === undefined || label === '') return Object.keys(wanted).length === 0;
  try {
    return jsonEqual(JSON.parse(label), wanted);
  } catch {
    return false;
  }
}
