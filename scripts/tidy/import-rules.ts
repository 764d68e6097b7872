// Which imports a file of a module may have: the table in CONTRIBUTING.md, its own folder, and the packages its package.json lists.

import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import swc from '@swc/core';

/** One import as it stands in a file. */
export interface Import {
  specifier: string;
  /** `import type` or `export type`: gone at run time. */
  typeOnly: boolean;
}

/** A module as the rules see it. */
export interface ModuleFacts {
  /** e.g. modules/shared/kit */
  folder: string;
  /** e.g. @wayside/kit */
  name: string;
  dependencies: ReadonlySet<string>;
  devDependencies: ReadonlySet<string>;
  /** Names of ours it may import, without the scope. */
  allowed: ReadonlySet<string>;
}

const SCOPE = '@wayside/';
/** Given by the root package.json to every test. */
const TEST_PACKAGES: readonly string[] = ['@jest/globals'];

/** Every static, dynamic and CommonJS import of a TypeScript file. */
export function importsOf(text: string): Import[] {
  const imports: Import[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (node !== null && typeof node === 'object') {
      const found = importAt(node as SyntaxNode);
      if (found !== undefined) imports.push(found);
      Object.values(node).forEach(visit);
    }
  };
  visit(swc.parseSync(text, { syntax: 'typescript', target: 'es2022' }).body);
  return imports;
}

interface SyntaxNode {
  type?: string;
  source?: { value?: string } | null;
  typeOnly?: boolean;
  callee?: { type?: string; value?: string };
  arguments?: { expression: { type: string; value?: string } }[];
  argument?: { value?: string };
}

function importAt(node: SyntaxNode): Import | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return node.source?.value === undefined
        ? undefined
        : { specifier: node.source.value, typeOnly: node.typeOnly === true };
    case 'TsImportType':
      return node.argument?.value === undefined ? undefined : { specifier: node.argument.value, typeOnly: true };
    case 'CallExpression': {
      const first = node.arguments?.[0]?.expression;
      const isImport =
        node.callee?.type === 'Import' || (node.callee?.type === 'Identifier' && node.callee.value === 'require');
      return isImport && first?.type === 'StringLiteral'
        ? { specifier: first.value as string, typeOnly: false }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** Rows of the table in CONTRIBUTING.md: folder pattern -> names of ours it may import. `modules/{a,b}` and `modules/x/*` are spelled out by the caller's folders. */
export function parseImportTable(markdown: string, folders: readonly string[]): Map<string, Set<string>> {
  const table = new Map<string, Set<string>>();
  for (const line of markdown.split('\n')) {
    const cells = /^\| (`modules\/[^|]+) \| ([^|]+) \|$/.exec(line);
    if (cells === null) continue;
    const [allowed = ''] = (cells[2] as string).split(';');
    const names = new Set([...allowed.matchAll(/\b(protocol|kit|gateway)\b/g)].map((m) => m[1] as string));
    for (const [, pattern = ''] of (cells[1] as string).matchAll(/`([^`]+)`/g)) {
      const shape = new RegExp(
        `^${pattern.replace(/\{([^}]+)\}/g, (_all, list) => `(${list.replaceAll(',', '|')})`).replace('*', '[^/]+')}$`,
      );
      for (const folder of folders.filter((f) => shape.test(f))) table.set(folder, names);
    }
  }
  return table;
}

/** What is wrong with one import of one file; undefined when it is allowed. */
export function importProblem(path: string, { specifier, typeOnly }: Import, module: ModuleFacts): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('/')) {
    const target = posix.normalize(posix.join(posix.dirname(path), specifier));
    return target.startsWith(`${module.folder}/`) ? undefined : `${specifier} leaves ${module.folder}`;
  }
  if (specifier.startsWith('node:')) return undefined;
  const name = packageName(specifier);
  if (builtinModules.includes(name)) return `${specifier} is a builtin, wanted node:${specifier}`;
  const ours = name.startsWith(SCOPE) ? oursProblem(path, specifier, name, module) : undefined;
  if (ours !== undefined) return ours;
  if (isTestFile(path)) {
    const known = TEST_PACKAGES.includes(name) || module.dependencies.has(name) || module.devDependencies.has(name);
    return known ? undefined : `${name} is in no dependencies of ${module.folder}/package.json`;
  }
  if (module.dependencies.has(name)) return undefined;
  if (isBundled(path) && module.devDependencies.has(name)) return undefined;
  if (typeOnly && (module.devDependencies.has(name) || module.devDependencies.has(typesPackage(name))))
    return undefined;
  return `${name} is not in "dependencies" of ${module.folder}/package.json`;
}

/** `@wayside/kit/test-x` is what a module holds ready for the tests of others; a program may not have it. */
function oursProblem(path: string, specifier: string, name: string, module: ModuleFacts): string | undefined {
  if (name === module.name) return `${specifier} is this module itself, wanted a relative path`;
  if (!module.allowed.has(name.slice(SCOPE.length))) return `${module.folder} may not import ${name}`;
  const forTests = isTestFile(path) && specifier.startsWith(`${name}/test-`);
  return specifier === name || forTests ? undefined : `${specifier} reaches into ${name}, wanted its front door`;
}

/** Tests and what only they use; modules/e2e is nothing else. */
export function isTestFile(path: string): boolean {
  return /\.test\.ts$/.test(path) || path.includes('/test/') || path.startsWith('modules/e2e/');
}

/** Scripts of browsers: their packages go into the bundle, so no image needs them. */
function isBundled(path: string): boolean {
  return path.startsWith('modules/cloud/src/portal/client/');
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function typesPackage(name: string): string {
  return `@types/${name.replace(/^@/, '').replace('/', '__')}`;
}
