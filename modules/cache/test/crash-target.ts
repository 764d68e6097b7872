// A cache in a process of its own, to be killed: prints its ports as JSON once it serves.

import { silentLogger } from '@wayside/kit';
import { startCacheNode } from '../src/cache-node.ts';
import { readConfig } from '../src/config.ts';

const node = await startCacheNode({ config: readConfig(process.env), logger: silentLogger, version: 'test' });
process.stdout.write(`${JSON.stringify({ content: node.content.port, operations: node.operations.port })}\n`);
