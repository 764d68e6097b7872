// The form of a backup file: a line that names it, a line of JSON, then chunks under AES-256-GCM with a key made from a passphrase.
// Chunks are numbered and the last one says so: one that is missing, swapped, changed or cut off is found, and so is a changed header.

import { createCipheriv, createDecipheriv, createHash, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { EdgeError } from '@wayside/kit';

export const FIRST_LINE = 'WAYSIDE-BACKUP 1\n';
const CIPHER = 'aes-256-gcm';
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const CHUNK_BYTES = 1024 * 1024;
const CHUNK_BYTES_MAX = 16 * CHUNK_BYTES;
const HEADER_BYTES_MAX = 4096;
/** RFC 7914: 128 MiB and some half a second. */
const COST = 2 ** 17;
const COST_MAX = 2 ** 20;
const BLOCK_SIZE = 8;

export interface BackupHeader {
  createdAtUtc: string;
  version: string;
  /** false: the database is PostgreSQL's and not in the file. */
  hasDatabase: boolean;
  salt: string;
  cost: number;
}

export function newHeader(
  o: Pick<BackupHeader, 'createdAtUtc' | 'version' | 'hasDatabase'>,
  cost = COST,
): BackupHeader {
  return { ...o, salt: randomBytes(SALT_BYTES).toString('base64'), cost };
}

/** The bytes of the file. */
export async function* seal(
  plain: AsyncIterable<Uint8Array>,
  header: BackupHeader,
  passphrase: string,
): AsyncGenerator<Buffer> {
  const line = Buffer.from(`${JSON.stringify(header)}\n`);
  yield Buffer.from(FIRST_LINE);
  yield line;
  const chunks = new Chunks(await keyOf(header, passphrase), line);
  let waiting = Buffer.alloc(0);
  for await (const part of plain) {
    waiting = Buffer.concat([waiting, part]);
    while (waiting.length > CHUNK_BYTES) {
      yield chunks.seal(waiting.subarray(0, CHUNK_BYTES), false);
      waiting = waiting.subarray(CHUNK_BYTES);
    }
  }
  yield chunks.seal(waiting, true);
}

/** CLOUD_BACKUP_FAILED. What is yielded has been proved; that nothing is missing is proved when it ends. */
export async function* open(
  file: AsyncIterable<Uint8Array>,
  passphrase: string,
  onHeader: (header: BackupHeader) => void,
): AsyncGenerator<Buffer> {
  const input = new Input(file);
  const first = await input.line(FIRST_LINE.length);
  if (first?.toString() !== FIRST_LINE) throw broken('it is no backup of a Wayside cloud');
  const line = await input.line(HEADER_BYTES_MAX);
  const header = line && readHeader(line);
  if (!line || !header) throw broken('its header cannot be read');
  onHeader(header);
  const chunks = new Chunks(await keyOf(header, passphrase), line);
  for (let isLast = false; !isLast; ) {
    const length = (await input.bytes(LENGTH_BYTES))?.readUInt32BE() ?? 0;
    isLast = length >= 2 ** 31;
    const size = length % 2 ** 31;
    const sealed = size >= TAG_BYTES && size <= CHUNK_BYTES_MAX ? await input.bytes(size) : undefined;
    if (!sealed) throw broken('it ends too early or is damaged');
    yield chunks.open(sealed, isLast);
  }
  if (await input.bytes(1)) throw broken('something follows its end');
}

class Chunks {
  private readonly key: Buffer;
  private readonly headerHash: Buffer;
  private number = 0;

  constructor(key: Buffer, headerLine: Buffer) {
    this.key = key;
    this.headerHash = createHash('sha256').update(headerLine).digest();
  }

  seal(plain: Buffer, isLast: boolean): Buffer {
    const cipher = createCipheriv(CIPHER, this.key, this.nonce()).setAAD(this.context(isLast));
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(sealed.length + TAG_BYTES + (isLast ? 2 ** 31 : 0));
    return Buffer.concat([length, sealed, cipher.getAuthTag()]);
  }

  open(sealed: Buffer, isLast: boolean): Buffer {
    const first = this.number === 0;
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.key, this.nonce(), { authTagLength: TAG_BYTES })
      .setAAD(this.context(isLast))
      .setAuthTag(sealed.subarray(end));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
    } catch {
      throw broken(first ? 'the passphrase is wrong, or the file is damaged' : 'it is damaged');
    }
  }

  /** The key is of this one file (its salt), so a counter never repeats under it. */
  private nonce(): Buffer {
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeBigUInt64BE(BigInt(this.number), NONCE_BYTES - 8);
    this.number += 1;
    return nonce;
  }

  private context(isLast: boolean): Buffer {
    return Buffer.concat([this.headerHash, Buffer.from([isLast ? 1 : 0])]);
  }
}

/** Bytes of a stream by count or up to a line end. */
class Input {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private waiting = Buffer.alloc(0);

  constructor(file: AsyncIterable<Uint8Array>) {
    this.iterator = file[Symbol.asyncIterator]();
  }

  /** undefined: the stream ends before. */
  async bytes(count: number): Promise<Buffer | undefined> {
    while (this.waiting.length < count) if (!(await this.more())) return undefined;
    const taken = this.waiting.subarray(0, count);
    this.waiting = this.waiting.subarray(count);
    return taken;
  }

  /** With its line end. */
  async line(bytesMax: number): Promise<Buffer | undefined> {
    for (;;) {
      const end = this.waiting.indexOf('\n');
      if (end >= 0 && end < bytesMax) return this.bytes(end + 1);
      if (this.waiting.length >= bytesMax || !(await this.more())) return undefined;
    }
  }

  private async more(): Promise<boolean> {
    const { value, done } = await this.iterator.next();
    if (done) return false;
    this.waiting = Buffer.concat([this.waiting, value]);
    return true;
  }
}

function readHeader(line: Buffer): BackupHeader | undefined {
  try {
    const header = JSON.parse(line.toString()) as BackupHeader;
    const isSound =
      Number.isInteger(header.cost) && header.cost > 1 && header.cost <= COST_MAX && typeof header.salt === 'string';
    return isSound ? header : undefined;
  } catch {
    return undefined;
  }
}

function keyOf({ salt, cost }: BackupHeader, passphrase: string): Promise<Buffer> {
  const options: ScryptOptions = { N: cost, r: BLOCK_SIZE, p: 1, maxmem: 256 * cost * BLOCK_SIZE };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), KEY_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

export function broken(why: string): EdgeError {
  return new EdgeError('CLOUD_BACKUP_FAILED', `Cannot read the backup: ${why}`, { source: 'config', retry: 'never' });
}
