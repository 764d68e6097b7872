// Adds the module bgp with its sessions to a deployed manifest:
// bgp-settings.ts FILE IMAGE host|bridge HOSTNAME LOCAL_ASN ROUTER_ID MAX_PREFIXES PASSWORD_FILE ADDRESS,ASN...
// Sessions that the manifest has stay; one with the same neighbour is replaced. What is wrong in a value, the module's own check says.

import { readFileSync } from 'node:fs';
import { BGP_MODULE_ID, type Json, type JsonObject, joinCreateOptions, splitCreateOptions } from '@wayside/protocol';

interface ModuleEntry {
  imagePullPolicy?: Json;
  settings: JsonObject;
}
interface Session {
  [field: string]: Json;
}
interface Desired {
  [field: string]: Json | { [id: string]: Session } | undefined;
  sessions?: { [id: string]: Session };
}
interface AgentDesired {
  systemModules: { edgeHub: ModuleEntry };
  modules: { [name: string]: Json };
}
/** The part of a manifest that is changed here. */
interface Content {
  $edgeAgent?: { 'properties.desired': AgentDesired };
  $edgeHub: { 'properties.desired': { routes?: JsonObject } };
  [BGP_MODULE_ID]?: { 'properties.desired': Desired };
}

const [file = '', image = '', network, hostname, localAsn, routerId, maxPrefixes, passwordFile, ...neighbors] =
  process.argv.slice(2);
const document = JSON.parse(readFileSync(file, 'utf8')) as Content & { modulesContent?: Content };
const content: Content = document.modulesContent ?? document;
const agent = content.$edgeAgent?.['properties.desired'];
if (agent === undefined) throw new Error(`${file} has no $edgeAgent: deploy the node first`);
if (network !== 'host' && network !== 'bridge') throw new Error(`network is "${network}", wanted host or bridge`);
if (network === 'bridge' && passwordFile)
  throw new Error('passwordfile needs network=host: a TCP MD5 signature does not survive address translation');

const desired = content[BGP_MODULE_ID]?.['properties.desired'] ?? {};
const sessions: { [id: string]: Session } = { ...desired.sessions };
const password = passwordFile ? readFileSync(passwordFile, 'utf8').split('\n', 1)[0] : undefined;
for (const neighbor of neighbors) {
  const [address = '', asn = ''] = neighbor.split(',').map((part) => part.trim());
  const known = Object.keys(sessions).find((id) => sessions[id]?.neighborAddress === address);
  let number = 1;
  while (sessions[`session${number}`] !== undefined) number += 1;
  sessions[known ?? `session${number}`] = {
    ...(known === undefined ? {} : sessions[known]),
    neighborAddress: address,
    neighborAsn: Number(asn),
    ...(maxPrefixes ? { maxPrefixes: Number(maxPrefixes) } : {}),
    ...(password === undefined ? {} : { password }),
  };
}
content[BGP_MODULE_ID] = {
  ...content[BGP_MODULE_ID],
  'properties.desired': { ...desired, localAsn: Number(localAsn), routerId, sessions },
};

const hub = agent.systemModules.edgeHub.settings;
const hostConfig: JsonObject =
  network === 'host'
    ? { NetworkMode: 'host', ExtraHosts: [`${hostname}:127.0.0.1`] }
    : { PortBindings: { '179/tcp': [{ HostPort: '179' }] } };
if (network === 'host') publishHub(hub);
// A named volume takes its owner from the image: the module is not root. By the label it goes with the node.
const storage: JsonObject = {
  ...{ Type: 'volume', Source: `wayside-bgp-${hostname}`, Target: '/storage' },
  VolumeOptions: { Labels: { 'io.wayside.component': 'storage' } },
};
agent.modules[BGP_MODULE_ID] = {
  type: 'docker',
  status: 'running',
  restartPolicy: 'always',
  imagePullPolicy: agent.systemModules.edgeHub.imagePullPolicy ?? 'never',
  version: '1.0',
  settings: {
    image,
    ...splitCreateOptions({ HostConfig: { ...hostConfig, Mounts: [storage] } }),
  },
};
const hubDesired = content.$edgeHub['properties.desired'];
const reachesCloud = Object.values(hubDesired.routes ?? {}).some((route) =>
  /FROM\s+\/(messages\/)?\*\s+INTO\s+\$upstream/i.test(routeText(route)),
);
if (!reachesCloud)
  hubDesired.routes = { ...hubDesired.routes, bgpToCloud: `FROM /messages/modules/${BGP_MODULE_ID}/* INTO $upstream` };
console.log(JSON.stringify({ modulesContent: content }, null, 2));

/** A module in the network of the host reaches edgeHub at a port of 127.0.0.1. */
function publishHub(settings: JsonObject): void {
  const options = joinCreateOptions(settings);
  const hostConfig = (options.HostConfig ?? {}) as JsonObject;
  const bindings = { ...(hostConfig.PortBindings as JsonObject | undefined) };
  bindings['8883/tcp'] ??= [{ HostIp: '127.0.0.1', HostPort: '8883' }];
  for (const key of Object.keys(settings)) if (/^createOptions\d*$/.test(key)) delete settings[key];
  Object.assign(settings, splitCreateOptions({ ...options, HostConfig: { ...hostConfig, PortBindings: bindings } }));
}

function routeText(route: unknown): string {
  return typeof route === 'string' ? route : String((route as { route?: unknown } | null)?.route ?? '');
}
