// Which replicas a thread keeps, and when it asks the engine again.

import { describe, expect, test } from '@jest/globals';
import { chunkCount } from '../store/chunk-map.ts';
import { ENGINE_SLOT, ObjectState } from '../store/object-state.ts';
import type { ObjectDescription } from './messages.ts';
import { Replica } from './replica.ts';
import { Replicas } from './replicas.ts';

function described(key: string, hotBody: Buffer | null = null) {
  const sizeBytes = hotBody?.length ?? 100;
  const state = new ObjectState(chunkCount(sizeBytes), 2, ENGINE_SLOT);
  const description: ObjectDescription = {
    id: 1,
    key,
    sizeBytes,
    isSmall: false,
    meta: { headers: { etag: '"1"' }, requestAtMs: 0, responseAtMs: 0, host: 'h', ranged: true },
    memory: state.memory,
    version: state.version,
    hotBody: hotBody === null ? null : new Uint8Array(hotBody).buffer,
  };
  const releases: string[] = [];
  return { state, releases, replica: new Replica(description, 2, 1, () => releases.push(key)) };
}

describe('Replicas', () => {
  test('find() gives a replica until the engine changes the object', () => {
    const replicas = new Replicas();
    const { state, replica } = described('a');
    replicas.put(replica);
    expect(replicas.find('a')).toBe(replica);
    state.noteChange();
    expect(replicas.find('a')).toBeUndefined();
    expect(replicas.count).toBe(0);
  });

  test('find() gives no obsolete object, whatever its version', () => {
    const replicas = new Replicas();
    const { state, replica } = described('a');
    replicas.put(replica);
    state.setObsolete();
    expect(replicas.find('a')).toBeUndefined();
  });

  test('put() drops what was not used since its last chance first', () => {
    const replicas = new Replicas(2);
    for (const key of ['a', 'b']) replicas.put(described(key).replica);
    replicas.find('a');
    replicas.put(described('c').replica);
    expect([replicas.find('a'), replicas.find('b'), replicas.find('c')].map((found) => found?.key)).toEqual([
      'a',
      undefined,
      'c',
    ]);
  });

  test('put() keeps bodies within their bound', () => {
    const replicas = new Replicas();
    for (let i = 0; i < 3; i += 1) replicas.put(described(`k${i}`, Buffer.alloc(30 * 1024 * 1024)).replica);
    expect([replicas.count, replicas.find('k0'), replicas.find('k2')?.key]).toEqual([2, undefined, 'k2']);
  });

  test('pin() holds a use until the end of the turn', async () => {
    const replicas = new Replicas();
    const { state, replica } = described('a');
    replicas.put(replica);
    expect(replicas.pin('a')).toBe(replica);
    expect(state.uses).toBe(1);
    await Promise.resolve();
    expect(state.uses).toBe(0);
    expect(replicas.pin('none')).toBeUndefined();
  });
});

describe('Replica', () => {
  test('the last use of an obsolete object is told, others are not', () => {
    const { state, releases, replica } = described('a');
    replica.retain();
    replica.release();
    expect(releases).toEqual([]);
    replica.retain();
    state.setObsolete();
    replica.release();
    expect(releases).toEqual(['a']);
  });

  test('the body is the shared one', () => {
    const { replica } = described('a', Buffer.from('hello'));
    expect([replica.hotBody?.toString(), replica.bodyBytes]).toEqual(['hello', 5]);
  });
});
