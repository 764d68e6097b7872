import { describe, expect, test } from '@jest/globals';
import { difference } from './difference.ts';

describe('difference()', () => {
  test('names what changed, by path', () => {
    const before = { a: 1, b: { c: [1, 2], d: 'x' }, e: true };
    const after = { a: 1, b: { c: [1, 3, 4], d: 'x' }, f: null };
    expect(difference(before, after)).toEqual([
      { path: 'b.c[1]', before: 2, after: 3 },
      { path: 'b.c[2]', after: 4 },
      { path: 'e', before: true },
      { path: 'f', after: null },
    ]);
    expect(difference(before, structuredClone(before))).toEqual([]);
    expect(difference(undefined, undefined)).toEqual([]);
  });

  test('lists what is made or removed by its fields', () => {
    expect(difference(undefined, { a: 1, b: { c: 2 } })).toEqual([
      { path: 'a', after: 1 },
      { path: 'b', after: { c: 2 } },
    ]);
    expect(difference({ a: 1 }, undefined)).toEqual([{ path: 'a', before: 1 }]);
  });

  test('says that a secret changed, and never which it is', () => {
    const secrets = (value: string) => ({
      ...{ password: value, primaryKey: value, token: { deep: value }, customerKey: value, sig: value, keys: [value] },
      ...{ env: { CUSTOMER_KEY: { value } }, url: `https://user:${value}@host/?sig=${value}` },
      ...{ createOptions: `{"Env":["DB_PASSWORD=${value}","A=b"]}`, settings: { 'my-password': value } },
      ...{ connectionString: `HostName=h;SharedAccessKey=${value}`, text: `HostName=h;SharedAccessKey=${value}` },
    });
    const text = JSON.stringify(difference(secrets('hunter2old'), secrets('hunter2new')));
    expect(text).not.toContain('hunter2');
    for (const path of [
      'password',
      'primaryKey',
      'token',
      'env.CUSTOMER_KEY',
      'createOptions',
      'settings.my-password',
    ]) {
      expect(text).toContain(JSON.stringify(path));
    }
    expect(JSON.stringify(difference(undefined, secrets('hunter2')))).not.toContain('hunter2');
    expect(difference({ monkey: 1, keyboard: 'a' }, { monkey: 2, keyboard: 'b' })).toHaveLength(2);
  });

  test('is bounded in entries, values and depth', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, n]));
    const changes = difference({}, many);
    expect([changes.length, changes.at(-1)]).toEqual([101, { path: '...', after: '400 further changes' }]);
    expect(JSON.stringify(difference({ a: '' }, { a: 'x'.repeat(10_000) })).length).toBeLessThan(400);
    let deep: object = { leaf: 1 };
    for (let n = 0; n < 200; n += 1) deep = { deep };
    expect(difference({ x: 1 }, { x: deep as never })).toHaveLength(1);
  });
});
