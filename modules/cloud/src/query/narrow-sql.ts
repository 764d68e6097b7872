// A narrowing as a condition of SQL, in words that SQLite and PostgreSQL share.

import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Narrowing } from './narrow-query.ts';

/** The columns must be those of the statement's tables: they come from a NarrowColumns, never from a query's text. */
export function narrowedBy(narrowing: Narrowing): RawBuilder<SqlBool> {
  switch (narrowing.kind) {
    case 'and':
      return sql`(${sql.join(narrowing.parts.map(narrowedBy), sql` and `)})`;
    case 'or':
      return sql`(${sql.join(narrowing.parts.map(narrowedBy), sql` or `)})`;
    case 'in':
      return narrowing.values.length === 0
        ? sql`1 = 0`
        : sql`${sql.ref(narrowing.column)} in (${sql.join(narrowing.values)})`;
    case 'prefix': {
      // PostgreSQL compares case here and SQLite does not: more rows, never fewer.
      const pattern = `${narrowing.prefix.replace(/[!%_]/g, '!$&')}%`;
      return sql`${sql.ref(narrowing.column)} like ${pattern} escape '!'`;
    }
  }
}
