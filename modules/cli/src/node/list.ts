// `list`: the modules of this node.

import type { ManagementClient } from '../daemon/management-client.ts';
import type { Io } from '../io.ts';
import { moduleTable } from '../table/module-table.ts';

export async function list(io: Io, client: ManagementClient): Promise<void> {
  const modules = await client.listModules();
  io.stdout.write(moduleTable(modules, BigInt(Math.round(io.clock.nowMs() * 1000)) * 1000n));
}
