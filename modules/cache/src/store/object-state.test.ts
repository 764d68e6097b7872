// The shared state as two threads see it: two states over one memory.

import { describe, expect, test } from '@jest/globals';
import { ChunkMap, ChunkView } from './chunk-map.ts';
import { ENGINE_SLOT, ObjectState, stampOf } from './object-state.ts';

const MIB = 1024 * 1024;

function pair(chunks = 3) {
  const engine = new ObjectState(chunks, 3, ENGINE_SLOT);
  return { engine, thread: new ObjectState(chunks, 3, 2, engine.memory) };
}

describe('descriptor and uses', () => {
  test('a use of any thread keeps the descriptor from being taken', () => {
    const { engine, thread } = pair();
    engine.fd = 17;
    thread.retain();
    expect([engine.takeFd(), thread.fd, engine.uses]).toEqual([-1, 17, 1]);
    thread.release();
    expect([engine.takeFd(), thread.fd]).toEqual([17, -1]);
    expect(engine.takeFd()).toBe(-1);
  });

  test('a use taken after the descriptor is gone does not bring it back', () => {
    const { engine, thread } = pair();
    engine.fd = 17;
    engine.takeFd();
    thread.retain();
    expect(thread.fd).toBe(-1);
  });

  test('the uses of a dead thread are given back, those of others stay', () => {
    const { engine, thread } = pair();
    engine.retain();
    thread.retain();
    thread.retain();
    expect(engine.releaseSlot(2)).toBe(2);
    expect(engine.uses).toBe(1);
    expect(engine.releaseSlot(2)).toBe(0);
  });

  test('at the end of the process the descriptor is taken even in use', () => {
    const { engine, thread } = pair();
    engine.fd = 17;
    thread.retain();
    expect(engine.takeFd(true)).toBe(17);
  });
});

describe('what changes', () => {
  test('a change is seen on the other thread, an obsolete object too', () => {
    const { engine, thread } = pair();
    const before = thread.version;
    engine.noteChange();
    expect(thread.version).toBe(before + 1);
    engine.setObsolete();
    expect(thread.isObsolete).toBe(true);
  });

  test('a hit of any thread is taken once', () => {
    const { engine, thread } = pair();
    thread.visit();
    thread.visit();
    expect([engine.isVisited, engine.takeVisit(), engine.takeVisit()]).toEqual([true, true, false]);
  });
});

describe('chunks', () => {
  test('a view sees the bytes of a fill before the chunk is there, and the chunk when it is', () => {
    const state = new ObjectState(3, 2, ENGINE_SLOT);
    const map = new ChunkMap(2 * MIB + 10, state);
    const view = new ChunkView(2 * MIB + 10, new ObjectState(3, 2, 1, state.memory));
    map.fill(1, 700);
    expect([view.has(1), view.filledEnd(MIB), view.filledEnd(MIB + 699), view.filledEnd(MIB + 900)]).toEqual([
      false,
      MIB + 700,
      MIB + 700,
      MIB + 900,
    ]);
    map.set(1, 99);
    expect([view.has(1), view.presentBytes(0, 2 * MIB + 10), view.filledEnd(MIB)]).toEqual([true, MIB, 2 * MIB]);
    map.set(0, 1);
    map.set(2, 2);
    expect([view.isComplete, view.firstMissing(0, 3)]).toEqual([true, -1]);
    map.clear(1);
    expect([view.isComplete, view.has(1), view.filledEnd(MIB)]).toEqual([false, false, MIB]);
  });

  test('a fill never makes a chunk of itself, and takes none away', () => {
    const map = new ChunkMap(MIB);
    map.fill(0, MIB);
    expect([map.has(0), map.filledEnd(0)]).toEqual([false, MIB - 1]);
    map.set(0, 5);
    map.fill(0, 3);
    expect([map.has(0), map.presentCount]).toEqual([true, 1]);
  });

  test('a thread may find pages in memory, but calls no chunk checked that was not', () => {
    const { engine, thread } = pair();
    thread.prolongReady(0, 500);
    expect([engine.isVerified(0), engine.isReady(0, 1)]).toEqual([false, false]);
    engine.setReady(0, 100);
    expect([thread.isReady(0, 100), thread.isReady(0, 101)]).toEqual([true, false]);
    thread.prolongReady(0, 200);
    expect(engine.isReady(0, 200)).toBe(true);
  });
});

describe('files changed by others', () => {
  test('all checks are taken back, once, and every thread asks anew', () => {
    const { engine, thread } = pair();
    engine.noteWritten(1000);
    for (const chunk of [0, 1, 2]) engine.setReady(chunk, 50);
    const before = thread.version;
    expect(thread.compareStamp(() => 1000)).toBe(false);
    expect(thread.compareStamp(() => 2000)).toBe(true);
    expect([0, 1, 2].map((chunk) => engine.isVerified(chunk))).toEqual([false, false, false]);
    expect(engine.version).toBe(before + 1);
    expect([engine.takeTampered(), engine.takeTampered()]).toEqual([true, false]);
    expect(engine.compareStamp(() => 2000)).toBe(false);
  });

  test('our own writes are no change by others, also when one begins during the look', () => {
    const { engine, thread } = pair();
    engine.noteWritten(1000);
    const during = thread.compareStamp(() => {
      engine.noteOwnWrite();
      return 3000;
    });
    expect([during, thread.compareStamp(() => 4000)]).toEqual([false, false]);
    engine.noteWritten(5000);
    expect(thread.compareStamp(() => 5000)).toBe(false);
  });

  test('times that differ by a microsecond differ, and no time is 0', () => {
    const at = 1_760_000_000_000;
    expect(stampOf({ mtimeMs: at, ctimeMs: at })).not.toBe(stampOf({ mtimeMs: at, ctimeMs: at + 0.001 }));
    expect(stampOf({ mtimeMs: 0, ctimeMs: 0 })).toBe(1);
  });
});
