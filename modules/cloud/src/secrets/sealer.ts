// Seals secrets for the store with AES-256-GCM (NIST SP 800-38D), each with a random nonce of its own, bound to where it stands.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { EdgeError } from '@wayside/kit';
import type { MasterKeys } from './master-keys.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Secrets that were opened and are kept so: some 300 bytes each. A connection needs the same keys several times within a second. */
const OPENED_MAX = 10_000;
/** Longer ones are opened anew each time. */
const OPENED_CHARACTERS_MAX = 1_000;
const MARK = 'sealed:v1:';
const FORM = /^sealed:v1:([0-9a-f]+):([A-Za-z0-9_-]+)$/;
/** A sealed text as a JSON string inside a larger text. */
const IN_JSON = /"(sealed:v1:[0-9a-f]+:[A-Za-z0-9_-]+)"/g;
/** Members whose value is a secret in documents that people write: registry and BGP passwords, CHAP secrets. */
const PLAIN_IN_JSON = /("(?:[A-Za-z_]*[pP]ass(?:word|phrase)|[A-Za-z_]*[sS]ecret)"\s*:\s*)"((?:[^"\\]|\\.)*)"/g;

export function isSealed(text: string): boolean {
  return text.startsWith(MARK);
}

export class Sealer {
  private readonly keys: MasterKeys;
  /** Place and sealed text -> the secret, the oldest first. */
  private readonly opened = new Map<string, string>();

  constructor(keys: MasterKeys) {
    this.keys = keys;
  }

  /** `place` must be the same when it is opened: a secret that was moved to another place is not taken. */
  seal(text: string, place: string): string {
    const { id, key } = this.keys.current;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `${MARK}${id}:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
  }

  /** Plain text passes as it is. CLOUD_SECRET_UNREADABLE. */
  open(text: string, place: string): string {
    const [, id, data] = FORM.exec(text) ?? [];
    if (id === undefined || data === undefined) return text;
    const key = this.keys.byId(id);
    if (!key) throw unreadable(place, `master key ${id} is not in the key file`);
    const name = `${place} ${text}`;
    const known = this.opened.get(name);
    if (known !== undefined) return known;
    const secret = decipher(key, data, place);
    if (text.length <= OPENED_CHARACTERS_MAX) {
      if (this.opened.size >= OPENED_MAX) this.opened.delete(this.opened.keys().next().value as string);
      this.opened.set(name, secret);
    }
    return secret;
  }

  /** Seals the passwords inside a JSON text; the rest can be read and compared as before. */
  sealInJson(json: string, place: string): string {
    if (!/pass|secret/i.test(json)) return json;
    return json.replace(PLAIN_IN_JSON, (whole, name: string, value: string) =>
      value === '' || isSealed(value) ? whole : `${name}"${this.seal(value, place)}"`,
    );
  }

  /** A text that only looks sealed, because somebody wrote it so, stays as it is. */
  openInJson(json: string, place: string): string {
    if (!json.includes(MARK)) return json;
    return json.replace(IN_JSON, (whole, sealed: string) => {
      try {
        return `"${this.open(sealed, place)}"`;
      } catch {
        return whole;
      }
    });
  }

  /** Is there anything in the text that the current key has not sealed? */
  isStale(text: string): boolean {
    const { id } = this.keys.current;
    const others = [...text.matchAll(/sealed:v1:([0-9a-f]+):/g)].some((match) => match[1] !== id);
    return others || !text.includes(MARK);
  }
}

function decipher(key: Buffer, data: string, place: string): string {
  const bytes = Buffer.from(data, 'base64url');
  try {
    const opening = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(place))
      .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    return opening.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + opening.final('utf8');
  } catch {
    throw unreadable(place, 'it was changed, or belongs to another place');
  }
}

function unreadable(place: string, why: string): EdgeError {
  return new EdgeError('CLOUD_SECRET_UNREADABLE', `Cannot read the secret in ${place}: ${why}`, {
    source: 'internal',
    retry: 'never',
  });
}
