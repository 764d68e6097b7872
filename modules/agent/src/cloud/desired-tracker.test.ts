import { expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { DesiredTracker } from './desired-tracker.ts';

const at5 = (): DesiredTracker => {
  const tracker = new DesiredTracker();
  tracker.replace({ a: { x: 1, list: [1, 2, 3] }, $version: 5, $metadata: {} });
  return tracker;
};

test.each<[string, JsonObject, string, JsonObject]>([
  [
    'the next version is merged, null deletes',
    { a: { x: null, y: 2 }, $version: 6 },
    'applied',
    { a: { y: 2, list: [1, 2, 3] }, $version: 6 },
  ],
  ['arrays are replaced whole', { a: { list: [7] }, $version: 6 }, 'applied', { a: { x: 1, list: [7] }, $version: 6 }],
  ['the same version is old', { a: { x: 9 }, $version: 5 }, 'old', { a: { x: 1, list: [1, 2, 3] }, $version: 5 }],
  ['a missing version is a gap', { a: { x: 9 }, $version: 7 }, 'gap', { a: { x: 1, list: [1, 2, 3] }, $version: 5 }],
])('patch(): %s', (_what, patch, outcome, document) => {
  const tracker = at5();
  expect(tracker.patch(patch)).toBe(outcome);
  expect(tracker.document).toEqual(document);
});

test('before the first get every patch is a gap', () => {
  expect(new DesiredTracker().patch({ $version: 1 })).toBe('gap');
});

test('a get that is older than what patches brought is no news; after reset it is', () => {
  const tracker = at5();
  expect(tracker.replace({ b: 1, $version: 4 })).toBe(false);
  tracker.reset();
  expect(tracker.replace({ b: 1, $version: 4 })).toBe(true);
  expect(tracker.document).toEqual({ b: 1, $version: 4 });
});
