// A cache in a process of its own that answers questions about itself: what it holds, and which names it asked the resolver for.

import { readdirSync, readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { createLogger, silentLogger } from '@wayside/kit';
import { startCacheNode } from '../src/cache-node.ts';
import { readConfig } from '../src/config.ts';

const lookedUp: string[] = [];
/** Nothing here may need a name: every host that is served has a url with an address. */
const lookup = ((name: string, _: unknown, callback: (error: Error) => void) => {
  lookedUp.push(name);
  callback(Object.assign(new Error(`${name} is not to be resolved`), { code: 'ENOTFOUND' }));
}) as LookupFunction;

const node = await startCacheNode({
  config: readConfig(process.env),
  // TEST_LOG=debug shows what it says about itself, on standard error.
  logger: process.env.TEST_LOG === undefined ? silentLogger : createLogger({ module: 'MCC', level: 'debug' }),
  version: 'test',
  ...(process.env.TEST_NO_DNS === undefined ? {} : { lookup }),
});

process.on('message', (message) => {
  if (message !== 'state') return;
  (globalThis as { gc?: () => void }).gc?.();
  const rssKib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  process.send?.({
    rssBytes: rssKib * 1024,
    heapBytes: process.memoryUsage().heapUsed,
    externalBytes: process.memoryUsage().external,
    descriptors: readdirSync('/proc/self/fd').length,
    lookedUp,
  });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ content: node.content.port, operations: node.operations.port });
