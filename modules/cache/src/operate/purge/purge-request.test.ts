import { describe, expect, test } from '@jest/globals';
import { OriginTable } from '../../origin/origins.ts';
import { tagsOf } from '../../store/cache-tags.ts';
import { trimmed } from './purge-log.ts';
import { compilePurge, type PurgeRequest, parsePurge, urlPartsOf } from './purge-request.ts';

const nothing: PurgeRequest = { urls: [], prefixes: [], hosts: [], tags: [], all: false };
const origins = new OriginTable({
  custom: [{ id: 'custom-1', hosts: ['east.example', 'west.example'], canonical: 'packages' }],
  ...{ parent: null, fallback: null },
});
const compile = (request: Partial<PurgeRequest>) =>
  compilePurge({ ...nothing, ...request }, (host) => origins.resolve(host));

describe('compilePurge()', () => {
  test.each<[Partial<PurgeRequest>, string, Record<string, string>, boolean]>([
    [{ urls: ['http://dl.delivery.mp.microsoft.com/a?P1=5'] }, 'dl.delivery.mp.microsoft.com/a', {}, true],
    [{ urls: ['http://dl.delivery.mp.microsoft.com/a'] }, 'dl.delivery.mp.microsoft.com/ab', {}, false],
    [{ urls: ['http://dl.delivery.mp.microsoft.com/a'] }, 'dl.delivery.mp.microsoft.com/a 0f0f ["gzip"]', {}, true],
    [{ urls: ['https://WEST.example/x?v=1'] }, 'packages/x?v=1', {}, true],
    [{ urls: ['http://gone.example:8080/x'] }, 'gone.example:8080/x', {}, true],
    [{ prefixes: ['http://east.example/x/'] }, 'packages/x/1', {}, true],
    [{ prefixes: ['http://east.example/x/'] }, 'packages/y', {}, false],
    [{ hosts: ['East.Example.'] }, 'packages/anything', {}, true],
    [{ hosts: ['gone.example'] }, 'gone.example.evil/x', {}, false],
    [{ tags: ['a'] }, 'k/x', { 'cache-tag': 'b,a' }, true],
    [{ tags: ['a'] }, 'k/x', { 'surrogate-key': 'ab' }, false],
    [{ all: true }, 'k/x', {}, true],
  ])('%j and %s', (request, key, headers, isMeant) => expect(compile(request).matches(key, headers)).toBe(isMeant));
});

describe('parsePurge()', () => {
  test('one text counts as a list of one', () =>
    expect(parsePurge({ tags: 'a' })).toEqual({ request: { ...nothing, tags: ['a'] }, problems: [] }));

  test.each<[unknown, string]>([
    [null, ''],
    [[], ''],
    [{}, ''],
    [{ urls: ['/path'] }, 'urls.0'],
    [{ urls: ['http://user@host/'] }, 'urls.0'],
    [{ tags: [''] }, 'tags.0'],
    [{ all: 'yes' }, 'all'],
    [{ tags: Array.from({ length: 1001 }, (_, i) => `t${i}`) }, ''],
  ])('%# names %s', (value, path) => expect(parsePurge(value).problems.map((problem) => problem.path)).toEqual([path]));
});

test('urlPartsOf(): host in lower case, target byte for byte', () => {
  expect(urlPartsOf('HTTP://Host.Example:81/A%2f?b=%3D#x')).toEqual({
    host: 'host.example',
    port: 81,
    target: '/A%2f?b=%3D',
  });
  expect(urlPartsOf('http://h')).toEqual({ host: 'h', port: null, target: '/' });
  expect(urlPartsOf('http://h?x')).toEqual({ host: 'h', port: null, target: '/?x' });
});

test('tagsOf(): several headers, each tag once, without what is too long', () => {
  expect(tagsOf({ 'cache-tag': ' a , b,a,', 'surrogate-key': 'c  b', 'edge-cache-tag': 'x'.repeat(300) })).toEqual([
    'a',
    'b',
    'c',
  ]);
  expect(tagsOf({})).toEqual([]);
});

test('trimmed(): the newest receipts stay', () => {
  const receipts = Array.from({ length: 250 }, (_, i) => ({ sequence: i + 1, request: nothing })) as never[];
  const kept = trimmed(receipts);
  expect([kept.length, kept[0]?.sequence, kept.at(-1)?.sequence]).toEqual([200, 51, 250]);
});
