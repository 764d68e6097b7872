// A scope (which nodes a role holds for) as one line of text, and back. The API judges it.

import type { Scope } from '../people/scope.ts';

/** `all`, or `lon-* site1 tag:region=eu`. */
export function scopeLine(scope: Scope): string {
  if (scope === 'all') return 'all';
  const prefixes = (scope.prefixes ?? []).map((prefix) => `${prefix}*`);
  const tags = Object.entries(scope.tags ?? {}).map(([tag, value]) => `tag:${tag}=${value}`);
  return [...prefixes, ...(scope.names ?? []), ...tags].join(' ');
}

/** An empty line is all nodes. */
export function readScopeLine(line: string): Scope {
  const words = line.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0 || (words.length === 1 && words[0] === 'all')) return 'all';
  const tagged = words.filter((word) => word.startsWith('tag:')).map((word) => word.slice(4).split('=', 2));
  const plain = words.filter((word) => !word.startsWith('tag:'));
  const prefixes = plain.filter((word) => word.endsWith('*')).map((word) => word.slice(0, -1));
  const names = plain.filter((word) => !word.endsWith('*'));
  return {
    ...(prefixes.length > 0 ? { prefixes } : {}),
    ...(names.length > 0 ? { names } : {}),
    ...(tagged.length > 0 ? { tags: Object.fromEntries(tagged.map(([tag = '', value = '']) => [tag, value])) } : {}),
  };
}
