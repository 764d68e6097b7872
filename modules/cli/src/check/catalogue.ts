// Every check in the order it runs: what later ones need comes first.

import type { CheckSection } from './check.ts';
import { certificatesPreloaded, configUpToDate, configWellFormed, hostname } from './checks/configuration.ts';
import { mccContent, mccDrives, mccOperations, mccPorts } from './checks/connected-cache.ts';
import { connectManagementUri, edgeVersion, modulesRunning } from './checks/daemon.ts';
import {
  agentStorage,
  containerEngineDns,
  containerEngineLogrotate,
  containerEngineUri,
  hubStorage,
  proxySettings,
} from './checks/engine.ts';
import { gatewayCertificateExpiry } from './checks/gateway-certificate.ts';
import { containerLocalTime, hostLocalTime } from './checks/time.ts';
import { defaultNetworkConnect, hostConnect, moduleNetworkConnect } from './checks/upstream.ts';

export const CHECKS: readonly CheckSection[] = [
  {
    name: 'Configuration checks',
    checks: [
      configWellFormed,
      configUpToDate,
      hostname,
      certificatesPreloaded,
      containerEngineUri,
      connectManagementUri,
      edgeVersion,
      modulesRunning,
      hostLocalTime,
      containerLocalTime,
      containerEngineDns,
      containerEngineLogrotate,
      gatewayCertificateExpiry,
      agentStorage,
      hubStorage,
      proxySettings,
    ],
  },
  { name: 'Connectivity checks', checks: [...hostConnect, ...defaultNetworkConnect, ...moduleNetworkConnect] },
  { name: 'Connected cache checks', checks: [mccPorts, mccContent, mccOperations, mccDrives] },
];
