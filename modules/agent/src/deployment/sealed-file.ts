// A JSON file encrypted by the daemon (workload encrypt): deployments hold registry passwords and secrets in env.

import { EdgeError, readJsonFile, writeFileAtomic } from '@wayside/kit';
import type { Sealed } from '../daemon/workload-client.ts';

export interface Sealer {
  encrypt(plaintext: Buffer): Promise<Sealed>;
  decrypt(sealed: Sealed): Promise<Buffer>;
}

export class SealedFile<T> {
  readonly #path: string;
  readonly #sealer: Sealer;

  constructor(path: string, sealer: Sealer) {
    this.#path = path;
    this.#sealer = sealer;
  }

  /** undefined when there is no file. Throws AGENT_BACKUP_INVALID when it cannot be read, AGENT_DAEMON_* when the daemon does not decrypt. */
  async read(): Promise<T | undefined> {
    const sealed = await readJsonFile<Sealed>(this.#path).catch((error: unknown) => {
      throw this.#invalid('no JSON', error);
    });
    if (sealed === undefined) return undefined;
    if (typeof sealed?.ciphertext !== 'string' || typeof sealed.initializationVector !== 'string')
      throw this.#invalid('no ciphertext in it');
    const plaintext = await this.#sealer.decrypt(sealed);
    try {
      return JSON.parse(plaintext.toString('utf8')) as T;
    } catch (error) {
      throw this.#invalid('the decrypted text is no JSON', error);
    }
  }

  /** On disk when it resolves. */
  async write(value: T): Promise<void> {
    const sealed = await this.#sealer.encrypt(Buffer.from(JSON.stringify(value)));
    await writeFileAtomic(this.#path, JSON.stringify(sealed), { mode: 0o600 });
  }

  #invalid(found: string, cause?: unknown): EdgeError {
    // The cause may quote the file's content; only its kind is kept.
    const kind = cause instanceof Error ? cause.name : undefined;
    return new EdgeError('AGENT_BACKUP_INVALID', `Cannot read ${this.#path}: ${found}`, {
      details: { path: this.#path, ...(kind ? { kind } : {}) },
    });
  }
}
