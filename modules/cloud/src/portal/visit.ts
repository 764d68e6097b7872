// One request of a browser as the pages see it, and what a page answers.

import type { Request } from 'express';
import type { Caller } from '../people/access.ts';
import { mayDo, type Person, type Right } from '../people/roles.ts';
import type { Api } from './api-client.ts';
import type { Html } from './html.ts';
import type { Table } from './table.ts';
import { type Theme, themeOf } from './theme.ts';

export interface Visit {
  api: Api;
  /** undefined only on pages with right 'none'. */
  person: Person | undefined;
  /** Parameters of the page's path. */
  params: { readonly [name: string]: string };
  query: URLSearchParams;
  /** Fields of a form that was sent; empty otherwise. */
  form: URLSearchParams;
  /** Whole path with query, for links that come back. */
  url: string;
  /** Goes into every form. */
  csrf: string;
  theme: Theme;
  nowMs: number;
  /** Decides what is offered; the API decides what is done. */
  may(right: Right): boolean;
  /** The answer is a CSV file of a table: lists come whole. */
  isCsv: boolean;
}

export type Section = 'overview' | 'nodes' | 'deployments' | 'routing' | 'people' | 'audit' | 'account' | 'none';

export interface View {
  title: string;
  section: Section;
  body: Html;
  /** Way up to this page, without the page itself. */
  crumbs?: readonly { label: string; href: string }[];
  /** Shown beside the title. */
  aside?: Html;
  /** Tables of the page by id: `?csv=ID` downloads one. */
  tables?: readonly Table[];
  /** HTTP status, default 200. */
  status?: number;
  /** Makes the page follow events: of one node, or of all. */
  live?: { node?: string };
}

export type Reply =
  | { view: View }
  | { redirect: string }
  /** Signs in (a token) or out (null), then goes on. */
  | { session: { token: string; expiresAtMs: number } | null; redirect: string }
  | { theme: Theme; redirect: string };

export interface Page {
  /** express path below the portal's root. */
  path: string;
  right: Right | 'none';
  get?(visit: Visit): Promise<Reply>;
  /** Comes from our own page, with the session's CSRF token where the right is not 'none'. */
  post?(visit: Visit): Promise<Reply>;
}

export function visitOf(
  request: Request,
  { api, nowMs, caller }: { api: Api; nowMs: number; caller: Caller | undefined },
): Visit {
  const url = new URL(request.originalUrl, 'https://portal');
  return {
    ...{ api, nowMs },
    person: caller?.person,
    params: request.params as { [name: string]: string },
    query: url.searchParams,
    form: formOf(request.body),
    url: url.pathname + url.search,
    csrf: caller?.csrfToken ?? '',
    theme: themeOf(request),
    may: (right) => caller !== undefined && mayDo(caller.person, right),
    isCsv: url.searchParams.has('csv'),
  };
}

export function field(form: URLSearchParams, name: string): string {
  return form.get(name) ?? '';
}

function formOf(body: unknown): URLSearchParams {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) if (typeof one === 'string') form.append(name, one);
  }
  return form;
}
