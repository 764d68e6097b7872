// Probe states in the store, for the replicas that do not probe: written together every few seconds, a changed verdict at once.

import type { Clock } from '@wayside/kit';
import type { NodeDb } from '../nodes/tables.ts';
import type { Db } from '../store/tables.ts';
import type { ProbeState } from './probe-verdict.ts';

const FLUSH_MS = 15_000;
const ROWS_PER_STATEMENT = 500;

export class ProbeRows {
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #fresh = new Map<string, ProbeState>();

  constructor(db: NodeDb, clock: Clock) {
    this.#db = db as unknown as Db;
    this.#clock = clock;
  }

  note(nodeName: string, state: ProbeState): void {
    this.#fresh.set(nodeName, state);
  }

  async flush(): Promise<void> {
    const rows = [...this.#fresh].map(([node_name, state]) => ({ node_name, state: JSON.stringify(state) }));
    this.#fresh.clear();
    for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
      await this.#db.transaction().execute(async (trx) => {
        const part = rows.slice(from, from + ROWS_PER_STATEMENT);
        const names = part.map((row) => row.node_name);
        const nodes = (trx as unknown as NodeDb).selectFrom('cache_node').select('name').where('name', 'in', names);
        const known = new Set((await nodes.execute()).map((node) => node.name));
        const kept = part.filter((row) => known.has(row.node_name));
        if (kept.length === 0) return;
        await trx
          .insertInto('node_probe')
          .values(kept)
          .onConflict((conflict) =>
            conflict.column('node_name').doUpdateSet((of) => ({ state: of.ref('excluded.state') })),
          )
          .execute();
      });
    }
  }

  async read(nodeNames: readonly string[]): Promise<Map<string, ProbeState>> {
    if (nodeNames.length === 0) return new Map();
    const rows = await this.#db.selectFrom('node_probe').selectAll().where('node_name', 'in', nodeNames).execute();
    return new Map(rows.map((row) => [row.node_name, JSON.parse(row.state) as ProbeState]));
  }

  /** Until the signal. */
  async run(signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(FLUSH_MS, signal).catch(() => undefined);
      await this.flush().catch(onError);
    }
  }
}
