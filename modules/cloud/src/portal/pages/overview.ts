// The first page: how the whole fleet does, what needs somebody, traffic of all nodes together.

import { formatCount } from '../format.ts';
import { html, withQuery } from '../html.ts';
import { nodeHref, reasonList, stateBadge } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import { timeElement } from '../time.ts';
import { type MetricsAnswer, RANGE_WORDS, type Range, readRange, type TrafficAnswer } from '../traffic-figures.ts';
import { chartPanel, figureTiles, rangePicker, tiles, trafficTable } from '../traffic-panel.ts';
import type { Page, View, Visit } from '../visit.ts';
import { loadTroubles, type Troubles } from './fleet-data.ts';

/** More are a list of their own. */
const TROUBLES_MAX = 10;

interface OverviewData {
  range: Range;
  traffic: TrafficAnswer;
  metrics: MetricsAnswer;
  troubles: Troubles;
}

export const overviewPages: Page[] = [
  { path: '/', right: 'read', get: async (visit) => ({ view: overviewView(visit, await load(visit)) }) },
];

async function load(visit: Visit): Promise<OverviewData> {
  const range = readRange(visit.query.get('range'));
  const [traffic, metrics, troubles] = await Promise.all([
    visit.api.get<TrafficAnswer>(`/traffic?range=${range}`),
    visit.api.get<MetricsAnswer>(`/metrics?range=${range}`),
    loadTroubles(visit, TROUBLES_MAX),
  ]);
  return { range, traffic, metrics, troubles };
}

function overviewView(visit: Visit, data: OverviewData): View {
  const counts = data.metrics.nodes ?? { total: 0, healthy: 0, unhealthy: 0 };
  const table = trafficTable(data.traffic);
  const body = html`
<section aria-labelledby="fleet-head" data-part id="part-fleet"><h2 id="fleet-head" class="visually-hidden">Fleet</h2>
${tiles([
  {
    label: 'Healthy nodes',
    value: formatCount(counts.healthy),
    note: `of ${formatCount(counts.total)}`,
    tone: 'healthy',
    href: `${PORTAL}/nodes?state=Healthy`,
  },
  {
    label: 'Unhealthy nodes',
    value: formatCount(counts.unhealthy),
    note: counts.unhealthy > 0 ? 'need attention' : 'none',
    tone: counts.unhealthy > 0 ? 'fault' : 'off',
    href: `${PORTAL}/nodes?state=Unhealthy`,
  },
  ...figureTiles(data.metrics),
])}</section>
<section class="card" aria-labelledby="traffic-head"><div class="card-head"><h2 id="traffic-head">Traffic, last ${RANGE_WORDS[data.range]}</h2>${rangePicker(PORTAL, data.range)}</div>
${chartPanel('/api/v1/traffic', data.range, data.traffic.points.length === 0)}
<p class="table-foot"><a class="quiet" href="${withQuery(PORTAL, { range: data.range, csv: table.id })}" download>Download CSV of the traffic</a></p>
</section>
${troubleList(visit, data.troubles)}`;
  const aside = visit.may('deploy')
    ? html`<a class="button primary" href="${PORTAL}/nodes/new">Create cache node</a>`
    : undefined;
  return { title: 'Overview', section: 'overview', body, tables: [table], live: {}, ...(aside ? { aside } : {}) };
}

function troubleList(visit: Visit, { nodes: found, hasMore, isFleetEmpty }: Troubles) {
  if (isFleetEmpty) {
    return html`<section class="card empty-start"><h2>No cache nodes yet</h2><p>Create one, run its command on a server, and watch it come up.</p>
${visit.may('deploy') ? html`<p><a class="button primary" href="${PORTAL}/nodes/new">Create cache node</a></p>` : html`<p class="hint">Your role may not create cache nodes.</p>`}</section>`;
  }
  const items = found
    .slice(0, TROUBLES_MAX)
    .map(
      (node) =>
        html`<li class="trouble"><div class="trouble-head"><a href="${nodeHref(node.name)}" class="strong">${node.name}</a> ${stateBadge(node.state)}</div>${reasonList(node.name, node.reasons.slice(0, 3), (utc) => timeElement(utc, 'ago'))}</li>`,
    );
  return html`<section class="card" aria-labelledby="needs-head" data-part id="part-needs"><div class="card-head"><h2 id="needs-head">Needs attention</h2></div>
${items.length === 0 ? html`<p class="all-well">Every cache node is healthy or switched off.</p>` : html`<ul class="troubles">${items}</ul>`}
${hasMore ? html`<p><a href="${PORTAL}/nodes?sort=-state">There are more</a></p>` : ''}</section>`;
}
