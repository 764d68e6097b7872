// What must not lie around in the repository: leftovers, tests that hide others, drawers without a name, paths of one developer's machine.

import type { SourceFile } from './repository.ts';

export interface Finding {
  path: string;
  /** 1 for the whole file. */
  line: number;
  rule: string;
}

interface LineRule {
  rule: string;
  files: (path: string) => boolean;
  pattern: RegExp;
}

const isCode = (path: string) => /\.(ts|mts|mjs)$/.test(path);
const isTest = (path: string) => path.endsWith('.test.ts');
/** Where a program speaks to the person in front of it. */
const printsToPeople = (path: string) => /^(modules\/(cli|samples|e2e)|scripts|deployment)\//.test(path);

const LINE_RULES: readonly LineRule[] = [
  { rule: 'a leftover mark', files: isCode, pattern: /\b(FIXME|XXX)\b/ },
  { rule: 'a TODO without an issue, wanted TODO(#number)', files: isCode, pattern: /\bTODO\b(?!\(#\d+\))/ },
  {
    rule: '.only hides the other tests',
    files: isTest,
    pattern: /\b(?:test|it|describe)(?:\.\w+)*\.only\b|\b(?:fit|fdescribe)\(/,
  },
  {
    rule: '.skip hides a test',
    files: isTest,
    // A choice between running and skipping is told from a machine that cannot; it must say so in a line of its own.
    pattern: /(?<!\? describe : )\b(?:test|it|describe)(?:\.\w+)*\.skip\b|\b(?:xit|xtest|xdescribe)\(/,
  },
  {
    rule: 'console output, wanted the logger',
    files: (path) => isCode(path) && !isTest(path) && !printsToPeople(path),
    pattern: /\bconsole\.(log|info|warn|error|debug)\(/,
  },
  {
    rule: 'a path of one machine',
    files: () => true,
    pattern: /(?:^|[\s"'`(=:])(?:\/work\/|\/home\/(?!u\b|user\b)[a-z]|\/Users\/[A-Za-z]|[A-Z]:\\Users\\)/,
  },
  {
    rule: 'a suppression without its reason',
    files: isCode,
    pattern: /biome-ignore(?![^\n]*: \S+ \S+)|@ts-(?:ignore|nocheck)|@ts-expect-error(?! ?\S+ \S+)/,
  },
];

const DRAWER = /(^|\/)(utils?|helpers?|common|misc|lib)(\.(test\.)?ts|\/)/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;

/** Everything wrong with one file. */
export function findingsOf({ path, text }: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const whole = (rule: string) => findings.push({ path, line: 1, rule });
  if (DRAWER.test(path)) whole('a drawer without a name of its own');
  const name = path.split('/').at(-1) as string;
  if (isCode(path) && !KEBAB_CASE.test(name)) whole('file names are kebab-case');
  if (/^modules\/.*\/src\/.*\.ts$/.test(path) && !isTest(path) && !/^(#!.*\n)?(\/\/|\/\*)/.test(text))
    whole('opens without a line that says what it does');
  text.split('\n').forEach((line, index) => {
    for (const { rule, files, pattern } of LINE_RULES) {
      if (files(path) && pattern.test(line)) findings.push({ path, line: index + 1, rule });
    }
  });
  return findings;
}
