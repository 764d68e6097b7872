// edgeHub's composition root: environment in, a running hub out.

import { readFileSync } from 'node:fs';
import { createLogger, onShutdown, runMain, systemClock } from '@wayside/kit';
import { readHubConfig } from './config.ts';
import { Hub } from './hub.ts';

await runMain(async () => {
  const config = readHubConfig(process.env);
  const logger = createLogger({ module: 'edgeHub', level: config.logLevel });
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const hub = new Hub({ config, logger, clock: systemClock, version: { version, build: '', commit: '' } });
  onShutdown(() => hub.stop(), { logger });
  await hub.start();
});
