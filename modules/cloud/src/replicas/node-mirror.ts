// Keeps what a replica that does not lead knows of the cache nodes in memory: judgements, probes, egress, prefixes, read again where the
// leading one says that they changed.
//
// INVARIANTS: one reading at a time; what changes while it runs is read once more.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Accounts } from '../accounts/accounts.ts';
import { readStatus } from '../health/node-status.ts';
import type { NodeWatch } from '../health/node-watch.ts';
import type { ProbeLoop } from '../health/probe-loop.ts';
import type { ProbeRows } from '../health/probe-rows.ts';
import type { NodeRegistry } from '../nodes/node-registry.ts';
import type { NodeDb } from '../nodes/tables.ts';
import type { OpenRouting } from '../routing/open-routing.ts';
import { PrefixMirror } from '../routing/prefix-mirror.ts';

/** News come in swarms: gathered for this long. */
const GATHER_MS = 200;
const RETRY_MS = 2_000;
/** Prefixes of one node that are read by name; above it all of the node's are read. */
const PREFIXES_BY_NAME_MAX = 20_000;
const NODES_PER_READING = 200;

export interface NodeMirrorParts {
  db: NodeDb;
  clock: Clock;
  logger: Logger;
  accounts: Accounts;
  nodes: NodeRegistry;
  watch: NodeWatch;
  probes: ProbeLoop;
  probeRows: ProbeRows;
  opened: OpenRouting;
}

export class NodeMirror {
  readonly #parts: NodeMirrorParts;
  readonly #prefixes: PrefixMirror;
  readonly #judged = new Set<string>();
  /** undefined = all of the node. */
  readonly #changed = new Map<string, Set<string> | undefined>();
  #reading: Promise<void> | undefined;
  #isClosed = false;

  constructor(parts: NodeMirrorParts) {
    this.#parts = parts;
    this.#prefixes = new PrefixMirror({ ...parts, nodes: parts.opened.nodes, book: parts.opened.book });
  }

  noteJudged(names: readonly string[]): void {
    for (const name of names) this.#judged.add(name);
    this.#wake();
  }

  /** Ids as in a notice: `NODE` or `NODE PREFIX`. */
  notePrefixes(ids: readonly string[]): void {
    for (const id of ids) {
      const [name = '', prefix] = id.split(' ');
      const known = this.#changed.get(name);
      if (prefix === undefined) this.#changed.set(name, undefined);
      else if (!this.#changed.has(name)) this.#changed.set(name, new Set([prefix]));
      else if (known && known.size >= PREFIXES_BY_NAME_MAX) this.#changed.set(name, undefined);
      else known?.add(prefix);
    }
    this.#wake();
  }

  /** Everything, for a start and after a gap; those that are gone meanwhile are forgotten. */
  async readAll(): Promise<void> {
    await this.#parts.accounts.read();
    const names = (await this.#parts.nodes.list()).map((node) => node.name);
    const gone = [...this.#parts.opened.nodes.list()].map((node) => node.name).filter((name) => !names.includes(name));
    this.notePrefixes([...names, ...gone]);
    this.noteJudged(names);
    await this.idle();
  }

  async idle(): Promise<void> {
    while (this.#reading) await this.#reading;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.idle();
  }

  #wake(): void {
    if (!this.#isClosed) this.#reading ??= this.#read();
  }

  async #read(): Promise<void> {
    const { clock, logger } = this.#parts;
    await clock.sleep(GATHER_MS);
    try {
      await this.#readPrefixes();
      await this.#readJudged();
    } catch (error) {
      logger.error('Cannot follow the leading replica, trying again', { error: describeError(error) });
      if (!this.#isClosed) await clock.sleep(RETRY_MS);
    }
    this.#reading = undefined;
    if (this.#changed.size + this.#judged.size > 0) this.#wake();
  }

  async #readPrefixes(): Promise<void> {
    for (const [name, prefixes] of this.#changed) {
      if (prefixes && this.#parts.opened.nodes.get(name)) await this.#prefixes.readSome(name, [...prefixes]);
      else await this.#prefixes.read(name, await this.#parts.nodes.find(name));
      // Noted again meanwhile: the next reading has it.
      if (this.#changed.get(name) === prefixes) this.#changed.delete(name);
    }
  }

  async #readJudged(): Promise<void> {
    const { db, watch, probes, probeRows, nodes, opened } = this.#parts;
    while (this.#judged.size > 0) {
      const names = [...this.#judged].slice(0, NODES_PER_READING);
      const states = await probeRows.read(names);
      for (const name of names) {
        this.#judged.delete(name);
        const state = states.get(name);
        const node = state && (await nodes.find(name));
        if (state && node) probes.keep(node, state);
        const { judgement } = await readStatus(db, name);
        if (judgement) {
          watch.keep(name, judgement);
          opened.nodes.judge(name, judgement);
        }
        opened.onNews(name);
      }
    }
  }
}
