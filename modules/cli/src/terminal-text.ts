// Makes text of others safe to print. A node names its modules, writes its logs and words its status itself: control characters in them
// could move the cursor, forge lines, set the title or the clipboard of the terminal (ECMA-48), and direction marks could turn words round.

import type { Writable } from 'node:stream';

const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
/** Control characters (C0, DEL, C1) and Unicode's direction marks. */
const UNPRINTABLE = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** The same without tab and line feed. */
const UNPRINTABLE_IN_LINES = /(?![\t\n])[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** One line: tabs and line ends become a blank, what else cannot be printed is taken out. */
export function plainLine(text: string): string {
  return text.replace(LINE_BREAKS, ' ').replace(UNPRINTABLE, '');
}

/** Lines: tab and line feed stay, what else cannot be printed is taken out. */
export function plainLines(text: string): string {
  return text.replace(UNPRINTABLE_IN_LINES, '');
}

/** JSON that means the same and is safe to print: JSON.stringify() escapes C0 only. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    UNPRINTABLE_IN_LINES,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What is written to `sink`: the bytes as they are, or plain lines when it is a terminal. Keeps a character that is cut by a chunk. */
export function cleanerFor(sink: Writable & { isTTY?: boolean }): (bytes: Buffer) => Buffer | string {
  if (sink.isTTY !== true) return (bytes) => bytes;
  const decoder = new TextDecoder();
  return (bytes) => plainLines(decoder.decode(bytes, { stream: true }));
}
