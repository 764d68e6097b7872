// Answer of `show route ... all`: a line for each prefix, then its attributes on lines that begin with a tab. Feeds a table builder as lines come.

import type { RouteTableBuilder } from '../routes/route-table-builder.ts';
import { TEXT_AT } from './control-reply.ts';

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

  /** One line with its code in front. */
  push(line: string): void {
    if (line.charCodeAt(TEXT_AT) === TAB) this.#attribute(line);
    else this.#route(line);
  }

  /** Call it behind the last line. */
  end(): void {
    if (this.#prefix !== '') this.#builder.add(this.#prefix, this.#asPath, this.#med);
    this.#prefix = '';
  }

  #attribute(line: string): void {
    const at = TEXT_AT + 1;
    if (line.startsWith(AS_PATH, at)) this.#asPath = line.slice(at + AS_PATH.length).trimEnd();
    else if (line.startsWith(MED, at)) this.#med = Number(line.slice(at + MED.length));
  }

  #route(line: string): void {
    const space = line.indexOf(' ', TEXT_AT);
    const slash = line.indexOf('/', TEXT_AT);
    // `Table NAME:` and the empty last line have no prefix.
    if (slash < 0 || space < slash) return;
    this.end();
    this.#prefix = line.slice(TEXT_AT, space);
    this.#asPath = '';
    this.#med = null;
  }
}
