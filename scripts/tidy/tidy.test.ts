// Fails on what must not lie around in the repository; the rules themselves are tested below.

import { expect, test } from '@jest/globals';
import { readSources } from './repository.ts';
import { findingsOf } from './tidy-rules.ts';

/** These files name what the rules look for. */
const RULES_FOLDER = 'scripts/tidy/';

test('nothing lies around', () => {
  const files = readSources().filter(
    (file) => !file.path.startsWith(RULES_FOLDER) && file.path !== 'package-lock.json',
  );
  expect(files.length).toBeGreaterThan(100);
  const findings = files.flatMap(findingsOf).map(({ path, line, rule }) => `${path}:${line}: ${rule}`);
  expect(findings).toEqual([]);
});

test.each<[string, string, string | undefined]>([
  ['modules/a/src/x.ts', '// ok\n// FIXME later', 'leftover'],
  ['modules/a/src/x.ts', '// ok\n// TODO: later', 'TODO without an issue'],
  ['modules/a/src/x.ts', '// ok\n// TODO(#12): later', undefined],
  ['modules/a/src/x.test.ts', "test.only('a', f)", '.only'],
  ['modules/a/src/x.test.ts', "describe.each.only('a', f)", '.only'],
  ['modules/a/src/x.test.ts', "xit('a', f)", '.skip'],
  ['modules/a/src/x.test.ts', "describe.skip('a', f)", '.skip'],
  ['modules/a/src/x.test.ts', 'const suite = isRoot ? describe : describe.skip;', undefined],
  ['modules/a/src/x.test.ts', 'readonly.only', undefined],
  ['modules/a/src/x.ts', '// ok\nconsole.log(1)', 'console'],
  ['modules/cli/src/x.ts', '// ok\nconsole.log(1)', undefined],
  ['modules/samples/sensor/src/x.ts', '// ok\nconsole.log(1)', undefined],
  ['modules/a/src/utils.ts', '// ok', 'drawer'],
  ['modules/a/src/lib/x.ts', '// ok', 'drawer'],
  ['modules/a/src/common-name.ts', '// ok', undefined],
  ['modules/a/src/MyFile.ts', '// ok', 'kebab-case'],
  ['modules/a/src/x.int.test.ts', '', undefined],
  ['modules/a/src/x.ts', 'export {};', 'opens without'],
  ['modules/a/src/main.ts', '#!/usr/bin/env node\n// ok\n', undefined],
  ['modules/a/src/main.ts', '#!/usr/bin/env node\nexport {};', 'opens without'],
  ['docs/x.md', 'see /home/me/notes', 'machine'],
  ['docs/x.md', 'see "/Users/Me/notes"', 'machine'],
  ['docs/x.md', 'https://example.org/home/me', undefined],
  ['docs/x.md', 'a /homework/ of /var/lib', undefined],
  ['modules/a/src/x.ts', '// ok\n// biome-ignore lint/a/b: <explanation>', 'suppression'],
  ['modules/a/src/x.ts', '// ok\n// biome-ignore lint/a/b: the SDK has no types', undefined],
  ['modules/a/src/x.ts', '// ok\n// @ts-ignore', 'suppression'],
])('%s %j', (path, text, rule) => {
  const rules = findingsOf({ path, text }).map((finding) => finding.rule);
  if (rule === undefined) expect(rules).toEqual([]);
  else expect(rules).toEqual([expect.stringContaining(rule)]);
});
