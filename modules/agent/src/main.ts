// Composition root of edgeAgent: the only place that reads the environment and news adapters.

import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createLogger, listen, onShutdown, runMain, systemClock } from '@wayside/kit';
import { Agent } from './agent.ts';
import { AzureModuleClient } from './cloud/module-client.ts';
import { readConfig } from './config.ts';
import { DaemonHttp } from './daemon/daemon-http.ts';
import { ManagementClient } from './daemon/management-client.ts';
import { WorkloadClient } from './daemon/workload-client.ts';
import { AgentMetrics } from './metrics/agent-metrics.ts';
import { createMetricsServer } from './metrics/metrics-server.ts';

/** With StopModulesOnShutdown the modules get their time; else Docker's 10 s rule. */
const SHUTDOWN_STOPPING_MS_MAX = 70_000;

await runMain(async () => {
  const config = readConfig(process.env);
  const logger = createLogger({ module: 'edgeAgent', level: config.runtimeLogLevel });
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  mkdirSync(config.stateFolder, { recursive: true, mode: 0o700 });
  const engine = new ManagementClient(new DaemonHttp(config.managementUri), config.managementApiTimeoutSecs * 1000);
  const workload = new WorkloadClient(new DaemonHttp(config.workloadUri), config);
  const metrics = new AgentMetrics({
    iothub: config.iothubHostname,
    edge_device: config.deviceId,
    instance_number: randomUUID(),
  });
  const agent = new Agent({
    config,
    version: { version, build: '', commit: '' },
    engine,
    sealer: workload,
    connect: async (handlers) => {
      const settings = {
        ...config,
        hubHostname: config.iothubHostname,
        mqttPort: config.upstreamMqttPort,
        httpsPort: config.upstreamHttpsPort,
      };
      return new AzureModuleClient(settings, await workload.trustBundle(), handlers, logger);
    },
    trustBundle: () => workload.trustBundle(),
    metrics,
    clock: systemClock,
    logger,
  });
  if (config.metricsEnabled) {
    const server = createMetricsServer(metrics, () => agent.health());
    await listen(server, { port: config.metricsPort });
  }
  onShutdown(() => agent.stop(), {
    logger,
    ...(config.stopModulesOnShutdown ? { timeLimitMs: SHUTDOWN_STOPPING_MS_MAX } : {}),
  });
  logger.info('edgeAgent starts', { version, device: config.deviceId, hub: config.iothubHostname });
  await agent.start();
});
