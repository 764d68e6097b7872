// One workload socket a module, each in a directory of its own that the module's container mounts.
//
// INVARIANTS
// - A directory is made before its container and never removed or made anew while a container could have it mounted: a mount keeps the
//   old directory, and the module would wait for ever on a socket that lies elsewhere. Sockets inside come and go.
// - The directory above is root's alone, so that no other user of the host reaches a module's socket.

import { chmod, mkdir, rmdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { type Logger, Semaphore } from '@wayside/kit';
import type { Express } from 'express';
import type { WorkloadSockets } from '../containers/modules.ts';
import type { Layout } from '../layout.ts';
import { moduleName } from '../module-names.ts';
import { listenerOf } from './http-rules.ts';
import { closeUnixServer, openUnixServer } from './unix-server.ts';

/** Any user inside the container may connect. */
const SOCKET_MODE = 0o666;

export interface WorkloadSocketOptions {
  layout: Layout;
  connectionsMax: number;
  /** The API of one module. */
  appFor(name: string): Express;
  log: Logger;
}

export class WorkloadSocketServers implements WorkloadSockets {
  readonly #o: WorkloadSocketOptions;
  readonly #servers = new Map<string, Server>();
  readonly #changes = new Semaphore(1);

  constructor(o: WorkloadSocketOptions) {
    this.#o = o;
  }

  /** The socket answers when this resolves; nothing to do when it does already. */
  open(text: string): Promise<void> {
    const name = moduleName(text);
    return this.#changes.run(async () => {
      if (this.#servers.has(name)) return;
      const { layout, connectionsMax, appFor, log } = this.#o;
      const directory = layout.workloadDir(name);
      await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
      await chmod(dirname(directory), 0o700);
      await mkdir(directory, { recursive: true, mode: 0o755 });
      await chmod(directory, 0o755);
      const path = layout.workloadSocket(name);
      this.#servers.set(
        name,
        await openUnixServer({ path, mode: SOCKET_MODE, connectionsMax, listener: listenerOf(appFor(name)) }),
      );
      log.debug('Workload socket opened', { module: name, path });
    });
  }

  /** For a module whose container is gone. */
  close(name: string): Promise<void> {
    return this.#changes.run(async () => {
      const server = this.#servers.get(name);
      if (server !== undefined) await closeUnixServer(server, this.#o.layout.workloadSocket(name));
      this.#servers.delete(name);
      await rmdir(this.#o.layout.workloadDir(name)).catch(() => undefined);
    });
  }

  /** For the end of the process: directories stay, containers have them mounted. */
  async closeAll(): Promise<void> {
    await this.#changes.run(async () => {
      const open = [...this.#servers].map(([name, server]) =>
        closeUnixServer(server, this.#o.layout.workloadSocket(name)),
      );
      this.#servers.clear();
      await Promise.all(open);
    });
  }
}
