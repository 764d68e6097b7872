#!/usr/bin/env node
// Composition root of the cloud: settings from the environment, then everything up, then an orderly end on SIGTERM or SIGINT.
// With a command (`wayside-cloud backup FILE`, ..) it does that and ends.

import { createLogger, onShutdown, runMain, systemClock } from '@wayside/kit';
import { runCommand } from './commands/run-command.ts';
import { loadCloudConfig } from './config.ts';
import { startCloud } from './start-cloud.ts';

await runMain(async () => {
  const config = loadCloudConfig(process.env);
  const logger = createLogger({ module: 'cloud', level: config.logLevel });
  const args = process.argv.slice(2);
  if (args.length > 0) {
    await runCommand({ config, clock: systemClock, logger, print: (text) => process.stdout.write(text) }, args);
    return;
  }
  const starting = startCloud(config, systemClock, logger);
  // Before the start has ended: a signal in between ends it in order, too.
  onShutdown(async () => (await starting).stop(), { logger });
  await starting;
});
