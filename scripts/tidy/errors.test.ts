// Keeps the error catalogues honest: docs/errors.md says the same, and code and catalogue know the same codes.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readCatalogues, renderErrors } from '../docs/error-catalogue.ts';
import { isTestFile } from './import-rules.ts';
import { ROOT, readSources } from './repository.ts';

const catalogues = await readCatalogues(ROOT);
const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
const sources = readSources('modules').filter((file) => file.path.endsWith('.ts'));
/** Catalogues themselves: errors.ts and files joined to it, e.g. node-errors.ts. */
const isCatalogue = (path: string) => /\/src\/([a-z]+-)?errors\.ts$/.test(path);

test('every code of every module is in docs/errors.md', () => {
  const missing = catalogues.flatMap((c) => Object.keys(c.errors)).filter((code) => !page.includes(`| \`${code}\` |`));
  expect(missing).toEqual([]);
  expect(catalogues.length).toBeGreaterThanOrEqual(6);
});

test('docs/errors.md names no other code', () => {
  const known = new Set(catalogues.flatMap((c) => Object.keys(c.errors)));
  const named = [...page.matchAll(/^\| `([A-Z_0-9]+)` \|/gm)].map((m) => m[1] as string);
  expect(named.filter((code) => !known.has(code))).toEqual([]);
});

test('docs/errors.md is what node scripts/docs/write-errors.ts writes', () => {
  expect(page).toBe(renderErrors(catalogues));
});

test('codes begin with their module’s name; meaning and action are sentences', () => {
  const wrong = catalogues.flatMap(({ prefix, errors }) =>
    Object.entries(errors)
      .filter(
        ([code, e]) =>
          !code.startsWith(`${prefix}_`) || !/^\S.{8,}[.!]$/s.test(e.meaning) || !/^\S.{8,}[.!]$/s.test(e.action),
      )
      .map(([code]) => code),
  );
  expect(wrong).toEqual([]);
});

test('a code that code throws is in its module’s catalogue', () => {
  const unknown: string[] = [];
  for (const { path, text } of sources.filter((file) => !isTestFile(file.path))) {
    const own = catalogues.find((c) => path.startsWith(`${c.folder}/`));
    for (const [, code = ''] of text.matchAll(/new EdgeError\(\s*'([A-Z][A-Z_0-9]+)'/g)) {
      if (own === undefined || !Object.hasOwn(own.errors, code)) unknown.push(`${path}: ${code}`);
    }
  }
  expect(unknown).toEqual([]);
});

test('a code of a catalogue is used by its module', () => {
  const unused = catalogues.flatMap(({ folder, errors }) => {
    const text = sources
      .filter((file) => file.path.startsWith(`${folder}/src/`) && !isTestFile(file.path) && !isCatalogue(file.path))
      .map((file) => file.text)
      .join('\n');
    // Codes may also be thrown by functions that lie in errors.ts itself: there they stand twice.
    const own = sources
      .filter((file) => file.path.startsWith(`${folder}/src/`) && isCatalogue(file.path))
      .map((file) => file.text);
    return Object.keys(errors).filter(
      (code) => !new RegExp(`\\b${code}\\b`).test(text) && own.join('\n').split(new RegExp(`\\b${code}\\b`)).length < 3,
    );
  });
  expect(unused).toEqual([]);
});
