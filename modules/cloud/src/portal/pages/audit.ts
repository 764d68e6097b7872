// The audit log: who changed what, from where, and how.

import { formUrl } from '../filter-form.ts';
import { type Html, html, withQuery } from '../html.ts';
import { badge } from '../icons.ts';
import { PORTAL } from '../portal-path.ts';
import { renderTable, type Table } from '../table.ts';
import { timeElement } from '../time.ts';
import type { Page, View, Visit } from '../visit.ts';

const BASE = `${PORTAL}/audit`;
const PAGE_ROWS = 100;
/** Most the API answers at once: what a CSV holds. */
const CSV_ROWS = 1_000;
const VALUE_CHARACTERS_MAX = 200;
const FILTERS = ['actor', 'action', 'object', 'outcome', 'from'] as const;

interface EntryAnswer {
  seq: number;
  atUtc: string;
  actor: string;
  credential: string;
  address: string;
  action: string;
  object: string;
  outcome: 'done' | 'refused' | 'failed';
  status: number;
  changes: { path: string; before?: unknown; after?: unknown }[];
}

export const auditPages: Page[] = [
  {
    path: '/audit',
    right: 'admin',
    get: async (visit) => {
      const filter = Object.fromEntries(FILTERS.map((name) => [name, (visit.query.get(name) ?? '').trim()]));
      const limit = visit.isCsv ? CSV_ROWS : PAGE_ROWS;
      const query = withQuery('/audit', { ...filter, before: visit.query.get('before'), limit });
      const page = await visit.api.get<{ entries: EntryAnswer[]; next: number | null }>(query);
      return { view: auditView(visit, filter, page) };
    },
  },
];

function auditView(
  visit: Visit,
  filter: { [name: string]: string },
  page: { entries: EntryAnswer[]; next: number | null },
): View {
  const table = auditTable(page.entries);
  const input = (name: string, label: string, placeholder: string) =>
    html`<div class="filter"><label for="audit-${name}">${label}</label><input id="audit-${name}" name="${name}" value="${filter[name]}" placeholder="${placeholder}"></div>`;
  const outcomes = ['', 'done', 'refused', 'failed'].map(
    (one) => html`<option value="${one}"${one === filter.outcome ? html` selected` : ''}>${one || 'any'}</option>`,
  );
  const body = html`<form class="search" method="get" action="${BASE}">
${input('actor', 'Who', 'admin')}${input('object', 'Object', 'nodes/edge1')}${input('action', 'Action', 'login')}${input('from', 'Since', '7d')}
<div class="filter"><label for="audit-outcome">Outcome</label><select id="audit-outcome" name="outcome">${outcomes}</select></div>
<button type="submit" class="button plain">Show</button> <a class="quiet" href="${BASE}">Clear</a></form>
${renderTable(table, formUrl(BASE, visit.query, { csv: table.id }))}
${page.next === null ? '' : html`<nav class="pager" aria-label="Pages"><a class="button plain" href="${formUrl(BASE, visit.query, { before: String(page.next) })}">Earlier</a></nav>`}`;
  return { title: 'Audit log', section: 'audit', body, tables: [table] };
}

function auditTable(rows: readonly EntryAnswer[]): Table<EntryAnswer> {
  return {
    id: 'audit',
    caption: 'Audit log, newest first',
    rows,
    empty: html`<p>Nothing fits.</p>`,
    columns: [
      { label: 'Time', cell: ({ atUtc }) => timeElement(atUtc), csv: ({ atUtc }) => atUtc },
      {
        label: 'Who',
        isHead: true,
        cell: (one) => html`${one.actor || 'nobody'}<span class="row-reason">${one.credential}, ${one.address}</span>`,
        csv: ({ actor }) => actor,
      },
      { label: 'Credential', csv: ({ credential }) => credential },
      { label: 'Address', csv: ({ address }) => address },
      { label: 'Action', cell: ({ action }) => action, csv: ({ action }) => action },
      { label: 'Object', cell: ({ object }) => html`<code class="path">${object}</code>`, csv: ({ object }) => object },
      {
        label: 'Outcome',
        cell: ({ outcome, status }) =>
          html`${badge(outcome === 'done' ? 'healthy' : outcome === 'refused' ? 'attention' : 'fault', outcome)} <span class="hint">${status}</span>`,
        csv: ({ outcome }) => outcome,
      },
      { label: 'Changes', cell: ({ changes }) => changeCell(changes), csv: ({ changes }) => JSON.stringify(changes) },
    ],
  };
}

function changeCell(changes: EntryAnswer['changes']): Html | '' {
  if (changes.length === 0) return '';
  const items = changes.map(
    ({ path, before, after }) => html`<li><code class="path">${path}</code>: ${show(before)} → ${show(after)}</li>`,
  );
  return html`<details><summary>${changes.length === 1 ? (changes[0]?.path ?? '') : `${changes.length} fields`}</summary><ul class="change-list">${items}</ul></details>`;
}

function show(value: unknown): string {
  if (value === undefined || value === null) return '–';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text;
}
