// Act 2: content of every size, one transfer from the origin, and what is refused.

import { expect, test } from '@jest/globals';
import { ask, CDN_HOST, hashByRanges } from '../content.ts';
import { originStats, originUrl } from '../node.ts';

const MIB = 1024 ** 2;
const CLIENTS = 50;

export function content(): void {
  test('1 GiB by parallel ranges has the bytes of the origin', async () => {
    const path = `/bytes/${1024 * MIB}/big-${Date.now()}`;
    const cold = await hashByRanges(path, { sizeBytes: 1024 * MIB, rangeBytes: 8 * MIB, parallel: 8, host: CDN_HOST });
    const filled = await originStats();
    expect(filled.paths[path]?.bytes).toBe(1024 * MIB);
    // Another split of the same object is answered from what is there.
    const warm = await hashByRanges(path, {
      sizeBytes: 1024 * MIB,
      rangeBytes: 5 * MIB + 1,
      parallel: 6,
      host: CDN_HOST,
    });
    expect((await originStats()).bytes).toBe(filled.bytes);
    const wanted = await ask(path, { base: await originUrl() });
    expect(wanted.bytes).toBe(1024 * MIB);
    expect(cold).toEqual({ sha256: wanted.sha256, not206: 0 });
    expect(warm).toEqual(cold);
  }, 180_000);

  test(`${CLIENTS} clients at once on a cold 64 MiB object: the origin sends it once`, async () => {
    const path = `/bytes/${64 * MIB}/crowd-${Date.now()}`;
    const answers = await Promise.all(
      Array.from({ length: CLIENTS }, () => ask(path, { headers: { host: CDN_HOST } })),
    );
    expect(new Set(answers.map((a) => `${a.status} ${a.bytes}`))).toEqual(new Set([`200 ${64 * MIB}`]));
    expect((await originStats()).paths[path]?.bytes).toBe(64 * MIB);
    const direct = await ask(path, { base: await originUrl() });
    expect(new Set(answers.map((a) => a.sha256))).toEqual(new Set([direct.sha256]));
  }, 120_000);

  test.each([
    ['a host off the list', { path: '/x?cacheHostOrigin=evil.example' }],
    ['an address', { path: '/x?cacheHostOrigin=127.0.0.1' }],
    ['an address with a port', { path: '/__stats?cacheHostOrigin=127.0.0.1:8080' }],
    ['the metadata service', { path: '/latest/meta-data/?cacheHostOrigin=169.254.169.254' }],
    ['the origin by its own name', { path: '/__stats?cacheHostOrigin=quickstart-origin' }],
    ['a Host off the list', { path: '/x', host: 'evil.example' }],
    ['a Host that is an address', { path: '/latest/meta-data/', host: '169.254.169.254' }],
    ['an IPv6 Host', { path: '/x', host: '[::1]' }],
    ['user information in front', { path: `/x?cacheHostOrigin=${encodeURIComponent(`${CDN_HOST}@evil.example`)}` }],
    ['a name that only begins like one', { path: `/x?cacheHostOrigin=${CDN_HOST}.evil.example` }],
  ])('refused, the origin untouched: %s', async (_what, { path, host }: { path: string; host?: string }) => {
    const before = await originStats();
    const answer = await ask(path, host === undefined ? {} : { headers: { host } });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect((await originStats()).requests).toBe(before.requests);
  });
}
