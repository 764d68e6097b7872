import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { CacheObject } from '../store/cache-object.ts';
import { Drive } from '../store/drive.ts';
import { HotBodies } from '../store/hot-bodies.ts';
import { ChunkWriter, UNWRITTEN_BYTES_MAX } from './chunk-writer.ts';

const MIB = 1024 * 1024;
const META = { headers: {}, requestAtMs: 0, responseAtMs: 0, host: 'h', ranged: true };
let directory: string;
let drive: Drive;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wayside-writer-'));
  drive = new Drive(directory, 1e9, silentLogger);
  drive.start();
});
afterAll(() => {
  drive.stop();
  rmSync(directory, { recursive: true });
});

async function objectOf(size: number): Promise<CacheObject> {
  const object = new CacheObject(drive, drive.takeId(), `k${Math.random()}`, size, META);
  await object.open(true);
  return object;
}

describe('ChunkWriter', () => {
  test('a source that hands over pieces from inside resume() is written in order', async () => {
    const body = randomBytes(9 * MIB + 77);
    const object = await objectOf(body.length);
    const pieces: Buffer[] = [];
    for (let at = 0; at < body.length; at += 65_483) pieces.push(body.subarray(at, at + 65_483));
    let isPaused = false;
    const pump = () => {
      while (!isPaused) {
        const piece = pieces.shift();
        if (piece === undefined) return;
        writer.write(piece);
      }
    };
    const marks: number[] = [];
    const writer: ChunkWriter = new ChunkWriter(object, 0, new HotBodies(), () => 0, {
      onProgress: () => marks.push(writer.mark),
      onBackpressure: (paused) => {
        isPaused = paused;
        if (!paused) pump();
      },
      onError: (error) => {
        throw error;
      },
    });
    pump();
    while (pieces.length > 0 || writer.mark < body.length) await writer.drain();
    expect(readFileSync(drive.objectPath(object.id)).equals(body)).toBe(true);
    expect(marks).toEqual([...marks].sort((a, b) => a - b));
    expect(object.chunks.isComplete).toBe(true);
    for (let chunk = 0; chunk < 10; chunk += 1) {
      expect(object.chunks.crc(chunk)).toBe(crc32(body.subarray(chunk * MIB, (chunk + 1) * MIB)));
    }
    object.closeFile();
  });

  test('pauses its source above the limit', async () => {
    const object = await objectOf(8 * MIB);
    const calls: boolean[] = [];
    const writer = new ChunkWriter(object, 0, new HotBodies(), () => 0, {
      onProgress() {},
      onBackpressure: (paused) => calls.push(paused),
      onError() {},
    });
    writer.write(Buffer.alloc(UNWRITTEN_BYTES_MAX + 1));
    writer.write(Buffer.alloc(10));
    expect(calls).toEqual([true]);
    await writer.drain();
    expect(calls).toEqual([true, false]);
    expect([writer.mark, object.chunks.presentCount]).toEqual([UNWRITTEN_BYTES_MAX + 11, 1]);
    object.closeFile();
  });

  test('a small object is kept in memory as it comes', async () => {
    const hotBodies = new HotBodies();
    const object = await objectOf(5000);
    const writer = new ChunkWriter(object, 0, hotBodies, () => 0, {
      onProgress() {},
      onBackpressure() {},
      onError() {},
    });
    writer.write(Buffer.alloc(2000, 1));
    writer.write(Buffer.alloc(3000, 2));
    await writer.drain();
    expect(object.hotBody?.equals(Buffer.concat([Buffer.alloc(2000, 1), Buffer.alloc(3000, 2)]))).toBe(true);
    expect(hotBodies.bytes).toBe(5000);
    object.closeFile();
  });
});
