// Takes files from nodes that were asked for them: an address with a secret, good once and for a while, in the form of a blob store's
// (Put Blob with a shared access signature), so that edgeAgent's own methods send to it.
//
// INVARIANTS
// - A file is whole or not there: it is written beside, synced and renamed, then its row says so, then the node is answered.
// - The secret is stored as its hash, is in no log, and opens one upload only, until it came.
// - Files and rows are bounded: by node, in size, in time; the oldest go first.

import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@wayside/kit';
import { refusal } from '../errors.ts';
import type { NodeDb } from '../nodes/tables.ts';
import { changeUpload, listUploads, type NodeUploadTable, readUpload, type UploadRow } from './upload-rows.ts';

/** What edgeAgent itself sends at most. */
export const UPLOAD_BYTES_MAX = 256 * 1024 * 1024;
/** edgeAgent gives up after 30 minutes. */
const OPEN_MS = 35 * 60_000;
const KEPT_MS = 7 * 86_400_000;
const UPLOADS_PER_NODE_MAX = 10;
const TOKEN_BYTES = 32;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const FILE_NAME = /^[A-Za-z0-9._-]{1,200}$/;

export class Uploads {
  private readonly parts: { db: NodeDb; clock: Clock; folder: string };

  /** `folder` is made when it is needed. */
  constructor(parts: { db: NodeDb; clock: Clock; folder: string }) {
    this.parts = parts;
  }

  /** A new place for one file of the node; `token` is a secret. */
  async expect(nodeName: string, kind: NodeUploadTable['kind'], by: string): Promise<{ id: string; token: string }> {
    const { db, clock } = this.parts;
    await this.prune(nodeName);
    const id = randomUUID();
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const nowMs = clock.nowMs();
    const row: NodeUploadTable = {
      ...{ id, node_name: nodeName, kind, token_hash: hash(token), created_by: by, state: 'waiting' },
      ...{ created_ms: nowMs, open_until_ms: nowMs + OPEN_MS },
      ...{ file_name: '', size_bytes: 0, stored_ms: null, correlation_id: '' },
    };
    await db.insertInto('node_upload').values(row).execute();
    return { id, token };
  }

  async began(id: string, correlationId: string): Promise<void> {
    await changeUpload(this.parts.db, id, { correlation_id: correlationId });
  }

  /** The node could not be asked: the place is given up. */
  async forget(id: string): Promise<void> {
    await this.parts.db.deleteFrom('node_upload').where('id', '=', id).execute();
    await rm(this.pathOf(id), { force: true });
  }

  /** Takes the file. CLOUD_UPLOAD_REFUSED, CLOUD_BODY_TOO_LARGE. */
  async take(id: string, token: string, fileName: string, body: Readable): Promise<void> {
    const { db, clock, folder } = this.parts;
    const row = await readUpload(db, id);
    const isKnown = row !== undefined && timingSafeEqual(Buffer.from(hash(token)), Buffer.from(row.token_hash));
    if (!isKnown || row.state !== 'waiting' || row.open_until_ms < clock.nowMs())
      throw refusal(
        'CLOUD_UPLOAD_REFUSED',
        'Cannot take the file: nobody waits for it at this address, or not any more',
      );
    if (!FILE_NAME.test(fileName))
      throw refusal('CLOUD_UPLOAD_REFUSED', 'Cannot take the file: its name cannot be used');
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const beside = join(folder, `${id}.${randomUUID()}.part`);
    try {
      const sizeBytes = await store(body, beside);
      await rename(beside, this.pathOf(id));
      await changeUpload(db, id, {
        ...{ state: 'stored', file_name: fileName, size_bytes: sizeBytes, stored_ms: clock.nowMs() },
      });
    } finally {
      await rm(beside, { force: true });
    }
  }

  list(nodeName: string): Promise<UploadRow[]> {
    return listUploads(this.parts.db, nodeName);
  }

  /** CLOUD_UPLOAD_NOT_FOUND. */
  async read(nodeName: string, id: string): Promise<{ row: UploadRow; content: Readable }> {
    const row = await readUpload(this.parts.db, id);
    if (!row || row.node_name !== nodeName || row.state !== 'stored')
      throw refusal('CLOUD_UPLOAD_NOT_FOUND', `There is no file "${id}" of ${nodeName}`);
    return { row, content: createReadStream(this.pathOf(id)) };
  }

  /** CLOUD_UPLOAD_NOT_FOUND. */
  async remove(nodeName: string, id: string): Promise<void> {
    const row = await readUpload(this.parts.db, id);
    if (!row || row.node_name !== nodeName)
      throw refusal('CLOUD_UPLOAD_NOT_FOUND', `There is no file "${id}" of ${nodeName}`);
    await this.forget(id);
  }

  /** Old rows of the node with their files, and files without a row: what a deleted node or a crash left. */
  async prune(nodeName: string): Promise<void> {
    const { db, clock, folder } = this.parts;
    const nowMs = clock.nowMs();
    const rows = await listUploads(db, nodeName);
    const isOld = (row: UploadRow) =>
      nowMs - row.created_ms > KEPT_MS || (row.state === 'waiting' && row.open_until_ms < nowMs);
    const old = rows.filter((row, index) => isOld(row) || index >= UPLOADS_PER_NODE_MAX - 1);
    for (const row of old) await this.forget(row.id);
    const files = await readdir(folder).catch(() => []);
    for (const file of files) {
      const id = file.split('.')[0] ?? '';
      if (!(await readUpload(db, id))) await rm(join(folder, file), { force: true });
    }
  }

  private pathOf(id: string): string {
    return join(this.parts.folder, `${id}.file`);
  }
}

async function store(body: Readable, path: string): Promise<number> {
  let sizeBytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      if (sizeBytes <= UPLOAD_BYTES_MAX) return done(null, chunk);
      done(refusal('CLOUD_BODY_TOO_LARGE', `Cannot take the file: it is larger than ${UPLOAD_BYTES_MAX} bytes`));
    },
  });
  await pipeline(body, count, createWriteStream(path, { mode: FILE_MODE, flags: 'wx' }));
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  return sizeBytes;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
