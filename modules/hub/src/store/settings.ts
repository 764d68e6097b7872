// Small named values that must outlive a restart: the scope cache, the last good routes.

import type { DatabaseSync } from 'node:sqlite';
import type { GroupCommit } from './group-commit.ts';

export type SettingName = 'scope' | 'routes';

export class Settings {
  readonly #commits: GroupCommit;
  readonly #get;
  readonly #set;

  constructor(db: DatabaseSync, commits: GroupCommit) {
    this.#commits = commits;
    this.#get = db.prepare('SELECT value FROM setting WHERE name = ?');
    this.#set = db.prepare(
      'INSERT INTO setting(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value',
    );
  }

  get(name: SettingName): string | undefined {
    return (this.#get.get(name) as { value: string } | undefined)?.value;
  }

  set(name: SettingName, value: string): Promise<void> {
    return this.#commits.commit(() => void this.#set.run(name, value));
  }
}
