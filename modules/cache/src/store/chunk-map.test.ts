import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES, ChunkMap } from './chunk-map.ts';

describe('ChunkMap', () => {
  test('counts bytes of present chunks, the short last one too', () => {
    const map = new ChunkMap(2 * CHUNK_BYTES + 10);
    expect(map.count).toBe(3);
    map.set(2, 7);
    map.set(0, 8);
    map.set(0, 9);
    expect([map.presentCount, map.isComplete, map.crc(0)]).toEqual([2, false, 9]);
    expect(map.presentBytes(0, map.sizeBytes)).toBe(CHUNK_BYTES + 10);
    expect(map.presentBytes(CHUNK_BYTES - 1, 2 * CHUNK_BYTES + 1)).toBe(2);
    expect(map.firstMissing(0, 3)).toBe(1);
    map.set(1, 1);
    expect([map.isComplete, map.firstMissing(0, 3)]).toEqual([true, -1]);
    map.clear(1);
    map.clear(1);
    expect([map.presentCount, map.has(1)]).toEqual([2, false]);
  });

  test('pages carry the state over', () => {
    const map = new ChunkMap(200 * CHUNK_BYTES);
    for (const chunk of [0, 63, 64, 130, 199]) map.set(chunk, 0xf0000000 + chunk);
    const copy = new ChunkMap(200 * CHUNK_BYTES);
    for (const page of [0, 1, 2, 3]) copy.loadPage(map.page(page));
    for (let chunk = 0; chunk < 200; chunk += 1) {
      expect(copy.has(chunk)).toBe(map.has(chunk));
      if (map.has(chunk)) expect(copy.crc(chunk)).toBe(map.crc(chunk));
    }
  });

  test('a stored page that is too short is not trusted beyond its end', () => {
    const map = new ChunkMap(10 * CHUNK_BYTES);
    map.loadPage({ page: 0, present: Uint8Array.of(0xff, 0xff), crcs: new Uint8Array(8) });
    expect(map.presentCount).toBe(2);
  });
});
