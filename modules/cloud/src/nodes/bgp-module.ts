// The module bgp of a node whose prefixes come by BGP (docs/contracts.md 9): its entry in the manifest, its twin, and what edgeHub must publish for it.

import { type JsonObject, splitCreateOptions } from '@wayside/protocol';
import { localAsnOf } from './bgp-fields.ts';
import type { NodeRecord } from './node-record.ts';

/** RFC 4271 8.2.1. */
const BGP_PORT = '179/tcp';
const HUB_PORT = '8883';

/** Does the node need the module? Only while its prefixes come by BGP and there is a neighbour that may connect. */
export function needsBgpModule(node: NodeRecord): boolean {
  return (
    node.prefixSource === 'bgp' && node.bgp.sessions.some((session) => session.isEnabled) && routerIdOf(node) !== null
  );
}

/** `provisionedHost` is the name under which modules look for edgeHub; in the network of the server nothing but this entry resolves it. */
export function bgpModule(node: NodeRecord, image: string, imagePullPolicy: string): JsonObject {
  const hosts: JsonObject = node.provisionedHost === null ? {} : { ExtraHosts: [`${node.provisionedHost}:127.0.0.1`] };
  const network: JsonObject =
    node.bgp.network === 'host'
      ? { NetworkMode: 'host', ...hosts }
      : { PortBindings: { [BGP_PORT]: [{ HostPort: BGP_PORT.split('/')[0] as string }] } };
  const hostConfig = { ...network, Mounts: [storageMount(node.name)] };
  return {
    type: 'docker',
    version: '1.0',
    imagePullPolicy,
    status: 'running',
    restartPolicy: 'always',
    settings: { image, ...splitCreateOptions({ HostConfig: hostConfig }) },
  };
}

/** A named volume takes its owner from the image: the module is not root. The label says that it goes with the node (docs/contracts.md 1). */
function storageMount(nodeName: string): JsonObject {
  return {
    Type: 'volume',
    Source: `wayside-bgp-${nodeName}`,
    Target: '/storage',
    VolumeOptions: { Labels: { 'io.wayside.component': 'storage' } },
  };
}

/** Create options of edgeHub: a module in the network of the server reaches it at a port of 127.0.0.1. */
export function hubOptionsFor(node: NodeRecord): JsonObject {
  if (!needsBgpModule(node) || node.bgp.network !== 'host') return {};
  return {
    HostConfig: { PortBindings: { [`${HUB_PORT}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: HUB_PORT }] } },
  };
}

/** Desired properties; the passwords are in them. */
export function bgpDesired(node: NodeRecord): JsonObject {
  const sessions = node.bgp.sessions.map(({ id, localAddress, hasPassword, ...session }) => [
    id,
    {
      ...session,
      ...(localAddress === null ? {} : { localAddress }),
      ...(hasPassword ? { password: node.bgpPasswords[id] ?? '' } : {}),
    },
  ]);
  return {
    localAsn: localAsnOf(node.bgp) ?? 0,
    routerId: routerIdOf(node) ?? '',
    holdSecs: node.bgp.holdSecs,
    sessions: Object.fromEntries(sessions) as JsonObject,
  };
}

function routerIdOf(node: NodeRecord): string | null {
  return node.bgp.routerId ?? node.ipAddress;
}
