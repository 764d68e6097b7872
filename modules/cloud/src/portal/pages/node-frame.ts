// What the pages of one cache node share: the record, the tabs, the way up.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { attributes, type Html, html } from '../html.ts';
import { nodeHref, stateBadge } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import type { View, Visit } from '../visit.ts';

export type NodeTab = 'overview' | 'logs' | 'timeline' | 'deployment' | 'routing' | 'edit' | 'provision';

const TABS: readonly { tab: NodeTab; label: string; place: string; right: 'read' | 'operate' | 'deploy' }[] = [
  { tab: 'overview', label: 'Overview', place: '', right: 'read' },
  { tab: 'logs', label: 'Logs', place: '/logs', right: 'operate' },
  { tab: 'timeline', label: 'Timeline', place: '/timeline', right: 'read' },
  { tab: 'routing', label: 'Routing', place: '/routing', right: 'read' },
  { tab: 'deployment', label: 'Deployment', place: '/deployment', right: 'deploy' },
  { tab: 'edit', label: 'Settings', place: '/edit', right: 'deploy' },
  { tab: 'provision', label: 'Provisioning', place: '/provision', right: 'deploy' },
];

/** Path of the API for the node of the page. */
export function apiPath(visit: Visit, rest = ''): string {
  return `/nodes/${encodeURIComponent(visit.params.name ?? '')}${rest}`;
}

export function loadNode(visit: Visit): Promise<NodeAnswer> {
  return visit.api.get<NodeAnswer>(apiPath(visit));
}

export function nodeView(
  visit: Visit,
  node: NodeAnswer,
  tab: NodeTab,
  content: { body: Html; tables?: View['tables']; status?: number; title?: string },
): View {
  const tabs = TABS.filter(({ right }) => visit.may(right)).map(
    (one) =>
      html`<li><a href="${nodeHref(node.name)}${one.place}"${attributes({ 'aria-current': one.tab === tab ? 'page' : undefined })}>${one.label}</a></li>`,
  );
  const label = TABS.find((one) => one.tab === tab)?.label ?? '';
  return {
    title: tab === 'overview' ? node.name : `${node.name}: ${(content.title ?? label).toLowerCase()}`,
    section: 'nodes',
    crumbs: [
      { label: 'Cache nodes', href: `${PORTAL}/nodes` },
      ...(tab === 'overview' ? [] : [{ label: node.name, href: nodeHref(node.name) }]),
    ],
    aside: html`<span data-part id="part-state">${stateBadge(node.state)}</span>`,
    body: html`<nav class="tabs" aria-label="Cache node ${node.name}"><ul>${tabs}</ul></nav>${content.body}`,
    live: { node: node.name },
    ...(content.tables ? { tables: content.tables } : {}),
    ...(content.status ? { status: content.status } : {}),
  };
}
