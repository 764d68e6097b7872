// Routing of one node: does it take clients, its prefixes with their reviews, its BGP sessions.

import type { BgpState } from '@wayside/protocol';
import { formatBitRate, formatCount } from '../format.ts';
import { type Html, html, path, withQuery } from '../html.ts';
import { badge } from '../icons.ts';
import { nodeHref } from '../node-words.ts';
import { renderTable, type Table } from '../table.ts';
import { isMoment, timeElement } from '../time.ts';
import { tiles } from '../traffic-panel.ts';
import type { Page, View, Visit } from '../visit.ts';
import { type NodeRoutingAnswer, reviewBadge } from './node-facts.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';
import { prefixTable, readPrefixes } from './prefixes.ts';

interface BgpAnswer {
  routesReceived: boolean;
  routes: number;
  issue: string;
  state: BgpState | null;
}

type Session = BgpState['sessions'][number];

export const nodeRoutingPages: Page[] = [
  { path: '/nodes/:name/routing', right: 'read', get: async (visit) => ({ view: await view(visit) }) },
];

async function view(visit: Visit): Promise<View> {
  const node = await loadNode(visit);
  const [routing, bgp, prefixes] = await Promise.all([
    visit.api.get<NodeRoutingAnswer>(apiPath(visit, '/routing')),
    visit.api.get<BgpAnswer>(apiPath(visit, '/bgp')),
    readPrefixes(visit, { node: node.name }),
  ]);
  const here = `${nodeHref(node.name)}/routing`;
  const list = prefixTable(visit, prefixes, { id: 'prefixes', withNode: false });
  const sessions = sessionTable(node.name, bgp.state?.sessions ?? []);
  const review = node.prefixSource === 'bgp' ? routing.bgpReview : routing.review;
  const body = html`<div data-part id="part-routing">${tiles([
    {
      label: 'Clients',
      value: routing.takesClients ? badge('healthy', 'routed here') : badge('off', 'not routed here'),
      note: routing.reason || routing.cacheHost,
    },
    {
      label: 'IP space',
      value: formatCount(review.ipv4Addresses),
      note: html`addresses in ${formatCount(review.prefixes)} prefixes`,
    },
    { label: 'Review', value: reviewBadge(review), note: review.feedback },
    {
      label: 'Egress now',
      value: formatBitRate(routing.egressMbps * 1e6),
      note: `of ${formatBitRate(routing.maxEgressMbps * 1e6)}`,
    },
    {
      label: 'BGP routes received',
      value: bgp.routesReceived ? 'True' : 'False',
      note: `${formatCount(bgp.routes)} routes`,
    },
  ])}</div>
<section class="card" aria-labelledby="prefix-head"><div class="card-head"><h2 id="prefix-head">Prefixes</h2><span><a class="quiet" href="/api/v1${path`/nodes/${node.name}/prefixes.csv`}" download>Whole list as CSV</a> · <a class="quiet" href="/api/v1${path`/nodes/${node.name}/bgp-cidrs`}" download="${node.name}-bgp.json">Download JSON (BGP)</a></span></div>
<div data-part id="part-prefixes">${renderTable(list, withQuery(here, { csv: list.id }))}</div></section>
<section class="card" aria-labelledby="bgp-head" data-part id="part-bgp"><div class="card-head"><h2 id="bgp-head">BGP sessions</h2>${engine(bgp)}</div>
${bgp.issue ? html`<p class="problem">${bgp.issue}</p>` : ''}${issues(bgp)}
${renderTable(sessions, withQuery(here, { csv: sessions.id }))}</section>`;
  return nodeView(visit, node, 'routing', { body, tables: [list, sessions] });
}

function engine({ state }: BgpAnswer): Html {
  if (!state) return html`<span class="hint">The BGP module has reported nothing</span>`;
  return html`<span class="hint">${state.engine.name} ${state.engine.version} ${state.engine.running ? 'runs' : 'does not run'}, as of ${timeElement(state.atUtc, 'ago')}</span>`;
}

function issues({ state }: BgpAnswer): Html | '' {
  const list = state?.issues ?? [];
  return list.length === 0
    ? ''
    : html`<ul class="effects">${list.map((issue) => html`<li class="problem">${issue.code}: ${issue.text}</li>`)}</ul>`;
}

function sessionTable(node: string, rows: readonly Session[]): Table<Session> {
  return {
    id: 'bgp-sessions',
    caption: `BGP sessions of ${node}`,
    rows,
    empty: html`<p>No BGP sessions. Neighbours are set under Settings.</p>`,
    columns: [
      { label: 'Session', isHead: true, cell: ({ id }) => id, csv: ({ id }) => id },
      {
        label: 'Neighbour',
        cell: (one) => html`${one.neighborAddress} <span class="hint">AS${one.neighborAsn}</span>`,
        csv: (one) => `${one.neighborAddress} AS${one.neighborAsn}`,
      },
      {
        label: 'State',
        cell: ({ state, reason }) =>
          html`${badge(state.toLowerCase() === 'established' ? 'healthy' : 'attention', state)}${reason ? html`<span class="row-reason">${reason}</span>` : ''}`,
        csv: ({ state }) => state,
      },
      { label: 'Reason', csv: ({ reason }) => reason },
      {
        label: 'Since',
        cell: ({ sinceUtc }) => (isMoment(sinceUtc) ? timeElement(sinceUtc, 'ago') : '–'),
        csv: ({ sinceUtc }) => sinceUtc,
      },
      {
        label: 'Prefixes',
        isNumber: true,
        cell: ({ prefixes }) => formatCount(prefixes.accepted),
        csv: ({ prefixes }) => prefixes.accepted,
      },
      { label: 'Times down', isNumber: true, isMinor: true, cell: ({ downs }) => downs, csv: ({ downs }) => downs },
    ],
  };
}
