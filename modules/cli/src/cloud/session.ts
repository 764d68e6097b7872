// The session with the cloud, kept in one file that only the user can read: where the cloud is, its CA, the token of the login.

import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeError, readJsonFile, writeFileAtomic } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';

export interface Session {
  /** https base, no slash at its end. */
  url: string;
  username: string;
  token: string;
  expiresAtUtc: string;
  /** PEM of the cloud's CA; null = the system's roots. */
  ca: string | null;
}

export async function saveSession(path: string, session: Session): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${JSON.stringify(session, null, 2)}\n`, { mode: 0o600 });
}

export async function forgetSession(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** Throws CLI_NOT_LOGGED_IN when there is none or it has ended. */
export async function loadSession(path: string, nowMs: number): Promise<Session> {
  const session = await readJsonFile<Session>(path);
  if (session === undefined || !isSession(session))
    throw new EdgeError(
      'CLI_NOT_LOGGED_IN' satisfies ErrorCode,
      `Not logged in: no session in ${path}; run: login URL`,
      {
        details: { path },
        source: 'config',
      },
    );
  if (Date.parse(session.expiresAtUtc) <= nowMs)
    throw new EdgeError(
      'CLI_NOT_LOGGED_IN' satisfies ErrorCode,
      `Not logged in: the session with ${session.url} ended at ${session.expiresAtUtc}; run: login ${session.url}`,
      { details: { url: session.url, expiresAtUtc: session.expiresAtUtc }, source: 'config' },
    );
  return session;
}

function isSession(value: unknown): value is Session {
  const s = value as Partial<Session> | null;
  return (
    typeof s === 'object' &&
    s !== null &&
    typeof s.url === 'string' &&
    typeof s.token === 'string' &&
    typeof s.expiresAtUtc === 'string' &&
    (s.ca === null || typeof s.ca === 'string')
  );
}
