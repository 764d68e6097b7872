// HTML from tagged templates. Every value is escaped unless it is Html already, so a forgotten escape cannot happen; attributes must be quoted.

const ESCAPES: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup that is safe as it stands: only `html` and `attributes` make it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }

  toString(): string {
    return this.markup;
  }
}

/** What may stand in a template: null, undefined and booleans print nothing, lists print one after the other. */
export type HtmlValue = Html | string | number | boolean | null | undefined | readonly HtmlValue[];

export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let markup = strings[0] ?? '';
  for (const [index, value] of values.entries()) markup += print(value) + (strings[index + 1] ?? '');
  return new Html(markup);
}

export const NOTHING = new Html('');

/** Name and value pairs as attributes with a leading blank; null, undefined and false leave the attribute out, true prints its name. */
export function attributes(pairs: { [name: string]: string | number | boolean | null | undefined }): Html {
  let markup = '';
  for (const [name, value] of Object.entries(pairs)) {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new TypeError(`"${name}" is no attribute name`);
    if (value === true) markup += ` ${name}`;
    else if (value !== false && value !== null && value !== undefined)
      markup += ` ${name}="${escapeHtml(String(value))}"`;
  }
  return new Html(markup);
}

/** A path of this site with its values percent-encoded: path`/portal/nodes/${name}`. */
export function path(strings: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) text += encodeURIComponent(value) + (strings[index + 1] ?? '');
  return text;
}

/** `base` with these query parameters; those that are empty are left out. */
export function withQuery(base: string, query: { [name: string]: string | number | null | undefined }): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? base : `${base}?${text}`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

function print(value: HtmlValue): string {
  if (value instanceof Html) return value.markup;
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(print).join('');
  return '';
}
