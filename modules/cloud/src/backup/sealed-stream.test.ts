import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type BackupHeader, newHeader, open, seal } from './sealed-stream.ts';

const PASSPHRASE = 'a long enough passphrase';
/** Cheap to derive. */
const COST = 16;
const HEADER = newHeader({ createdAtUtc: '2026-01-01T00:00:00.000Z', version: '1.2.3', hasDatabase: true }, COST);
const CONTENT = randomBytes(2 * 1024 * 1024 + 12_345);

async function gathered(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

async function* inParts(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const FILE = await gathered(seal(inParts(CONTENT, 60_000), HEADER, PASSPHRASE));

function read(file: Uint8Array, passphrase = PASSPHRASE): Promise<Buffer> {
  return gathered(open(inParts(file, 100_000), passphrase, () => undefined));
}

const REFUSED = { code: 'CLOUD_BACKUP_FAILED' };

describe('seal() and open()', () => {
  test('give back what was put in, and say the header first', async () => {
    let header: BackupHeader | undefined;
    const got = open(inParts(FILE, 7777), PASSPHRASE, (read) => {
      header = read;
    });
    expect((await gathered(got)).equals(CONTENT)).toBe(true);
    expect(header).toEqual(HEADER);
    expect((await read(await gathered(seal(inParts(Buffer.alloc(0), 1), HEADER, PASSPHRASE)))).length).toBe(0);
  });

  test('another passphrase opens nothing', async () => {
    await expect(read(FILE, 'another passphrase')).rejects.toMatchObject(REFUSED);
  });

  test.each([0, 20, 200, FILE.length / 2, FILE.length - 1])('a bit that changed at %d is found', async (at) => {
    const bent = Buffer.from(FILE);
    bent[Math.floor(at)] = (bent[Math.floor(at)] ?? 0) ^ 4;
    await expect(read(bent)).rejects.toMatchObject(REFUSED);
  });

  test('a file that was cut, also between two chunks, or that goes on is found', async () => {
    const headerEnd = FILE.indexOf('\n', FILE.indexOf('\n') + 1) + 1;
    const chunkEnd = headerEnd + 4 + FILE.readUInt32BE(headerEnd);
    for (const end of [0, 10, headerEnd, chunkEnd, FILE.length - 1]) {
      await expect(read(FILE.subarray(0, end))).rejects.toMatchObject(REFUSED);
    }
    await expect(read(Buffer.concat([FILE, Buffer.from('x')]))).rejects.toMatchObject(REFUSED);
  });

  test('chunks that were swapped are found', async () => {
    const start = FILE.indexOf('\n', FILE.indexOf('\n') + 1) + 1;
    const size = 4 + FILE.readUInt32BE(start);
    const [one, two] = [FILE.subarray(start, start + size), FILE.subarray(start + size, start + 2 * size)];
    const swapped = Buffer.concat([FILE.subarray(0, start), two, one, FILE.subarray(start + 2 * size)]);
    await expect(read(swapped)).rejects.toMatchObject(REFUSED);
  });

  test('a header that asks for endless work is refused', async () => {
    const header = { ...HEADER, cost: 2 ** 40 };
    const file = Buffer.from(`WAYSIDE-BACKUP 1\n${JSON.stringify(header)}\n`);
    await expect(read(file)).rejects.toMatchObject(REFUSED);
  });
});
