// The fleet: cache nodes in a list with search, query, state filter, order, pages and saved views, all in the address. The table is in fleet-table.ts.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { formatCount, plural } from '../format.ts';
import { attributes, type Html, html, NOTHING, withQuery } from '../html.ts';
import { toneIcon } from '../icons.ts';
import { STATES, stateLabel, stateTone } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import { type Column, renderTable } from '../table.ts';
import type { Page, View, Visit } from '../visit.ts';
import { type Fleet, loadFleet, sumOf } from './fleet-data.ts';
import { fleetTable } from './fleet-table.ts';
import { loadViews, type SavedViewAnswer, viewBar, viewPages } from './fleet-views.ts';

const PAGE_ROWS = 50;
/** A CSV holds the whole list. */
const CSV_ROWS_MAX = 5_000;
const PAGE_MAX = CSV_ROWS_MAX / PAGE_ROWS;
const BASE = `${PORTAL}/nodes`;
const ORDERS = ['name', 'state', 'address', 'egress', 'maxEgress'];
const QUERY_EXAMPLE = "egressMbps > 500 AND tags.site = 'Lyon'";

export interface FleetQuery {
  q: string;
  state: NodeAnswer['state'] | '';
  where: string;
  sort: string;
  page: number;
}

export const fleetPages: Page[] = [
  {
    path: '/nodes',
    right: 'read',
    get: async (visit) => {
      const query = readQuery(visit.query);
      const [page, rows] = visit.isCsv ? [1, CSV_ROWS_MAX] : [query.page, PAGE_ROWS];
      const [fleet, views] = await Promise.all([
        loadFleet(visit, { ...query, order: query.sort }, page, rows),
        visit.isCsv ? [] : loadViews(visit),
      ]);
      return { view: fleetView(visit, query, fleet, views) };
    },
  },
  ...viewPages,
];

function readQuery(query: URLSearchParams): FleetQuery {
  const text = (name: string, max = 100) => (query.get(name) ?? '').trim().slice(0, max);
  const sort = text('sort');
  return {
    ...{ q: text('q'), where: text('where', 2_000), state: STATES.find((one) => one === query.get('state')) ?? '' },
    sort: ORDERS.includes(sort.replace(/^-/, '')) ? sort : 'name',
    page: Math.min(PAGE_MAX, Math.max(1, Math.floor(Number(query.get('page')) || 1))),
  };
}

function fleetView(visit: Visit, query: FleetQuery, fleet: Fleet, views: readonly SavedViewAnswer[]): View {
  const table = fleetTable(fleet.nodes, (key) => sortLink(query, key), emptyList(visit, query));
  const body = html`
${searchForm(query)}
<div data-part id="part-list">
${viewBar(visit, linkOf(query), views)}
${fleet.problem ? html`<p class="problem" id="where-problem" role="alert">${fleet.problem}</p>` : html`${stateFilter(query, fleet)}${resultCount(query, fleet)}`}
${fleet.problem ? NOTHING : renderTable(table, withQuery(BASE, { ...linkOf(query), csv: table.id }))}
${pager(query, fleet)}
</div>`;
  const aside = visit.may('deploy')
    ? html`<a class="button primary" href="${BASE}/new">Create cache node</a>`
    : undefined;
  return { title: 'Cache nodes', section: 'nodes', body, tables: [table], live: {}, ...(aside ? { aside } : {}) };
}

function resultCount(query: FleetQuery, { nodes, total, page, pageCount }: Fleet): Html {
  const from = (page - 1) * PAGE_ROWS;
  const shown = pageCount > 1 ? `, ${formatCount(from + 1)} to ${formatCount(from + nodes.length)} shown` : '';
  return html`<p class="result-count" role="status">${plural(total, 'cache node')}${query.q ? html` matching “${query.q}”` : ''}${shown}</p>`;
}

function emptyList(visit: Visit, query: FleetQuery): Html {
  if (query.q !== '' || query.state !== '' || query.where !== '') {
    return html`<p>No cache node fits the search.</p><p><a class="button plain" href="${BASE}">Show all</a></p>`;
  }
  const create = visit.may('deploy')
    ? html`<p><a class="button primary" href="${BASE}/new">Create cache node</a></p>`
    : '';
  return html`<p>There are no cache nodes yet.</p>${create}`;
}

function searchForm(query: FleetQuery): Html {
  const hidden = Object.entries({ state: query.state, sort: query.sort === 'name' ? '' : query.sort })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
  return html`<form class="search" method="get" action="${BASE}" role="search">${hidden}
<label for="q" class="visually-hidden">Search by name, IP address or prefix</label>
<input type="search" id="q" name="q" value="${query.q}" placeholder="Name, IP address or prefix" autocomplete="off" maxlength="100" data-search>
<button type="submit" class="button plain">Search</button>
<details class="query-bar"${attributes({ open: query.where !== '' })}><summary>Query</summary>
<div class="field"><label for="where">Condition</label>
<p class="hint" id="where-hint">Like ${html`<code>${QUERY_EXAMPLE}</code>`}: over name, state, ipAddress, maxEgressMbps, egressMbps, hitRatio, isEnabled, isDraining, prefixSource, asn, provisionedHost, tags.</p>
<div class="input-row"><input type="text" id="where" name="where" class="wide mono" value="${query.where}" autocomplete="off" spellcheck="false" maxlength="2000" aria-describedby="where-hint"><button type="submit" class="button plain">Run</button></div></div></details></form>`;
}

function stateFilter(query: FleetQuery, { counts }: Fleet): Html {
  const link = (state: FleetQuery['state'], label: string, count: number, icon: Html | '') =>
    html`<li><a href="${withQuery(BASE, { ...linkOf(query), state })}"${attributes({ class: `chip ${state === '' ? '' : stateTone(state)}`.trim(), 'aria-current': query.state === state ? 'true' : undefined })}>${icon}${label} <span class="count">${formatCount(count)}</span></a></li>`;
  const chips = STATES.filter((state) => counts[state] > 0 || query.state === state).map((state) =>
    link(state, stateLabel(state), counts[state], toneIcon(stateTone(state))),
  );
  return html`<nav aria-label="Filter by state"><ul class="chips">${link('', 'All', sumOf(counts), '')}${chips}</ul></nav>`;
}

function pager(query: FleetQuery, { page, pageCount }: Fleet): Html {
  if (pageCount === 1) return NOTHING;
  const link = (target: number, label: string) =>
    target < 1 || target > pageCount
      ? html`<span class="button plain is-off">${label}</span>`
      : html`<a class="button plain" href="${withQuery(BASE, { ...linkOf(query), page: target })}">${label}</a>`;
  return html`<nav class="pager" aria-label="Pages">${link(page - 1, 'Previous')}<span>Page ${page} of ${pageCount}</span>${link(page + 1, 'Next')}</nav>`;
}

function linkOf({ q, state, where, sort }: FleetQuery) {
  return { q, state, where, sort: sort === 'name' ? '' : sort };
}

function sortLink(query: FleetQuery, key: string): NonNullable<Column<NodeAnswer>['sort']> {
  const isAscending = query.sort === key;
  const order = isAscending ? 'ascending' : query.sort === `-${key}` ? 'descending' : 'none';
  return { href: withQuery(BASE, { ...linkOf(query), sort: isAscending ? `-${key}` : key }), order };
}
