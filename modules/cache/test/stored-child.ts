// A cache in a process of its own, to be killed with -9: says on its output where it serves, and each object once it is stored for good.

import { silentLogger } from '@wayside/kit';
import { startCacheNode } from '../src/cache-node.ts';
import { readConfig } from '../src/config.ts';

const node = await startCacheNode({ config: readConfig(process.env), logger: silentLogger, version: 'test' });
// A write to a pipe is done when it returns: what was said outlives this process.
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
node.store.onStored = (object) => say({ stored: object.key });
say({ content: node.content.port, operations: node.operations.port });
