// Tables of people and of the audit log, as kysely sees them. Times are integer milliseconds since 1970, booleans 0/1, scopes JSON.

import type { Generated } from 'kysely';

export interface PersonTable {
  username: string;
  password_hash: string;
  role: string;
  created_ms: number;
  scope: Generated<string>;
  is_disabled: Generated<0 | 1>;
  password_changed_ms: Generated<number>;
  invited_by: Generated<string>;
}

export interface LoginSessionTable {
  /** SHA-256 of the session token, hex: a stolen database opens no session. */
  token_hash: string;
  username: string;
  created_ms: number;
  expires_ms: number;
  id: string;
  address: string;
  agent: string;
  last_used_ms: number;
}

export interface InvitationTable {
  /** SHA-256 of the token in the link, hex. */
  token_hash: string;
  id: string;
  /** null: whoever has the link chooses. */
  username: string | null;
  /** 1: a new password for that user. */
  is_reset: 0 | 1;
  role: string;
  scope: string;
  invited_by: string;
  created_ms: number;
  expires_ms: number;
  used_ms: number | null;
}

export interface ApiTokenTable {
  id: string;
  /** SHA-256 of the secret part, hex: it has 256 random bits, so a slow hash would add nothing. */
  secret_hash: string;
  username: string;
  name: string;
  role: string;
  scope: string;
  created_ms: number;
  expires_ms: number;
  last_used_ms: number | null;
  last_address: Generated<string>;
}

/** Rows are added and, when they are older than the log is kept, removed; never changed. */
export interface AuditEventTable {
  seq: Generated<number>;
  at_ms: number;
  actor: string;
  credential: string;
  address: string;
  action: string;
  object: string;
  outcome: 'done' | 'refused' | 'failed';
  status: number;
  /** JSON [{path, before?, after?}]. */
  changes: string;
}

export interface SavedViewTable {
  username: string;
  name: string;
  /** JSON ViewFilter. */
  filter: string;
  saved_ms: number;
}

export interface PeopleTables {
  person: PersonTable;
  login_session: LoginSessionTable;
  invitation: InvitationTable;
  api_token: ApiTokenTable;
  saved_view: SavedViewTable;
  audit_event: AuditEventTable;
}
