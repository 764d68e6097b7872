// A PostgreSQL server of its own for tests: Debian's programs, a data folder in a temporary directory, a free port of 127.0.0.1.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const START_MS_MAX = 60_000;
const POLL_MS = 50;
const VERSIONS_FOLDER = '/usr/lib/postgresql';
/** Nothing here outlives the test, so nothing waits for the disk; the order of writes is kept. */
const SETTINGS = ['fsync=off', 'full_page_writes=off', 'max_connections=200', 'shared_buffers=32MB', 'jit=off'];

export interface PostgresServerOptions {
  /** true: commits wait for the disk, as for a customer. */
  isDurable?: boolean;
}

export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #databases = 0;

  private constructor(port: number, folder: string, child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#child = child;
  }

  /** Throws where Debian's package `postgresql` is not installed. */
  static async start({ isDurable = false }: PostgresServerOptions = {}): Promise<PostgresServer> {
    const programs = await programsFolder();
    const owner = await ownerOf();
    const folder = await mkdtemp(join(tmpdir(), 'wayside-postgres-'));
    if (owner.uid !== undefined && owner.gid !== undefined) await chown(folder, owner.uid, owner.gid);
    const data = join(folder, 'data');
    await promisify(execFile)(
      join(programs, 'initdb'),
      ['-A', 'trust', '-U', 'wayside', '-E', 'UTF8', '--no-locale', '--no-sync', '-D', data],
      { ...owner, cwd: folder },
    );
    const port = await freePort();
    const settings = [...(isDurable ? SETTINGS.slice(2) : SETTINGS), `unix_socket_directories=${folder}`];
    const child = spawn(
      join(programs, 'postgres'),
      ['-D', data, '-h', '127.0.0.1', '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...owner, cwd: folder, stdio: 'ignore' },
    );
    const server = new PostgresServer(port, folder, child);
    await server.#ready();
    return server;
  }

  urlOf(database: string): string {
    return `postgres://wayside@127.0.0.1:${this.port}/${database}`;
  }

  /** URL of a new database; `template` names one to copy. */
  async createDatabase(template?: string): Promise<string> {
    this.#databases += 1;
    const name = `test_${process.pid}_${this.#databases}`;
    await createDatabase(this.urlOf('postgres'), name, template);
    return this.urlOf(name);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGINT');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    const endMs = Date.now() + START_MS_MAX;
    for (;;) {
      const client = new pg.Client({ connectionString: this.urlOf('postgres'), connectionTimeoutMillis: 5_000 });
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        await client.end().catch(() => undefined);
        if (this.#child.exitCode !== null || Date.now() > endMs) throw error;
        await sleep(POLL_MS);
      }
    }
  }
}

/** Makes the database `name` on the server of `adminUrl`. */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`create database "${name}"${template === undefined ? '' : ` template "${template}"`}`);
  } finally {
    await client.end();
  }
}

async function programsFolder(): Promise<string> {
  const versions = await readdir(VERSIONS_FOLDER).catch(() => []);
  const newest = versions.map(Number).sort((a, b) => b - a)[0];
  if (newest === undefined) throw new Error(`No PostgreSQL in ${VERSIONS_FOLDER}: apt-get install postgresql`);
  return join(VERSIONS_FOLDER, String(newest), 'bin');
}

/** PostgreSQL refuses to run as root: then it runs as Debian's user of that name. */
async function ownerOf(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const idOf = async (flag: string) => Number((await promisify(execFile)('id', [flag, 'postgres'])).stdout);
  return { uid: await idOf('-u'), gid: await idOf('-g') };
}

/** A port of 127.0.0.1 that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
