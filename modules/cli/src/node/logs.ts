// `logs MODULE`: the log of a module of this node, Docker's stdout on stdout, its stderr on stderr.

import { copyFrames } from '../daemon/docker-frames.ts';
import type { ManagementClient } from '../daemon/management-client.ts';
import type { Io } from '../io.ts';

export interface LogsOptions {
  tail: number | 'all';
  since?: Date | undefined;
  until?: Date | undefined;
  follow: boolean;
}

export const unixSecs = (date: Date | undefined): number | undefined =>
  date === undefined ? undefined : Math.floor(date.getTime() / 1000);

export async function logs(io: Io, client: ManagementClient, module: string, options: LogsOptions): Promise<void> {
  try {
    const stream = await client.logs(
      module,
      {
        tail: options.tail,
        sinceSecs: unixSecs(options.since),
        untilSecs: unixSecs(options.until),
        follow: options.follow,
      },
      io.signal,
    );
    await copyFrames(stream, io.stdout, io.stderr);
  } catch (error) {
    // Ctrl-C is how a followed log ends.
    if (!io.signal.aborted) throw error;
  }
}
