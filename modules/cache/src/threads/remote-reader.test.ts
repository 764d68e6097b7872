// A reader on a delivery thread: what it sees by itself and when it asks.

import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ChunkMap } from '../store/chunk-map.ts';
import { monotonicSecs } from '../store/monotonic-clock.ts';
import { ENGINE_SLOT, ObjectState } from '../store/object-state.ts';
import { RemoteReader } from './remote-reader.ts';
import { Replica } from './replica.ts';

const MIB = 1024 * 1024;
const SIZE = 2 * MIB + 10;
let fd: number;

beforeAll(() => {
  fd = openSync('/dev/null', 'r');
});
afterAll(() => closeSync(fd));

function make() {
  const state = new ObjectState(3, 2, ENGINE_SLOT);
  state.fd = fd;
  const map = new ChunkMap(SIZE, state);
  const meta = { headers: {}, requestAtMs: 0, responseAtMs: 0, host: 'h', ranged: true };
  const description = {
    id: 1,
    key: 'k',
    sizeBytes: SIZE,
    isSmall: false,
    meta,
    memory: state.memory,
    version: 0,
    hotBody: null,
  };
  const replica = new Replica(description, 2, 1, () => {});
  const asked: string[] = [];
  const port = {
    open: () => asked.push('open'),
    wait: (position: number) => asked.push(`wait ${position}`),
    leave: () => asked.push('leave'),
  };
  const complete = (chunk: number) => {
    state.setReady(chunk, monotonicSecs() + 10);
    map.set(chunk, 1);
  };
  return { state, map, replica, asked, port, complete };
}

describe('RemoteReader', () => {
  test('a hit asks the engine for nothing', () => {
    const { state, replica, asked, port, complete } = make();
    for (const chunk of [0, 1, 2]) complete(chunk);
    const reader = new RemoteReader(replica, 5, SIZE, true, port);
    expect([reader.readableEnd(5), state.uses, reader.fd]).toEqual([SIZE, 1, fd]);
    reader.close();
    expect([asked, state.uses]).toEqual([[], 0]);
  });

  test('missing bytes are asked for at once, and those that came are seen without a message', () => {
    const { map, replica, asked, port, complete } = make();
    complete(0);
    const reader = new RemoteReader(replica, 0, SIZE, false, port);
    expect([asked, reader.readableEnd(0)]).toEqual([['open'], MIB]);
    map.fill(1, 5000);
    expect(reader.readableEnd(MIB)).toBe(MIB + 5000);
    reader.close();
    expect(asked).toEqual(['open', 'leave']);
  });

  test('an unchecked chunk is waited for, with the engine following from then on', () => {
    const { map, replica, asked, port } = make();
    for (const chunk of [0, 1, 2]) map.set(chunk, 1);
    const reader = new RemoteReader(replica, 0, SIZE, false, port);
    expect([asked, reader.readableEnd(0)]).toEqual([[], 0]);
    const woken: (Error | undefined)[] = [];
    reader.wait(0, (error) => woken.push(error));
    reader.wake();
    reader.wake(new Error('twice'));
    expect([asked, woken]).toEqual([['open', 'wait 0'], [undefined]]);
  });

  test('after close() nobody is woken', () => {
    const { replica, port } = make();
    const reader = new RemoteReader(replica, 0, SIZE, false, port);
    let wakes = 0;
    reader.wait(0, () => {
      wakes += 1;
    });
    reader.close();
    reader.wake();
    reader.close();
    expect(wakes).toBe(0);
  });

  test('a file that was closed meanwhile is an error, and no use is left', () => {
    const { state, replica, port } = make();
    state.takeFd();
    expect(() => new RemoteReader(replica, 0, 5, false, port)).toThrow('was closed');
    expect(state.uses).toBe(0);
  });
});
