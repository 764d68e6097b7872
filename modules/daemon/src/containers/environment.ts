// Environment that the daemon puts into module containers (iotedge.md 4.6, docs/contracts.md 3). Pure.

import { EDGE_AGENT, EDGE_HUB, isSystemModule, moduleIdOf } from '../module-names.ts';
import type { NodeFacts } from './node-facts.ts';

/** Newest api-version of the sockets. */
const API_VERSION_NEWEST = '2022-08-03';
export const WORKLOAD_MOUNT = '/var/run/iotedge';
export const MANAGEMENT_MOUNT = '/var/run/iotedge-mgmt';
export const STORAGE_MOUNT = '/storage';

const MQTT_PORT_STANDARD = 8883;
const HTTPS_PORT_STANDARD = 443;
/** Settings of edgeAgent that hold for the whole node. */
const COPIED_FROM_AGENT = ['RuntimeLogLevel', 'UpstreamProtocol'];

export type Environment = { [name: string]: string };

/** What the daemon adds; the module's own settings come on top. */
export function injectedEnvironment(name: string, generationId: string, facts: NodeFacts): Environment {
  return {
    IOTEDGE_WORKLOADURI: `unix://${WORKLOAD_MOUNT}/workload.sock`,
    IOTEDGE_AUTHSCHEME: 'sasToken',
    IOTEDGE_APIVERSION: API_VERSION_NEWEST,
    IOTEDGE_MODULEGENERATIONID: generationId,
    IOTEDGE_IOTHUBHOSTNAME: facts.iothubHostname,
    IOTEDGE_DEVICEID: facts.deviceId,
    IOTEDGE_MODULEID: moduleIdOf(name),
    ...(isSystemModule(name) ? systemEnvironment(facts) : { IOTEDGE_GATEWAYHOSTNAME: facts.hostname }),
    ...(name === EDGE_HUB ? { StorageFolder: STORAGE_MOUNT } : {}),
    ...copiedFromAgent(facts),
    ...(name === EDGE_AGENT ? agentEnvironment(facts) : {}),
  };
}

function systemEnvironment(facts: NodeFacts): Environment {
  const { mqttPort, httpsPort, proxy } = facts;
  return {
    EdgeDeviceHostName: facts.hostname,
    ...(mqttPort === MQTT_PORT_STANDARD ? {} : { WAYSIDE_UPSTREAM_MQTT_PORT: String(mqttPort) }),
    ...(httpsPort === HTTPS_PORT_STANDARD ? {} : { WAYSIDE_UPSTREAM_HTTPS_PORT: String(httpsPort) }),
    ...(proxy.https === '' ? {} : { https_proxy: proxy.https }),
    ...(proxy.no === '' ? {} : { no_proxy: proxy.no }),
  };
}

function agentEnvironment(facts: NodeFacts): Environment {
  return {
    StorageFolder: STORAGE_MOUNT,
    IOTEDGE_MANAGEMENTURI: `unix://${MANAGEMENT_MOUNT}/mgmt.sock`,
    Mode: 'iotedged',
    NetworkId: facts.network,
    ...facts.agentEnv,
  };
}

function copiedFromAgent({ agentEnv }: NodeFacts): Environment {
  return Object.fromEntries(
    COPIED_FROM_AGENT.filter((name) => name in agentEnv).map((name) => [name, agentEnv[name] as string]),
  );
}
