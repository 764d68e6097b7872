// The table of cache nodes: columns as they are shown, and those that stand in the CSV alone.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { formatBitRate, formatCount, formatShare } from '../format.ts';
import { type Html, html } from '../html.ts';
import { nodeHref, stateBadge, stateLabel } from '../node-words.ts';
import type { Column, Table } from '../table.ts';

/** Link that puts the list in order by a key of GET /nodes. */
export type SortLink = (key: string) => NonNullable<Column<NodeAnswer>['sort']>;

export function fleetTable(rows: readonly NodeAnswer[], sortLink: SortLink, empty: Html): Table<NodeAnswer> {
  const columns: Column<NodeAnswer>[] = [
    {
      label: 'Name',
      isHead: true,
      sort: sortLink('name'),
      cell: (node) => html`<a href="${nodeHref(node.name)}">${node.name}</a>`,
      csv: (node) => node.name,
    },
    {
      label: 'Status',
      sort: sortLink('state'),
      cell: (node) => html`${stateBadge(node.state)}${reasonOf(node)}`,
      csv: (node) => stateLabel(node.state),
    },
    { label: 'Reason', csv: (node) => node.reasons.map((reason) => reason.text).join('; ') },
    {
      label: 'IP address',
      sort: sortLink('address'),
      cell: (node) => node.ipAddress ?? none('not set'),
      csv: (node) => node.ipAddress,
    },
    {
      label: 'Egress',
      isNumber: true,
      sort: sortLink('egress'),
      cell: (node) => formatBitRate(node.egressMbps === null ? null : node.egressMbps * 1e6),
    },
    { label: 'Egress (Mbps)', csv: (node) => node.egressMbps },
    {
      label: 'Hit ratio',
      isNumber: true,
      cell: (node) => formatShare(node.hitRatio),
      csv: (node) => node.hitRatio,
    },
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
      isMinor: true,
      sort: sortLink('maxEgress'),
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
    empty,
  };
}

function reasonOf(node: NodeAnswer): Html | '' {
  const [first] = node.reasons;
  if (!first || node.state === 'Healthy') return '';
  const more = node.reasons.length - 1;
  return html`<span class="row-reason">${first.text}${more > 0 ? ` (and ${more} more)` : ''}</span>`;
}

function none(text: string): Html {
  return html`<span class="none">${text}</span>`;
}
