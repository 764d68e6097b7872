// The node's two master keys: made once, kept in one file (0600), never sent anywhere.

import { randomBytes } from 'node:crypto';
import { EdgeError, readJsonFile, writeJsonFile } from '@wayside/kit';

const KEY_BYTES = 32;

export interface MasterKeys {
  /** Module keys are derived from it. */
  identity: Buffer;
  /** Keys of encrypt and decrypt are derived from it. */
  encryption: Buffer;
}

interface KeysFile {
  version: 1;
  identity: string;
  encryption: string;
}

/** The keys of this node; made and on disk before they are used for the first time. */
export async function loadMasterKeys(path: string): Promise<MasterKeys> {
  const file = await readJsonFile<KeysFile>(path);
  if (file === undefined) {
    const keys = { identity: randomBytes(KEY_BYTES), encryption: randomBytes(KEY_BYTES) };
    await writeJsonFile(path, {
      version: 1,
      identity: keys.identity.toString('base64'),
      encryption: keys.encryption.toString('base64'),
    } satisfies KeysFile);
    return keys;
  }
  return { identity: keyOf(file.identity, path), encryption: keyOf(file.encryption, path) };
}

function keyOf(text: unknown, path: string): Buffer {
  const key = Buffer.from(typeof text === 'string' ? text : '', 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new EdgeError(
    'DAEMON_STATE_UNREADABLE',
    `Cannot read the master keys in ${path}: key of ${key.length} bytes, wanted ${KEY_BYTES}`,
    {
      source: 'config',
    },
  );
}
