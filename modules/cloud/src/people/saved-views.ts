// Views of the list of nodes that a user keeps: a name and what the list is asked for. A view gives no right: it is asked anew each time.

import type { Clock } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';

export const VIEWS_PER_USER_MAX = 50;
export const VIEW_NAME_CHARACTERS_MAX = 60;

/** As GET /nodes takes it; what is empty is not asked. */
export interface ViewFilter {
  q: string;
  state: string;
  where: string;
  order: string;
}

export interface SavedView extends ViewFilter {
  name: string;
  savedAtMs: number;
}

export class SavedViews {
  private readonly db: NodeDb;
  private readonly clock: Clock;

  constructor(options: { db: NodeDb; clock: Clock }) {
    this.db = options.db;
    this.clock = options.clock;
  }

  /** By name. */
  async list(username: string): Promise<SavedView[]> {
    const query = this.db.selectFrom('saved_view').selectAll().where('username', '=', username);
    const rows = await query.orderBy('name').execute();
    return rows.map((row) => ({ ...(JSON.parse(row.filter) as ViewFilter), name: row.name, savedAtMs: row.saved_ms }));
  }

  /** Takes the place of one of the same name. CLOUD_VIEW_LIMIT. */
  async save(username: string, name: string, filter: ViewFilter): Promise<SavedView> {
    const savedAtMs = this.clock.nowMs();
    const set = { filter: JSON.stringify(filter), saved_ms: savedAtMs };
    await this.db.transaction().execute(async (trx) => {
      const others = await trx
        .selectFrom('saved_view')
        .select((of) => of.fn.countAll<number>().as('count'))
        .where('username', '=', username)
        .where('name', '!=', name)
        .executeTakeFirstOrThrow();
      if (Number(others.count) >= VIEWS_PER_USER_MAX) {
        const message = `Cannot save the view ${JSON.stringify(name)}: ${others.count} are there, at most ${VIEWS_PER_USER_MAX}`;
        throw refusal('CLOUD_VIEW_LIMIT', message);
      }
      await trx
        .insertInto('saved_view')
        .values({ username, name, ...set })
        .onConflict((oc) => oc.columns(['username', 'name']).doUpdateSet(set))
        .execute();
    });
    return { ...filter, name, savedAtMs };
  }

  /** CLOUD_VIEW_NOT_FOUND. */
  async remove(username: string, name: string): Promise<void> {
    const { numDeletedRows } = await this.db
      .deleteFrom('saved_view')
      .where('username', '=', username)
      .where('name', '=', name)
      .executeTakeFirst();
    if (numDeletedRows === 0n) throw refusal('CLOUD_VIEW_NOT_FOUND', `There is no view ${JSON.stringify(name)}`);
  }
}
