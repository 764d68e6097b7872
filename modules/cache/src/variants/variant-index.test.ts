import { beforeEach, describe, expect, test } from '@jest/globals';
import type { CacheObject } from '../store/cache-object.ts';
import type { ObjectMeta } from '../store/object-meta.ts';
import { VARIANTS_MAX, VariantIndex } from './variant-index.ts';

/** A store of bare objects, enough to file variants in. */
class Shelf {
  readonly objects = new Map<string, CacheObject>();
  find = (key: string) => this.objects.get(key);
  peek = this.find;
  touch = () => {};
  async create(key: string, _sizeBytes: number, meta: ObjectMeta): Promise<CacheObject> {
    const object = {
      key,
      meta,
      isObsolete: false,
      setMeta: (next: ObjectMeta) => Object.assign(object, { meta: next }),
    };
    this.objects.set(key, object as unknown as CacheObject);
    return object as unknown as CacheObject;
  }
  async drop(object: CacheObject): Promise<void> {
    this.objects.delete(object.key);
  }
}

let shelf: Shelf;
let index: VariantIndex;
beforeEach(() => {
  shelf = new Shelf();
  index = new VariantIndex(shelf);
});

const fields = (values: Record<string, string>) => (name: string) => values[name];

/** Files a response as an opening does. */
async function keep(key: string, headers: Record<string, string>, request: Record<string, string>): Promise<string> {
  const at = { requestAtMs: 0, responseAtMs: 0, host: 'h' };
  const storeKey = (await index.admit(key, { headers, ...at }, fields(request))) as string;
  await shelf.create(storeKey, 1, { headers, ...at, ranged: false });
  return storeKey;
}

const markOf = (key: string) => shelf.find(key) as CacheObject;

describe('VariantIndex', () => {
  test('a response without Vary stands under its own key', async () => {
    expect(await keep('h/a', {}, {})).toBe('h/a');
  });

  test('variants are found by equal meaning, absent fields match absent ones only', async () => {
    const headers = { vary: 'Accept-Language, X-Kind' };
    const german = await keep('h/a', headers, { 'accept-language': 'de, en' });
    const plain = await keep('h/a', headers, {});
    expect(index.find(markOf('h/a'), fields({ 'accept-language': 'EN,de' }))?.key).toBe(german);
    expect(index.find(markOf('h/a'), fields({}))?.key).toBe(plain);
    expect(index.find(markOf('h/a'), fields({ 'accept-language': 'de, en', 'x-kind': '' }))).toBeUndefined();
  });

  test('another Vary adds its fields; what was selected by fewer is not found any more', async () => {
    await keep('h/a', { vary: 'A' }, { a: '1' });
    await keep('h/a', { vary: 'B' }, { a: '1', b: '2' });
    expect(markOf('h/a').meta.variants?.fields).toEqual(['a', 'b']);
    expect(index.find(markOf('h/a'), fields({ a: '1' }))).toBeUndefined();
    expect(index.find(markOf('h/a'), fields({ a: '1', b: '2' }))).toBeDefined();
  });

  test('a mark that was dropped and made anew reaches nothing of before', async () => {
    await keep('h/a', { vary: 'A' }, { a: '1' });
    await shelf.drop(markOf('h/a'));
    await keep('h/a', { vary: 'A' }, { a: '2' });
    expect(index.find(markOf('h/a'), fields({ a: '1' }))).toBeUndefined();
  });

  test(`at most ${VARIANTS_MAX} are kept, the oldest makes room`, async () => {
    for (let i = 0; i <= VARIANTS_MAX; i += 1) await keep('h/a', { vary: 'A' }, { a: String(i) });
    expect(shelf.objects.size).toBe(VARIANTS_MAX + 1);
    expect(index.find(markOf('h/a'), fields({ a: '0' }))).toBeUndefined();
    expect(index.find(markOf('h/a'), fields({ a: String(VARIANTS_MAX) }))).toBeDefined();
  });

  test('dropAll() leaves nothing', async () => {
    for (const a of ['1', '2']) await keep('h/a', { vary: 'A' }, { a });
    await index.dropAll(markOf('h/a'));
    expect(shelf.objects.size).toBe(0);
  });

  test('a language that is there is found when a client wants it most and the other fields agree', async () => {
    const headers = { vary: 'Accept-Language, A', 'content-language': 'de' };
    const german = await keep('h/a', headers, { 'accept-language': 'en, de', a: '1' });
    const find = (language: string, a: string) =>
      index.find(markOf('h/a'), fields({ 'accept-language': language, a }))?.key;
    expect([find('de, fr;q=0.5', '1'), find('de, fr;q=0.5', '2'), find('fr, de;q=0.5', '1')]).toEqual([
      german,
      undefined,
      undefined,
    ]);
  });
});
