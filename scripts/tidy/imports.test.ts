// Walks every import of modules/ and fails on an arrow that the table in CONTRIBUTING.md forbids.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type Import, importProblem, importsOf, type ModuleFacts, parseImportTable } from './import-rules.ts';
import { ROOT, readSources } from './repository.ts';

const sources = readSources('modules');
const packages = sources.filter((file) => file.path.endsWith('/package.json'));
const folders = packages.map((file) => dirname(file.path));
const table = parseImportTable(readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8'), folders);

const modules: ModuleFacts[] = packages.map((file) => {
  const json = JSON.parse(file.text) as { name: string; dependencies?: object; devDependencies?: object };
  return {
    folder: dirname(file.path),
    name: json.name,
    dependencies: new Set(Object.keys(json.dependencies ?? {})),
    devDependencies: new Set(Object.keys(json.devDependencies ?? {})),
    allowed: table.get(dirname(file.path)) ?? new Set(),
  };
});

test('the table in CONTRIBUTING.md has a row for every module, and the floors stand', () => {
  expect(folders.filter((folder) => !table.has(folder))).toEqual([]);
  expect(folders.length).toBeGreaterThanOrEqual(12);
  expect([...(table.get('modules/shared/kit') as Set<string>)]).toEqual([]);
  expect([...(table.get('modules/shared/gateway') as Set<string>)].sort()).toEqual(['kit', 'protocol']);
  expect([...(table.get('modules/agent') as Set<string>)].sort()).toEqual(['gateway', 'kit', 'protocol']);
  expect([...(table.get('modules/samples/sensor') as Set<string>)]).toEqual([]);
});

test('every import of every module is allowed', () => {
  const problems: string[] = [];
  let count = 0;
  for (const file of sources.filter((f) => f.path.endsWith('.ts'))) {
    const module = modules.find((m) => file.path.startsWith(`${m.folder}/`));
    if (module === undefined) {
      problems.push(`${file.path}: lies in no module`);
      continue;
    }
    for (const one of importsOf(file.text)) {
      count += 1;
      const problem = importProblem(file.path, one, module);
      if (problem !== undefined) problems.push(`${file.path}: ${problem}`);
    }
  }
  expect(problems).toEqual([]);
  expect(count).toBeGreaterThan(100);
});

test('importsOf() finds every form', () => {
  const text = `
    import a from 'a'; import type { B } from 'b'; import 'c'; export * from 'd'; export { e } from 'e'; export type { F } from 'f';
    const g = await import('g'); const h = require('h'); type I = import('i').I; const j = 'import("k")'; // import 'l'
  `;
  expect(importsOf(text).map((i) => `${i.specifier}${i.typeOnly ? ' type' : ''}`)).toEqual([
    'a',
    'b type',
    'c',
    'd',
    'e',
    'f type',
    'g',
    'h',
    'i type',
  ]);
});

describe('importProblem()', () => {
  const agent: ModuleFacts = {
    folder: 'modules/agent',
    name: '@wayside/agent',
    dependencies: new Set(['@wayside/kit', '@wayside/hub', 'express', '@scope/p']),
    devDependencies: new Set(['mqtt', '@types/qs']),
    allowed: new Set(['protocol', 'kit']),
  };
  test.each<[string, string, Partial<Import>, string | undefined]>([
    ['src/plan/plan.ts', './step.ts', {}, undefined],
    ['src/plan/plan.ts', '../errors.ts', {}, undefined],
    ['test/x.int.test.ts', '../src/main.ts', {}, undefined],
    ['src/plan/plan.ts', '../../../hub/src/main.ts', {}, 'leaves modules/agent'],
    ['src/main.ts', '../../agent-two/src/x.ts', {}, 'leaves modules/agent'],
    ['src/main.ts', 'node:fs', {}, undefined],
    ['src/main.ts', 'fs', {}, 'wanted node:fs'],
    ['src/main.ts', '@wayside/kit', {}, undefined],
    ['src/main.ts', '@wayside/kit/src/clock.ts', {}, 'front door'],
    ['src/x.test.ts', '@wayside/kit/src/clock.ts', {}, 'front door'],
    ['src/main.ts', '@wayside/kit/test-certificates', {}, 'front door'],
    ['test/x.int.test.ts', '@wayside/kit/test-certificates', {}, undefined],
    ['src/main.ts', '@wayside/protocol', {}, 'is not in "dependencies"'],
    ['src/main.ts', '@wayside/hub', {}, 'may not import @wayside/hub'],
    ['src/x.test.ts', '@wayside/protocol', {}, 'is in no dependencies'],
    ['src/x.test.ts', '@wayside/hub', {}, 'may not import @wayside/hub'],
    ['src/main.ts', '@wayside/agent', {}, 'this module itself'],
    ['src/main.ts', 'express', {}, undefined],
    ['src/main.ts', '@scope/p/deep', {}, undefined],
    ['src/main.ts', 'mqtt', {}, 'is not in "dependencies"'],
    ['src/main.ts', 'mqtt', { typeOnly: true }, undefined],
    ['src/main.ts', 'qs', { typeOnly: true }, undefined],
    ['src/main.test.ts', 'mqtt', {}, undefined],
    ['src/main.test.ts', 'left-pad', {}, 'is in no dependencies'],
    ['src/main.test.ts', '@jest/globals', {}, undefined],
    ['src/main.ts', '@jest/globals', {}, 'is not in "dependencies"'],
  ])('%s imports %s', (path, specifier, override, problem) => {
    const found = importProblem(`modules/agent/${path}`, { specifier, typeOnly: false, ...override }, agent);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});
