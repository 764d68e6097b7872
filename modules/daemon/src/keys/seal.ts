// Encrypt and decrypt of the workload API: AES-256-GCM with a key of each module generation, bound to module name, generation id
// and the caller's initialization vector. The real nonce is random and travels with the ciphertext, because callers repeat theirs.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { EdgeError } from '@wayside/kit';

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

export interface SealContext {
  moduleId: string;
  generationId: string;
  /** The caller's initialization vector, any length. */
  initializationVector: Buffer;
}

/** `format | nonce | ciphertext | tag`. */
export function seal(masterEncryptionKey: Buffer, context: SealContext, plaintext: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(masterEncryptionKey, context), nonce);
  cipher.setAAD(boundTo(context));
  return Buffer.concat([Buffer.from([FORMAT]), nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Inverse of seal(); DAEMON_DECRYPT_FAILED for anything it did not make in this context. */
export function unseal(masterEncryptionKey: Buffer, context: SealContext, sealed: Buffer): Buffer {
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES || sealed[0] !== FORMAT) throw decryptError();
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(masterEncryptionKey, context), nonce);
  decipher.setAAD(boundTo(context));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const body = sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch (error) {
    throw decryptError(error);
  }
}

function keyOf(master: Buffer, { moduleId, generationId }: SealContext): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', `seal:${moduleId}:${generationId}`, KEY_BYTES));
}

/** Lengths stand before the parts, so that no two contexts give the same bytes. */
function boundTo(context: SealContext): Buffer {
  const parts = [Buffer.from(context.moduleId), Buffer.from(context.generationId), context.initializationVector];
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );
}

function decryptError(cause?: unknown): EdgeError {
  return new EdgeError(
    'DAEMON_DECRYPT_FAILED',
    'Cannot decrypt: the ciphertext does not belong to this module, generation and vector',
    {
      cause,
      source: 'downstream',
    },
  );
}
