// Where in the text of a manifest a problem stands: lines of syntax errors, and of the paths that the API names.

import { type Node, type ParseError, parse, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { ApiProblem } from './api-client.ts';

export interface LineProblem extends ApiProblem {
  /** From 1; undefined = of no line. */
  line: number | undefined;
}

/** The value, or what keeps the text from being JSON. */
export function readManifest(text: string): { value: unknown } | { problems: LineProblem[] } {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  if (errors.length === 0) return { value };
  return {
    problems: errors.map(({ error, offset }) => ({
      path: '',
      message: `The text is no JSON: ${wordsOf(printParseErrorCode(error))}`,
      line: lineOf(text, offset),
    })),
  };
}

/** Each problem with its line; what is missing stands at the nearest part that is there. */
export function locate(text: string, problems: readonly ApiProblem[]): LineProblem[] {
  const root = parseTree(text);
  return problems.map((problem) => ({ ...problem, line: root ? lineOfPath(text, root, problem.path) : undefined }));
}

/** Keys hold dots themselves (`properties.desired`), so the longest key that fits is taken. */
function lineOfPath(text: string, root: Node, path: string): number {
  let node = root;
  let rest = path.replace(/^\$\./, '');
  for (;;) {
    const next = node.type === 'array' ? itemOf(node, rest) : propertyOf(node, rest);
    if (!next) return lineOf(text, node.parent?.type === 'property' ? node.parent.offset : node.offset);
    node = next.node;
    rest = next.rest;
  }
}

function propertyOf(node: Node, path: string): { node: Node; rest: string } | undefined {
  let best: { node: Node; rest: string; length: number } | undefined;
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    const name = typeof key?.value === 'string' ? key.value : '';
    if (!value || name === '' || !path.startsWith(name)) continue;
    const after = path.slice(name.length);
    if (after !== '' && after[0] !== '.' && after[0] !== '[') continue;
    if (!best || name.length > best.length) best = { node: value, rest: after.replace(/^\./, ''), length: name.length };
  }
  return best;
}

function itemOf(node: Node, path: string): { node: Node; rest: string } | undefined {
  const match = /^\[?(\d+)\]?\.?(.*)$/.exec(path);
  const item = match && node.children?.[Number(match[1])];
  return item ? { node: item, rest: match[2] ?? '' } : undefined;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** `CommaExpected` -> `comma expected`. */
function wordsOf(code: string): string {
  return code.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).toLowerCase();
}
