// Composition root of MCC: reads environment and arguments, starts the node, links it to edgeHub when there is one.

import { setTimeout as sleep } from 'node:timers/promises';
import { useCompileCache } from './compile-cache.ts';

// Everything else is imported after this, so that it comes compiled from the second start on; threads find the folder in their environment.
const compiled = useCompileCache();
if (compiled !== undefined) process.env.NODE_COMPILE_CACHE = compiled;
const { createLogger, onShutdown, runMain, systemClock } = await import('@wayside/kit');
const { readConfig } = await import('./config.ts');

/** Clients that waited for the start are answered before the rest is loaded. */
const EARLY_CLIENTS_MS = 100;

await runMain(async () => {
  const { env, argv } = process;
  const config = readConfig(env, argv.slice(2));
  // The thread that answers first loads its code while this one loads its own.
  const { startDeliveryWorker } = await import('./threads/delivery-worker.ts');
  const workers = config.threads > 1 ? [startDeliveryWorker()] : [];
  const { startCacheNode } = await import('./cache-node.ts');
  const logger = createLogger({ module: env.IOTEDGE_MODULEID ?? 'MCC', level: config.logLevel });
  const version = env.WAYSIDE_VERSION ?? '0.0.0';
  const node = await startCacheNode({ config, logger, version, workers, settle: () => sleep(EARLY_CLIENTS_MS) });
  // Before the line below: who reads it may end the process at once.
  onShutdown(() => node.stop(), { logger });
  logger.info('Cache serves', {
    version,
    content: `${node.content.address}:${node.content.port}`,
    operations: `${node.operations.address}:${node.operations.port}`,
    drives: config.drives.map((drive) => drive.path).join(', '),
  });
  if (env.IOTEDGE_WORKLOADURI === undefined) return;
  // Loaded only where there is a hub: the SDK takes longer to load than the cache to start.
  const { HubLink } = await import('./operate/hub-link.ts');
  const link: InstanceType<typeof HubLink> = new HubLink(
    systemClock,
    logger,
    {
      onDesired: (desired) => {
        void node.settings.take(desired).then(() => link.reportSettings(node.operate.reported()));
      },
    },
    node.operate.methods(),
  );
  node.reporter.onReport = (report) => void link.send(report);
  onShutdown(() => link.close(), { logger });
  void link.run();
});
