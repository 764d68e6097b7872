// A cache node at a glance: state with reasons and what to do, modules, figures and charts, drives, address space, what happened last.

import type { NodeMonitor } from '@wayside/protocol';
import type { NodeAnswer } from '../../nodes/node-record.ts';
import { ApiFailure } from '../api-client.ts';
import { formatBitRate, formatShare } from '../format.ts';
import { type Html, html, NOTHING, withQuery } from '../html.ts';
import { toneIcon } from '../icons.ts';
import { nodeHref, reasonList, stateTone } from '../node-words.ts';
import { renderTable } from '../table.ts';
import { timeElement } from '../time.ts';
import { type MetricsAnswer, RANGE_WORDS, type Range, readRange, type TrafficAnswer } from '../traffic-figures.ts';
import { chartPanel, figureTiles, rangePicker, tiles, trafficTable } from '../traffic-panel.ts';
import type { Page, View, Visit } from '../visit.ts';
import { nodeActions } from './node-actions.ts';
import { driveList, factList, type NodeRoutingAnswer } from './node-facts.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';
import { moduleTable } from './node-modules.ts';
import { type EventAnswer, eventList } from './node-timeline.ts';

const EVENTS_SHOWN = 12;
/** Reports come every 10 s; figures older than this are shown as stale. */
const FIGURES_STALE_MS = 90_000;

interface OverviewData {
  node: NodeAnswer;
  monitor: NodeMonitor;
  range: Range;
  traffic: TrafficAnswer;
  metrics: MetricsAnswer;
  events: EventAnswer[];
  /** undefined: the routing does not know the node yet. */
  routing: NodeRoutingAnswer | undefined;
}

export const nodePages: Page[] = [
  {
    path: '/nodes/:name',
    right: 'read',
    get: async (visit) => ({ view: overview(visit, await load(visit)) }),
  },
];

async function load(visit: Visit): Promise<OverviewData> {
  const range = readRange(visit.query.get('range'));
  const node = await loadNode(visit);
  const [monitor, traffic, metrics, timeline, routing] = await Promise.all([
    visit.api.get<NodeMonitor>(apiPath(visit, '/monitor')),
    visit.api.get<TrafficAnswer>(apiPath(visit, `/traffic?range=${range}`)),
    visit.api.get<MetricsAnswer>(apiPath(visit, `/metrics?range=${range}`)),
    visit.api.get<{ events: EventAnswer[] }>(apiPath(visit, `/timeline?limit=${EVENTS_SHOWN}`)),
    visit.api.get<NodeRoutingAnswer>(apiPath(visit, '/routing')).catch((error: unknown) => {
      if (error instanceof ApiFailure && error.status === 404) return undefined;
      throw error;
    }),
  ]);
  return { node, monitor, range, traffic, metrics, events: timeline.events, routing };
}

function overview(visit: Visit, data: OverviewData): View {
  const { node, monitor, range, traffic } = data;
  const href = nodeHref(node.name);
  const modules = moduleTable(visit, node.name, monitor);
  const points = trafficTable(traffic);
  const body = html`
<div class="judgement-row"><div data-part id="part-judgement">${judgement(node, monitor)}</div>
${nodeActions(visit, node)}</div>
<section aria-labelledby="now-head" data-part id="part-now"><h2 id="now-head">Now</h2>${now(visit, monitor)}</section>
<section class="card" aria-labelledby="modules-head" data-part id="part-modules"><div class="card-head"><h2 id="modules-head">Modules</h2>${deployed(monitor)}</div>
${renderTable(modules, withQuery(href, { csv: modules.id }))}</section>
<section class="card" aria-labelledby="traffic-head"><div class="card-head"><h2 id="traffic-head">Traffic, last ${RANGE_WORDS[range]}</h2>${rangePicker(href, range)}</div>
<div data-part id="part-figures">${tiles(figureTiles(data.metrics))}</div>
${chartPanel(`/api/v1${apiPath(visit, '/traffic')}`, range, traffic.points.length === 0)}
<p class="table-foot"><a class="quiet" href="${withQuery(href, { range, csv: points.id })}" download>Download CSV of the traffic</a></p></section>
<div class="columns">
<section class="card" aria-labelledby="drives-head" data-part id="part-drives"><div class="card-head"><h2 id="drives-head">Cache drives</h2></div>${driveList(node, monitor)}</section>
<section class="card" aria-labelledby="facts-head" data-part id="part-facts"><div class="card-head"><h2 id="facts-head">Properties</h2></div>${factList(node, monitor, data.routing)}</section>
</div>
<section class="card" aria-labelledby="events-head"><div class="card-head"><h2 id="events-head">What happened last</h2><a class="quiet" href="${href}/timeline">Whole timeline</a></div>
<div data-part id="part-events" aria-live="polite">${eventList([...data.events].reverse())}</div></section>`;
  return nodeView(visit, node, 'overview', { body, tables: [modules, points] });
}

function judgement(node: NodeAnswer, monitor: NodeMonitor): Html {
  const tone = stateTone(monitor.state);
  const notices =
    monitor.reasons.length > 0 ? reasonList(node.name, monitor.reasons, (utc) => timeElement(utc, 'ago')) : NOTHING;
  return html`<section class="judgement ${tone}" aria-label="State"><p class="judgement-head">${toneIcon(tone)}<strong>${monitor.stateText}</strong>${node.isDraining ? html` <span class="tag">draining</span>` : ''}</p>${notices}</section>`;
}

function now(visit: Visit, monitor: NodeMonitor): Html {
  const { cache, probe, lastHeartbeatUtc } = monitor;
  const isStale = cache !== null && visit.nowMs - Date.parse(cache.atUtc) > FIGURES_STALE_MS;
  const figureNote =
    cache === null ? 'no report yet' : isStale ? html`as of ${timeElement(cache.atUtc, 'ago')}` : 'last interval';
  const tone = isStale || cache === null ? 'stale' : '';
  const probeNote =
    probe.ok === null
      ? 'not probed yet'
      : probe.ok
        ? html`${probe.httpStatus} in ${Math.round(probe.ms ?? 0)} ms`
        : (probe.error ?? 'no answer');
  return tiles([
    { label: 'Egress', value: formatBitRate(cache ? cache.egressMbps * 1e6 : null), note: figureNote, tone },
    { label: 'From origins', value: formatBitRate(cache ? cache.ingressMbps * 1e6 : null), note: figureNote, tone },
    { label: 'Cache efficiency', value: formatShare(cache?.hitRatio), note: 'last 5 minutes', tone },
    { label: 'Requests', value: cache ? `${round(cache.requestsPerSec)} /s` : '–', note: figureNote, tone },
    {
      label: 'Heartbeat',
      value: lastHeartbeatUtc ? timeElement(lastHeartbeatUtc, 'ago') : 'never',
      note: monitor.connected ? 'edgeAgent is connected' : 'edgeAgent is not connected',
      tone: monitor.connected ? '' : 'stale',
    },
    {
      label: 'Data port',
      value: probe.ok === null ? '–' : probe.ok ? 'answers' : 'no answer',
      note: probeNote,
      tone: probe.ok === false ? 'fault' : '',
    },
  ]);
}

function round(figure: number): string {
  return figure >= 100 ? String(Math.round(figure)) : figure.toFixed(1);
}

function deployed({ deployment }: NodeMonitor): Html {
  const { desiredVersion, handledVersion, code } = deployment;
  if (desiredVersion === 0) return html`<span class="hint">Nothing is deployed</span>`;
  if (handledVersion < desiredVersion)
    return html`<span class="hint">Deployment ${desiredVersion} is on its way (handled: ${handledVersion})</span>`;
  return html`<span class="hint">Deployment ${handledVersion}: ${code === 200 ? 'applied' : `ended with ${code}`}</span>`;
}
