// `restart MODULE`: stop, then start; a stop that fails is told and the start is tried all the same, as the original does.

import type { ManagementClient } from '../daemon/management-client.ts';
import { causeChain } from '../error-text.ts';
import type { Io } from '../io.ts';

export async function restart(io: Io, client: ManagementClient, module: string): Promise<void> {
  try {
    await client.stopModule(module);
  } catch (error) {
    io.stderr.write(`warn: ${module} was not stopped gracefully: ${causeChain(error).join(': ')}\n`);
  }
  await client.startModule(module);
  io.stdout.write(`Restarted ${module}\n\n`);
}
