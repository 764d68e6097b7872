// A cache in a process of its own, to be killed with -9: says on its output where it serves, and each object once it is stored for good.

import { flushCompileCache } from 'node:module';
import { silentLogger } from '@wayside/kit';
import { useCompileCache } from '../src/compile-cache.ts';

// As main does: a start that is killed again and again costs half of it.
useCompileCache();
const { startCacheNode } = await import('../src/cache-node.ts');
const { readConfig } = await import('../src/config.ts');

const node = await startCacheNode({ config: readConfig(process.env), logger: silentLogger, version: 'test' });
// A write to a pipe is done when it returns: what was said outlives this process.
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
node.store.onStored = (object) => say({ stored: object.key });
say({ content: node.content.port, operations: node.operations.port });
flushCompileCache();
