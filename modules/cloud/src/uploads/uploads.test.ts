import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { EdgeError } from '@wayside/kit';
import { createBench } from '../../test/node-bench.ts';
import { UPLOAD_BYTES_MAX, Uploads } from './uploads.ts';

const HOUR_MS = 3_600_000;
const parent = mkdtempSync(join(tmpdir(), 'wayside-uploads-'));
const folder = join(parent, 'uploads');
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function createSetup() {
  const bench = await createBench();
  await bench.aNode();
  const { db, clock } = bench;
  const uploads = new Uploads({ db, clock, folder });
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'ok',
      (error) => (error instanceof EdgeError ? error.code : String(error)),
    );
  return { ...bench, uploads, codeOf };
}
const bytes = (content: string) => Readable.from([Buffer.from(content)]);

describe('Uploads', () => {
  test('takes the file that was asked for, and gives it out', async () => {
    const { uploads } = await createSetup();
    const { id, token } = await uploads.expect('edge1', 'supportBundle', 'alice');
    await uploads.began(id, 'task-1');
    await uploads.take(id, token, 'bundle.zip', bytes('zip'));
    expect(await uploads.list('edge1')).toMatchObject([
      { id, state: 'stored', file_name: 'bundle.zip', size_bytes: 3, correlation_id: 'task-1', created_by: 'alice' },
    ]);
    const { content } = await uploads.read('edge1', id);
    expect(await text(content)).toBe('zip');
  });

  test('nobody else, nothing twice, nothing late', async () => {
    const { uploads, clock, codeOf } = await createSetup();
    const first = await uploads.expect('edge1', 'logs', 'alice');
    const second = await uploads.expect('edge1', 'logs', 'alice');
    for (const token of ['', 'x', second.token])
      expect(await codeOf(uploads.take(first.id, token, 'a.log', bytes('a')))).toBe('CLOUD_UPLOAD_REFUSED');
    expect(await codeOf(uploads.take('nobody', first.token, 'a.log', bytes('a')))).toBe('CLOUD_UPLOAD_REFUSED');
    expect(await codeOf(uploads.take(first.id, first.token, '../a', bytes('a')))).toBe('CLOUD_UPLOAD_REFUSED');
    expect(await codeOf(uploads.take(first.id, first.token, 'a.log', bytes('a')))).toBe('ok');
    expect(await codeOf(uploads.take(first.id, first.token, 'a.log', bytes('b')))).toBe('CLOUD_UPLOAD_REFUSED');
    await clock.advance(HOUR_MS);
    expect(await codeOf(uploads.take(second.id, second.token, 'a.log', bytes('a')))).toBe('CLOUD_UPLOAD_REFUSED');
  });

  test('what is too large or breaks off leaves nothing behind', async () => {
    const { uploads, codeOf } = await createSetup();
    const { id, token } = await uploads.expect('edge1', 'logs', 'alice');
    const piece = Buffer.alloc(64 * 1024 * 1024);
    const large = Readable.from(Array.from({ length: UPLOAD_BYTES_MAX / piece.length + 1 }, () => piece));
    expect(await codeOf(uploads.take(id, token, 'a.log', large))).toBe('CLOUD_BODY_TOO_LARGE');
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('a');
        throw new Error('cut');
      })(),
    );
    expect(await codeOf(uploads.take(id, token, 'a.log', broken))).toBe('Error: cut');
    expect(readdirSync(folder)).toEqual([]);
    expect(await codeOf(uploads.read('edge1', id))).toBe('CLOUD_UPLOAD_NOT_FOUND');
  });

  test('a file belongs to its node', async () => {
    const { uploads, codeOf, aNode } = await createSetup();
    await aNode({ name: 'edge2', ipAddress: '127.0.0.2' });
    const { id, token } = await uploads.expect('edge1', 'logs', 'alice');
    await uploads.take(id, token, 'a.log', bytes('a'));
    expect(await codeOf(uploads.read('edge2', id))).toBe('CLOUD_UPLOAD_NOT_FOUND');
    expect(await codeOf(uploads.remove('edge2', id))).toBe('CLOUD_UPLOAD_NOT_FOUND');
    await uploads.remove('edge1', id);
    expect([await uploads.list('edge1'), readdirSync(folder)]).toEqual([[], []]);
  });

  test('the newest ten stay for a week; what a deleted node left goes', async () => {
    const { uploads, clock, nodes, aNode } = await createSetup();
    for (let number = 0; number < 12; number += 1) {
      const { id, token } = await uploads.expect('edge1', 'logs', 'alice');
      await uploads.take(id, token, `${number}.log`, bytes('a'));
      await clock.advance(1_000);
    }
    const names = (await uploads.list('edge1')).map((row) => row.file_name);
    expect([names.length, names[0], names.at(-1)]).toEqual([10, '11.log', '2.log']);
    expect(readdirSync(folder)).toHaveLength(10);
    await clock.advance(8 * 24 * HOUR_MS);
    await uploads.prune('edge1');
    expect([await uploads.list('edge1'), readdirSync(folder)]).toEqual([[], []]);
    await nodes.remove('edge1');
    writeFileSync(join(folder, 'left.file'), '');
    await aNode({ name: 'edge2' });
    await uploads.expect('edge2', 'logs', 'alice');
    expect(existsSync(join(folder, 'left.file'))).toBe(false);
  });
});
