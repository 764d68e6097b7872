// Prints an error as the original does: the message, a line per cause, an empty line.

import { EdgeError } from '@wayside/kit';
import { plainLines } from './terminal-text.ts';

/** Deepest chain of causes shown. */
const CAUSES_MAX = 10;

/** Messages of an error and its causes, outermost first; a cause that repeats its parent is left out. */
export function causeChain(error: unknown): string[] {
  const chain: string[] = [];
  let current: unknown = error;
  while (current !== undefined && current !== null && chain.length < CAUSES_MAX) {
    const text = plainLines(oneMessage(current));
    if (text !== chain.at(-1)) chain.push(text);
    current = Error.isError(current) ? current.cause : undefined;
  }
  return chain;
}

// Error.isError also knows errors of another realm, for which instanceof is false.
function oneMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map((e: unknown) => oneMessage(e)).join('; ');
  return Error.isError(error) ? error.message : String(error);
}

/** Text for stderr: `message [CODE]`, one `\tcaused by: ...` a cause, an empty line. */
export function errorText(error: unknown): string {
  const [message, ...causes] = causeChain(error);
  const code = error instanceof EdgeError ? ` [${error.code}]` : '';
  return `${message}${code}\n${causes.map((cause) => `\tcaused by: ${cause}\n`).join('')}\n`;
}
