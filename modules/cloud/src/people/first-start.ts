// Secrets that are made at first start and left in files for the operator: the password of `admin` and the token of metrics scrapers.

import { randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isEdgeError, writeFileAtomic } from '@wayside/kit';
import type { People } from './people.ts';

const SECRET_BYTES = 24;
const SECRET_FILE_MODE = 0o600;
const ADMIN_USERNAME = 'admin';

/**
 * Makes the user `admin` with the password in `admin-secret`, where there is no user at all: a deleted admin does not come back.
 * The file comes first: a user nobody knows the password of is worse than a file without a user.
 */
export async function ensureAdmin(people: People, stateDir: string): Promise<void> {
  if (await people.areThereAny()) return;
  const secret = await ensureSecretFile(join(stateDir, 'admin-secret'));
  try {
    await people.addAdmin(ADMIN_USERNAME, secret);
  } catch (error) {
    // Another replica was first, with the same file.
    if (!(isEdgeError(error) && error.code === 'CLOUD_USER_EXISTS')) throw error;
  }
}

/** The secret in the file, without the line end; made when the file is not there or empty. */
export async function ensureSecretFile(path: string): Promise<string> {
  const known = await readText(path);
  if (known !== '') {
    await chmod(path, SECRET_FILE_MODE);
    return known;
  }
  const made = randomBytes(SECRET_BYTES).toString('base64url');
  await writeFileAtomic(path, `${made}\n`, { mode: SECRET_FILE_MODE });
  return made;
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
