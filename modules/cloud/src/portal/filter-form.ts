// Addresses of filtered lists: what the list was asked for, with some of it changed.

import { withQuery } from './html.ts';

export function formUrl(base: string, query: URLSearchParams, change: { [name: string]: string }): string {
  return withQuery(base, { ...Object.fromEntries(query), ...change });
}
