// Composition root: reads the environment, listens, stops on SIGTERM.

import { createServer } from 'node:http';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';

/** How long open answers may go on after SIGTERM. */
const CLOSE_MS_MAX = 3000;
/** The same code as every module's: supervisors do not restart on it. */
const EXIT_CONFIG_INVALID = 153;

function start(): void {
  const config = readConfig(process.env);
  const server = createServer(createApp({ rateBytesPerSec: config.rateBytesPerSec }));
  server.on('error', (error) => {
    console.error(`Cannot listen on port ${config.port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(config.port, () => {
    const rate = config.rateBytesPerSec === undefined ? 'no rate limit' : `${config.rateBytesPerSec} bytes a second`;
    console.log(`Origin listens on port ${config.port}, ${rate}`);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX).unref();
    });
  }
}

try {
  start();
} catch (error) {
  console.error((error as Error).message);
  process.exit(EXIT_CONFIG_INVALID);
}
