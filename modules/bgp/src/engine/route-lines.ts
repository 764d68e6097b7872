// Answer of `show route ... all`: a line for each prefix, then its attributes on lines that begin with a tab. Feeds a table builder as lines come.

import type { RouteTableBuilder } from '../routes/route-table-builder.ts';

const TAB = 0x09;
const AS_PATH = 'BGP.as_path: ';
const MED = 'BGP.med: ';

export class RouteLines {
  readonly #builder: RouteTableBuilder;
  #prefix = '';
  #asPath = '';
  #med: number | null = null;

  constructor(builder: RouteTableBuilder) {
    this.#builder = builder;
  }

  /** One line of the answer. */
  push(line: string, textAt: number): void {
    if (line.charCodeAt(textAt) === TAB) this.#attribute(line, textAt + 1);
    else this.#route(line, textAt);
  }

  /** Call it behind the last line. */
  end(): void {
    if (this.#prefix !== '') this.#builder.add(this.#prefix, this.#asPath, this.#med);
    this.#prefix = '';
  }

  #attribute(line: string, at: number): void {
    if (line.startsWith(AS_PATH, at)) this.#asPath = line.slice(at + AS_PATH.length).trimEnd();
    else if (line.startsWith(MED, at)) this.#med = Number(line.slice(at + MED.length));
  }

  #route(line: string, at: number): void {
    const space = line.indexOf(' ', at);
    const slash = line.indexOf('/', at);
    // `Table NAME:` and the empty last line have no prefix.
    if (slash < 0 || space < slash) return;
    this.end();
    this.#prefix = line.slice(at, space);
    this.#asPath = '';
    this.#med = null;
  }
}
