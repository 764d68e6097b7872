// Copies of twins on disk: what a client reads while the cloud is away, and what it reported meanwhile.

import type { DatabaseSync } from 'node:sqlite';
import type { JsonObject } from '@wayside/protocol';
import type { GroupCommit } from '../store/group-commit.ts';

export interface StoredTwin {
  /** Without `$version`. */
  readonly desired: JsonObject;
  readonly desiredVersion: number;
  readonly reported: JsonObject;
  readonly reportedVersion: number;
  /** Reported changes the cloud has not taken yet; nulls delete. */
  readonly unsentPatch: JsonObject | undefined;
  /** The cloud's copy was read at least once. */
  readonly synced: boolean;
}

const EMPTY_TWIN: StoredTwin = {
  desired: {},
  desiredVersion: 0,
  reported: {},
  reportedVersion: 0,
  unsentPatch: undefined,
  synced: false,
};

interface Row {
  desired: string;
  desired_version: number;
  reported: string;
  reported_version: number;
  unsent_patch: string | null;
  synced: number;
}

export class TwinStore {
  readonly #commits: GroupCommit;
  readonly #get;
  readonly #put;
  readonly #unsent;
  /** Twins whose write is under way: reads see them at once. */
  readonly #newest = new Map<string, StoredTwin>();

  constructor(db: DatabaseSync, commits: GroupCommit) {
    this.#commits = commits;
    this.#get = db.prepare('SELECT * FROM twin WHERE client_id = ?');
    this.#put = db.prepare(
      `INSERT INTO twin(client_id, desired, desired_version, reported, reported_version, unsent_patch, synced)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(client_id) DO UPDATE SET desired = excluded.desired, desired_version = excluded.desired_version,
         reported = excluded.reported, reported_version = excluded.reported_version,
         unsent_patch = excluded.unsent_patch, synced = excluded.synced`,
    );
    this.#unsent = db.prepare('SELECT client_id FROM twin WHERE unsent_patch IS NOT NULL');
  }

  get(clientId: string): StoredTwin {
    const newest = this.#newest.get(clientId);
    if (newest) return newest;
    const row = this.#get.get(clientId) as Row | undefined;
    if (!row) return EMPTY_TWIN;
    return {
      desired: JSON.parse(row.desired),
      desiredVersion: row.desired_version,
      reported: JSON.parse(row.reported),
      reportedVersion: row.reported_version,
      unsentPatch: row.unsent_patch === null ? undefined : JSON.parse(row.unsent_patch),
      synced: row.synced === 1,
    };
  }

  /** Resolves when the twin is on disk. */
  async put(clientId: string, twin: StoredTwin): Promise<void> {
    this.#newest.set(clientId, twin);
    try {
      await this.#commits.commit(() => {
        this.#put.run(
          clientId,
          JSON.stringify(twin.desired),
          twin.desiredVersion,
          JSON.stringify(twin.reported),
          twin.reportedVersion,
          twin.unsentPatch === undefined ? null : JSON.stringify(twin.unsentPatch),
          twin.synced ? 1 : 0,
        );
      });
    } finally {
      if (this.#newest.get(clientId) === twin) this.#newest.delete(clientId);
    }
  }

  /** Clients with reported changes that the cloud has not taken. */
  unsent(): string[] {
    return (this.#unsent.all() as { client_id: string }[]).map((row) => row.client_id);
  }
}
