// The fleet: every cache node in a list with search, state filter, order and pages, all in the address.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { formatBitRate, formatCount, plural } from '../format.ts';
import { attributes, type Html, html, withQuery } from '../html.ts';
import { toneIcon } from '../icons.ts';
import { nodeHref, STATES, stateBadge, stateLabel, stateTone } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import { type Column, renderTable, type Table } from '../table.ts';
import type { Page, View, Visit } from '../visit.ts';
import { type Fleet, loadFleet, type StateCounts } from './fleet-data.ts';

const PAGE_ROWS = 50;
const BASE = `${PORTAL}/nodes`;

interface FleetQuery {
  q: string;
  state: NodeAnswer['state'] | '';
  sort: string;
  page: number;
}

const ORDERS: { readonly [sort: string]: (a: NodeAnswer, b: NodeAnswer) => number } = {
  name: (a, b) => byText(a.name, b.name),
  state: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || byText(a.name, b.name),
  egress: (a, b) => a.maxEgressMbps - b.maxEgressMbps || byText(a.name, b.name),
};

export const fleetPages: Page[] = [
  {
    path: '/nodes',
    right: 'read',
    get: async (visit) => {
      const query = readQuery(visit.query);
      return { view: fleetView(visit, query, await loadFleet(visit, query)) };
    },
  },
];

function readQuery(query: URLSearchParams): FleetQuery {
  const state = STATES.find((one) => one === query.get('state')) ?? '';
  const sort = query.get('sort') ?? 'name';
  const page = Math.max(1, Math.floor(Number(query.get('page')) || 1));
  return { q: (query.get('q') ?? '').trim(), state, sort: ORDERS[sort.replace(/^-/, '')] ? sort : 'name', page };
}

function fleetView(visit: Visit, query: FleetQuery, fleet: Fleet): View {
  const sorted = [...fleet.nodes].sort(ORDERS[query.sort.replace(/^-/, '')]);
  if (query.sort.startsWith('-')) sorted.reverse();
  const pageCount = Math.max(1, Math.ceil(sorted.length / PAGE_ROWS));
  const page = Math.min(query.page, pageCount);
  const from = (page - 1) * PAGE_ROWS;
  const rows = visit.isCsv ? sorted : sorted.slice(from, from + PAGE_ROWS);
  const table = fleetTable(visit, query, rows);
  const total = Object.values(fleet.counts).reduce((sum, count) => sum + count, 0);
  const body = html`
${searchForm(query)}
<div data-part id="part-list">
${stateFilter(query, fleet.counts, total)}
<p class="result-count" role="status">${plural(sorted.length, 'cache node')}${query.q ? html` matching “${query.q}”` : ''}${pageCount > 1 ? `, ${from + 1} to ${from + rows.length} shown` : ''}</p>
${renderTable(table, withQuery(BASE, { ...linkOf(query), csv: table.id }))}
${pager(query, page, pageCount)}
</div>`;
  const aside = visit.may('deploy')
    ? html`<a class="button primary" href="${BASE}/new">Create cache node</a>`
    : undefined;
  return { title: 'Cache nodes', section: 'nodes', body, tables: [table], live: {}, ...(aside ? { aside } : {}) };
}

function fleetTable(visit: Visit, query: FleetQuery, rows: readonly NodeAnswer[]): Table<NodeAnswer> {
  const columns: Column<NodeAnswer>[] = [
    {
      label: 'Name',
      isHead: true,
      sort: sortLink(query, 'name'),
      cell: (node) => html`<a href="${nodeHref(node.name)}">${node.name}</a>`,
      csv: (node) => node.name,
    },
    {
      label: 'Status',
      sort: sortLink(query, 'state'),
      cell: (node) => html`${stateBadge(node.state)}${reasonOf(node)}`,
      csv: (node) => stateLabel(node.state),
    },
    { label: 'Reason', csv: (node) => node.reasons.map((reason) => reason.text).join('; ') },
    { label: 'IP address', cell: (node) => node.ipAddress ?? none('not set'), csv: (node) => node.ipAddress },
    {
      label: 'Prefixes',
      cell: (node) =>
        html`${formatCount(node.prefixCount)}${node.prefixSource === 'bgp' ? html`<span class="row-reason">${node.bgpRoutesReceived ? 'by BGP' : 'no BGP routes yet'}</span>` : ''}`,
      csv: (node) => node.prefixCount,
      isNumber: true,
    },
    { label: 'Prefix source', csv: (node) => node.prefixSource },
    { label: 'BGP routes received', csv: (node) => (node.bgpRoutesReceived ? 'True' : 'False') },
    {
      label: 'IP space',
      isNumber: true,
      isMinor: true,
      cell: (node) => formatCount(node.ipSpace),
      csv: (node) => node.ipSpace,
    },
    {
      label: 'Max egress',
      isNumber: true,
      sort: sortLink(query, 'egress'),
      cell: (node) => formatBitRate(node.maxEgressMbps * 1e6),
      csv: (node) => node.maxEgressMbps,
    },
    {
      label: 'Clients',
      isMinor: true,
      cell: (node) => (!node.isEnabled ? 'disabled' : node.isDraining ? 'draining' : 'enabled'),
      csv: (node) => (!node.isEnabled ? 'disabled' : node.isDraining ? 'draining' : 'enabled'),
    },
    {
      label: 'Software version',
      isMinor: true,
      cell: (node) => node.softwareVersion,
      csv: (node) => node.softwareVersion,
    },
    { label: 'Issues', csv: (node) => node.issues.map(({ kind, subject }) => `${kind} ${subject}`.trim()).join('; ') },
    { label: 'Cache node ID', csv: (node) => node.cacheNodeId },
    { label: 'Migrated', csv: (node) => node.migrated },
  ];
  return {
    id: 'nodes',
    caption: 'Cache nodes',
    columns,
    rows,
    rowId: (node) => `node-${node.name}`,
    empty: emptyList(visit, query),
  };
}

function reasonOf(node: NodeAnswer): Html | '' {
  const [first] = node.reasons;
  if (!first || node.state === 'Healthy') return '';
  const more = node.reasons.length - 1;
  return html`<span class="row-reason">${first.text}${more > 0 ? ` (and ${more} more)` : ''}</span>`;
}

function emptyList(visit: Visit, query: FleetQuery): Html {
  if (query.q !== '' || query.state !== '') {
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
<input type="search" id="q" name="q" value="${query.q}" placeholder="Name, IP address or prefix" autocomplete="off" data-search>
<button type="submit" class="button plain">Search</button></form>`;
}

function stateFilter(query: FleetQuery, counts: StateCounts, total: number): Html {
  const link = (state: FleetQuery['state'], label: string, count: number, icon: Html | '') =>
    html`<li><a href="${withQuery(BASE, { ...linkOf(query), state })}"${attributes({ class: `chip ${state === '' ? '' : stateTone(state)}`.trim(), 'aria-current': query.state === state ? 'true' : undefined })}>${icon}${label} <span class="count">${formatCount(count)}</span></a></li>`;
  const chips = STATES.filter((state) => counts[state] > 0 || query.state === state).map((state) =>
    link(state, stateLabel(state), counts[state], toneIcon(stateTone(state))),
  );
  return html`<nav aria-label="Filter by state"><ul class="chips">${link('', 'All', total, '')}${chips}</ul></nav>`;
}

function pager(query: FleetQuery, page: number, pageCount: number): Html | '' {
  if (pageCount === 1) return '';
  const link = (target: number, label: string) =>
    target < 1 || target > pageCount
      ? html`<span class="button plain is-off">${label}</span>`
      : html`<a class="button plain" href="${withQuery(BASE, { ...linkOf(query), page: target })}">${label}</a>`;
  return html`<nav class="pager" aria-label="Pages">${link(page - 1, 'Previous')}<span>Page ${page} of ${pageCount}</span>${link(page + 1, 'Next')}</nav>`;
}

function linkOf({ q, state, sort }: FleetQuery) {
  return { q, state, sort: sort === 'name' ? '' : sort };
}

function sortLink(query: FleetQuery, key: string): NonNullable<Column<NodeAnswer>['sort']> {
  const isAscending = query.sort === key;
  const order = isAscending ? 'ascending' : query.sort === `-${key}` ? 'descending' : 'none';
  return { href: withQuery(BASE, { ...linkOf(query), sort: isAscending ? `-${key}` : key }), order };
}

function none(text: string): Html {
  return html`<span class="none">${text}</span>`;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
