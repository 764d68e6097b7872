// The deployment manifest a node's fields stand for (connected-cache.md 1.20, iotedge.md 1): edgeAgent, edgeHub, MCC and bgp.

import { createHash } from 'node:crypto';
import { BGP_MODULE_ID, type Json, type JsonObject, type ModulesContent, splitCreateOptions } from '@wayside/protocol';
import { bgpDesired, bgpModule, hubOptionsFor, needsBgpModule } from './bgp-module.ts';
import type { NodeRecord } from './node-record.ts';

export interface ImageNames {
  /** e.g. `wayside/` or `registry.example/wayside/`. */
  prefix: string;
  tag: string;
  /** true: `tag` goes to every node at once. */
  isCritical?: boolean;
}

/** Fixed ports inside MCC's container. */
const CONTENT_PORT = '8081/tcp';
const OPERATIONS_PORT = '5001/tcp';
/** Messages wait this long for the cloud: the original's default of 7200 s. */
const HUB_TIME_TO_LIVE_SECS = 7200;

/** Names without a registry's domain exist on the server only: a pull would ask Docker Hub for somebody else's image. */
export function pullPolicyOf(images: ImageNames): 'never' | 'on-create' {
  const [first = '', ...rest] = images.prefix.split('/');
  return rest.length > 0 && /[.:]/.test(first) ? 'on-create' : 'never';
}

export function imageOf(images: ImageNames, component: 'daemon' | 'agent' | 'hub' | 'cache' | 'bgp'): string {
  return `${images.prefix}${component}:${images.tag}`;
}

/** Base manifest of one node. MCC is left out while the node has no drive: it could store nothing. */
export function generateManifest(node: NodeRecord, images: ImageNames): ModulesContent {
  const hasStorage = node.drives.length > 0;
  const hasBgp = needsBgpModule(node);
  const content: ModulesContent = {
    $edgeAgent: {
      'properties.desired': {
        schemaVersion: '1.1',
        runtime: {
          type: 'docker',
          settings: { minDockerVersion: 'v1.25', loggingOptions: '', registryCredentials: {} },
        },
        systemModules: {
          edgeAgent: {
            type: 'docker',
            imagePullPolicy: pullPolicyOf(images),
            settings: { image: imageOf(images, 'agent'), ...splitCreateOptions({}) },
          },
          edgeHub: {
            type: 'docker',
            imagePullPolicy: pullPolicyOf(images),
            status: 'running',
            restartPolicy: 'always',
            settings: { image: imageOf(images, 'hub'), ...splitCreateOptions(hubOptionsFor(node)) },
          },
        },
        modules: {
          ...(hasStorage ? { MCC: cacheModule(node, images) } : {}),
          ...(hasBgp ? { [BGP_MODULE_ID]: bgpModule(node, imageOf(images, 'bgp'), pullPolicyOf(images)) } : {}),
        },
      },
    },
    $edgeHub: {
      'properties.desired': {
        schemaVersion: '1.1',
        routes: { upstream: 'FROM /messages/* INTO $upstream' },
        storeAndForwardConfiguration: { timeToLiveSecs: HUB_TIME_TO_LIVE_SECS },
      },
    },
  };
  if (hasStorage) {
    const drain: JsonObject = node.isDraining ? { drain: true } : {};
    content.MCC = { 'properties.desired': { maxEgressMbps: node.maxEgressMbps, ...drain } };
  }
  if (hasBgp) content[BGP_MODULE_ID] = { 'properties.desired': bgpDesired(node) };
  return content;
}

/** Digest of a manifest whatever the order of its keys, to know one again that was made from fields. */
export function manifestHash(content: ModulesContent): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(content as Json)))
    .digest('hex');
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key] as Json)]));
}

function cacheModule(node: NodeRecord, images: ImageNames): JsonObject {
  const env: JsonObject = {
    CUSTOMER_ID: { value: node.customerId },
    CACHE_NODE_ID: { value: node.cacheNodeId },
    CUSTOMER_KEY: { value: node.customerKey },
    ...(node.proxy === null ? {} : { UPSTREAM_PROXY: { value: node.proxy } }),
  };
  for (const [index, drive] of node.drives.entries()) {
    env[`STORAGE_${index + 1}_SIZE_GB`] = { value: String(drive.sizeGb) };
  }
  const createOptions: JsonObject = {
    HostConfig: {
      Binds: node.drives.map((drive, index) => `${withSlash(drive.path)}:/nginx/cache${index + 1}/`),
      PortBindings: {
        [CONTENT_PORT]: [{ HostPort: String(node.httpPort) }],
        // Purge and metrics live there: for the server itself only.
        [OPERATIONS_PORT]: [{ HostIp: '127.0.0.1', HostPort: String(node.summaryPort) }],
      },
    },
  };
  return {
    type: 'docker',
    imagePullPolicy: pullPolicyOf(images),
    status: 'running',
    restartPolicy: 'always',
    settings: { image: imageOf(images, 'cache'), ...splitCreateOptions(createOptions) },
    env,
  };
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
