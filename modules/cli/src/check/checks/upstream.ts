// Checks of the way to the cloud: from the host, from the engine's default network, from the module network.

import { type Check, type CheckOutcome, failure, OK, SKIPPED } from '../check.ts';
import type { CheckContext, Upstream } from '../context.ts';
import { probeTls } from '../tls-probe.ts';

interface Port {
  name: 'https' | 'mqtt';
  words: string;
  of(upstream: Upstream): number;
}

const PORTS: readonly Port[] = [
  { name: 'mqtt', words: 'MQTT port', of: (u) => u.mqttPort },
  { name: 'https', words: 'HTTPS / WebSockets port', of: (u) => u.httpsPort },
];

/** MQTT over WebSocket needs 443 only. */
function notNeeded(upstream: Upstream, port: Port): CheckOutcome | undefined {
  return upstream.protocol === 'MqttWs' && port.name === 'mqtt'
    ? { result: 'skippedBecause', reason: 'not required in this configuration' }
    : undefined;
}

function hostCheck(port: Port): Check {
  return {
    id: `host-connect-iothub-${port.name}`,
    description: `host can connect to and perform TLS handshake with iothub ${port.words}`,
    async run(context, note) {
      const upstream = await context.upstream();
      if (upstream === undefined) return SKIPPED;
      note({ iothub_hostname: upstream.hostname, port: port.of(upstream) });
      const skipped = notNeeded(upstream, port);
      if (skipped !== undefined) return skipped;
      const target = await context.hostTarget(upstream, port.of(upstream));
      try {
        note({ certificate_valid_to: (await probeTls(target)).validTo });
        return OK;
      } catch (error) {
        return failure(
          `Could not connect to ${upstream.hostname}:${port.of(upstream)}: ${Error.isError(error) ? error.message : error}`,
          error,
        );
      }
    },
  };
}

function containerCheck(network: 'default' | 'module', port: Port): Check {
  const where = network === 'default' ? 'container on the default network' : 'container on the IoT Edge module network';
  const prefix = network === 'default' ? 'container-default-connect' : 'container-connect';
  return {
    id: `${prefix}-upstream-${port.name}`,
    description: `${where} can connect to upstream ${port.words}`,
    run: (context) => runContainerCheck(context, network, where, port),
  };
}

async function runContainerCheck(
  context: CheckContext,
  network: 'default' | 'module',
  where: string,
  port: Port,
): Promise<CheckOutcome> {
  const upstream = await context.upstream();
  if (upstream === undefined) return SKIPPED;
  const skipped = notNeeded(upstream, port);
  if (skipped !== undefined) return skipped;
  try {
    const probe = await context.probeFrom(network);
    if (probe === undefined) return SKIPPED;
    const reason = probe.targets[port.name];
    return reason === ''
      ? OK
      : failure(
          `A ${where} could not connect to ${upstream.hostname}:${port.of(upstream)}: ${reason ?? 'no answer of the diagnostics container'}`,
        );
  } catch (error) {
    return failure(`A ${where} could not be run.`, error);
  }
}

export const hostConnect: readonly Check[] = PORTS.map(hostCheck);
export const defaultNetworkConnect: readonly Check[] = PORTS.map((port) => containerCheck('default', port));
export const moduleNetworkConnect: readonly Check[] = PORTS.map((port) => containerCheck('module', port));
