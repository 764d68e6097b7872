// Sessions of downstream clients on disk: they outlive the hub's container, so an SDK that never subscribes again still gets its twin
// answers (iotedge.md 6.7).

import type { DatabaseSync } from 'node:sqlite';
import {
  clientIdOf,
  type Identity,
  type Session,
  type SessionStore,
  sessionFromBits,
  sessionToBits,
} from '@wayside/gateway';
import type { GroupCommit } from './group-commit.ts';

export class SqliteSessions implements SessionStore {
  readonly #commits: GroupCommit;
  readonly #load;
  readonly #save;
  readonly #remove;

  constructor(db: DatabaseSync, commits: GroupCommit) {
    this.#commits = commits;
    this.#load = db.prepare('SELECT bits FROM session WHERE client_id = ?');
    this.#save = db.prepare(
      'INSERT INTO session(client_id, bits) VALUES (?, ?) ON CONFLICT(client_id) DO UPDATE SET bits = excluded.bits',
    );
    this.#remove = db.prepare('DELETE FROM session WHERE client_id = ?');
  }

  async load(identity: Identity): Promise<Session | undefined> {
    const row = this.#load.get(clientIdOf(identity)) as { bits: number } | undefined;
    return row && sessionFromBits(row.bits);
  }

  save(identity: Identity, session: Session): Promise<void> {
    return this.#commits.commit(() => void this.#save.run(clientIdOf(identity), sessionToBits(session)));
  }

  remove(identity: Identity): Promise<void> {
    return this.#commits.commit(() => void this.#remove.run(clientIdOf(identity)));
  }
}
