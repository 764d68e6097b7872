// Lines of BIRD's control protocol: `CCCC-text` (more follows), `CCCC text` (end), ` text` (same code as before), `+text` (unasked).
// Codes 8xxx are run-time errors, 9xxx are commands it does not understand.

import { EdgeError } from '@wayside/kit';

/** BIRD cuts its own lines far below; the longest seen are AS paths and communities of about 1 KiB. */
const LINE_CHARS_MAX = 65_536;
/** Where the text of a line begins: behind its code, or behind the space of a continued one. */
const TEXT_AT = 5;
const CONTINUED_TEXT_AT = 1;

/** A line and where its text begins: a table has millions of lines, so nothing is cut off that nobody asks for. */
export type OnLine = (line: string, textAt: number) => void;

export interface ReplyEnd {
  code: number;
  text: string;
}

/** Cuts a stream into lines. `onLine` gets each line of the answer; its last line ends the reader. */
export class ReplyReader {
  readonly #onLine: OnLine;
  #rest = '';
  /** The greeting of the connection is the first answer. */
  #greeting: ReplyEnd | undefined;
  #end: ReplyEnd | undefined;

  constructor(onLine: OnLine) {
    this.#onLine = onLine;
  }

  get greeting(): ReplyEnd | undefined {
    return this.#greeting;
  }

  get end(): ReplyEnd | undefined {
    return this.#end;
  }

  /** BGP_REPLY_INVALID when the text is none of this protocol. */
  push(chunk: string): void {
    const text = this.#rest === '' ? chunk : this.#rest + chunk;
    let from = 0;
    for (let at = text.indexOf('\n', from); at >= 0; at = text.indexOf('\n', from)) {
      this.#take(text.slice(from, at));
      from = at + 1;
    }
    this.#rest = text.slice(from);
    if (this.#rest.length > LINE_CHARS_MAX) throw invalid(`a line has over ${LINE_CHARS_MAX} characters`);
  }

  #take(line: string): void {
    const first = line.charCodeAt(0);
    // '+': logged text nobody asked for.
    if (first === 0x2b) return;
    if (this.#end !== undefined) throw invalid('a line follows the end');
    const isContinued = first === 0x20;
    if (!isContinued && !isCode(line)) throw invalid(`a line begins with ${JSON.stringify(line.slice(0, TEXT_AT))}`);
    if (isContinued || line.charCodeAt(4) === 0x2d) {
      if (this.#greeting !== undefined) this.#onLine(line, isContinued ? CONTINUED_TEXT_AT : TEXT_AT);
      return;
    }
    const end = { code: Number(line.slice(0, 4)), text: line.slice(TEXT_AT) };
    if (this.#greeting === undefined) this.#greeting = end;
    else {
      this.#onLine(line, TEXT_AT);
      this.#end = end;
    }
  }
}

function isCode(line: string): boolean {
  if (line.length < 5) return false;
  for (let i = 0; i < 4; i += 1) {
    const code = line.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  const separator = line.charCodeAt(4);
  return separator === 0x20 || separator === 0x2d;
}

export function isErrorCode(code: number): boolean {
  return code >= 8000;
}

function invalid(why: string): EdgeError {
  return new EdgeError('BGP_REPLY_INVALID', `Cannot read the answer of BIRD: ${why}`, { source: 'upstream' });
}
