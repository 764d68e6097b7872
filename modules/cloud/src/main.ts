// Composition root of the cloud: settings from the environment, then everything up, then an orderly end on SIGTERM or SIGINT.

import { createLogger, onShutdown, runMain, systemClock } from '@wayside/kit';
import { loadCloudConfig } from './config.ts';
import { startCloud } from './start-cloud.ts';

await runMain(async () => {
  const config = loadCloudConfig(process.env);
  const logger = createLogger({ module: 'cloud', level: config.logLevel });
  const starting = startCloud(config, systemClock, logger);
  // Before the start has ended: a signal in between ends it in order, too.
  onShutdown(async () => (await starting).stop(), { logger });
  await starting;
});
