// Composition root of the BGP module: reads the environment, starts the collector, links it to edgeHub.

import { join } from 'node:path';
import { closeServer, createLogger, describeError, onShutdown, runMain, systemClock } from '@wayside/kit';
import { startBgpNode } from './bgp-node.ts';
import { readConfig } from './config.ts';
import { startHealthServer } from './operate/health-server.ts';
import { HubLink } from './operate/hub-link.ts';

const HEALTH_SOCKET_FILE = 'health.sock';

await runMain(async () => {
  const { env } = process;
  const { birdProgram, logLevel, ...config } = readConfig(env);
  const logger = createLogger({ module: env.IOTEDGE_MODULEID ?? 'bgp', level: logLevel });
  const version = env.WAYSIDE_VERSION ?? '0.0.0';
  const link: HubLink = new HubLink(systemClock, logger, {
    onMethod: (name, payload) => node.onMethod(name, payload),
    onDesired: (desired) => {
      void node.settings
        .take(desired)
        .then(({ version: applied, problems }) =>
          link.reportSettings({ schemaVersion: '1.0', bgpVersion: version, appliedVersion: applied, problems }),
        )
        .catch((error: unknown) => logger.error('Settings cannot be saved', { reason: describeError(error) }));
    },
  });
  const node = await startBgpNode({
    ...config,
    ...{ logger, birdCommand: [birdProgram] },
    sendRoutes: (message) => link.sendRoutes(message),
    sendState: (message) => link.sendState(message),
  });
  onShutdown(() => node.close(), { logger });
  const health = await startHealthServer(join(config.runDir, HEALTH_SOCKET_FILE), () => node.health());
  onShutdown(() => closeServer(health), { logger });
  logger.info('Route collector runs', { version, port: config.port });
  if (env.IOTEDGE_WORKLOADURI === undefined) return;
  onShutdown(() => link.close(), { logger });
  void link.run();
});
