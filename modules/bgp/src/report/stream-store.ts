// The end of the stream on disk: which epoch, how far, and the routes the receiver holds by then.
//
// INVARIANTS
// - `isSending` is on disk before the first batch of a change leaves, and gone only when the whole change is acknowledged and its tables are on disk.
// - So tables without that mark are what the receiver holds. With it nobody knows how far the receiver came: the stream begins a new epoch.

import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, type Logger, readJsonFile, writeFileAtomic, writeJsonFile } from '@wayside/kit';
import { decodeTable, encodeTable } from '../routes/route-file.ts';
import type { RouteTable } from '../routes/route-table.ts';

const STREAM_FILE = 'stream.json';
const TABLE_SUFFIX = '.routes';

export interface StreamMark {
  epoch: string;
  /** Last acknowledged batch of the epoch; 0 = none. */
  seq: number;
  routes: number;
  /** BgpRouteHash. */
  hash: string;
  isSending: boolean;
}

export class StreamStore {
  readonly #folder: string;
  readonly #logger: Logger;
  /** Tables as they lie on disk: what did not change is not written again. */
  readonly #written = new Map<string, RouteTable>();

  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  /** What is damaged is left out and said; then `mark` is null. */
  async load(): Promise<{ mark: StreamMark | null; tables: Map<string, RouteTable> }> {
    await mkdir(this.#folder, { recursive: true });
    let isWhole = true;
    const mark = await readJsonFile(join(this.#folder, STREAM_FILE)).catch((error) => this.#damaged(error));
    for (const file of await readdir(this.#folder)) {
      if (!file.endsWith(TABLE_SUFFIX)) continue;
      try {
        const table = decodeTable(await readFile(join(this.#folder, file)), file);
        this.#written.set(file.slice(0, -TABLE_SUFFIX.length), table);
      } catch (error) {
        this.#damaged(error);
        isWhole = false;
      }
    }
    return { mark: isWhole && isMark(mark) ? mark : null, tables: new Map(this.#written) };
  }

  saveMark(mark: StreamMark): Promise<void> {
    return writeJsonFile(join(this.#folder, STREAM_FILE), mark);
  }

  /** Resolves when the tables and then the mark are on disk. */
  async saveAll(mark: StreamMark, tables: ReadonlyMap<string, RouteTable>): Promise<void> {
    for (const [session, table] of tables) {
      if (this.#written.get(session) === table) continue;
      await writeFileAtomic(this.#pathOf(session), encodeTable(table));
      this.#written.set(session, table);
    }
    for (const session of [...this.#written.keys()]) {
      if (tables.has(session)) continue;
      await unlink(this.#pathOf(session)).catch(() => {});
      this.#written.delete(session);
    }
    await this.saveMark(mark);
  }

  #pathOf(session: string): string {
    return join(this.#folder, `${session}${TABLE_SUFFIX}`);
  }

  #damaged(error: unknown): undefined {
    this.#logger.warn('A file of the storage folder is left out', {
      code: 'BGP_STATE_FILE_INVALID',
      reason: describeError(error),
    });
    return undefined;
  }
}

function isMark(value: unknown): value is StreamMark {
  const { epoch, seq, routes, hash, isSending } = (value ?? {}) as Partial<StreamMark>;
  return (
    typeof epoch === 'string' &&
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(routes) &&
    /^[0-9a-f]{16}$/.test(hash ?? '') &&
    typeof isSending === 'boolean'
  );
}
