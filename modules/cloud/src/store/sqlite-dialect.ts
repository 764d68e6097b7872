// Adapts node:sqlite to kysely's SqliteDialect: prepared statements are kept by their text, because kysely asks for one per query.

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteDialect } from 'kysely';

/** Prepared statements kept; the module has some 80 texts, the rest are the batch sizes of multi-row inserts. */
const STATEMENTS_MAX = 500;

class StatementCache {
  private readonly statements = new Map<string, ReturnType<typeof adaptStatement>>();
  private readonly sqlite: DatabaseSync;

  constructor(sqlite: DatabaseSync) {
    this.sqlite = sqlite;
  }

  prepare(text: string) {
    const known = this.statements.get(text);
    if (known) return known;
    if (this.statements.size >= STATEMENTS_MAX) this.statements.clear();
    const statement = adaptStatement(this.sqlite.prepare(text));
    this.statements.set(text, statement);
    return statement;
  }

  close(): void {
    this.statements.clear();
    this.sqlite.close();
  }
}

function adaptStatement(statement: StatementSync) {
  return {
    reader: statement.columns().length > 0,
    all: (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])) as unknown[],
    run: (parameters: readonly unknown[]) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters: readonly unknown[]) =>
      statement.iterate(...(parameters as SQLInputValue[])) as IterableIterator<unknown>,
  };
}

/** Dialect over an open database; kysely's destroy() closes it. */
export function sqliteDialect(sqlite: DatabaseSync): SqliteDialect {
  return new SqliteDialect({ database: new StatementCache(sqlite) });
}
