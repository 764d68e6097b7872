// Drives and properties of a node as lists of words and figures.

import type { NodeMonitor } from '@wayside/protocol';
import type { NodeAnswer } from '../../nodes/node-record.ts';
import { formatBitRate, formatBytes, formatCount, formatShare } from '../format.ts';
import { attributes, type Html, type HtmlValue, html } from '../html.ts';
import { badge, type Tone } from '../icons.ts';
import { nodeHref } from '../node-words.ts';
import { timeElement } from '../time.ts';

const GB = 1e9;
const FILL_WIDTH = 200;

export interface SpaceReviewAnswer {
  state: 'NotConfigured' | 'InReview' | 'AttentionRequired' | 'Approved';
  feedback: string;
  prefixes: number;
  ipv4Addresses: number;
  ipv6Addresses: number;
}

/** Answer of GET /nodes/{name}/routing. */
export interface NodeRoutingAnswer {
  cacheHost: string;
  takesClients: boolean;
  reason: string;
  asn: number | null;
  egressMbps: number;
  maxEgressMbps: number;
  weight: number;
  prefixSource: 'manual' | 'bgp';
  review: SpaceReviewAnswer;
  bgpReview: SpaceReviewAnswer;
}

const REVIEW_WORDS: { readonly [state in SpaceReviewAnswer['state']]: { label: string; tone: Tone } } = {
  Approved: { label: 'Valid', tone: 'healthy' },
  InReview: { label: 'In review', tone: 'busy' },
  AttentionRequired: { label: 'Attention required', tone: 'attention' },
  NotConfigured: { label: 'Not configured', tone: 'off' },
};

export function reviewBadge(review: SpaceReviewAnswer): Html {
  const { label, tone } = REVIEW_WORDS[review.state];
  return badge(tone, label);
}

export function driveList(node: NodeAnswer, monitor: NodeMonitor): Html {
  const reported = monitor.cache?.drives ?? [];
  if (node.drives.length === 0)
    return html`<div class="empty"><p>No cache drive is set. <a href="${nodeHref(node.name)}/edit">Add one</a></p></div>`;
  const items = node.drives.map((drive, index) => {
    // The cache names its drives in their order: /nginx/cache1/, /nginx/cache2/ ...
    const report = reported[index];
    const sizeBytes = report?.sizeBytes ?? drive.sizeGb * GB;
    const share = report ? report.usedBytes / Math.max(1, sizeBytes) : null;
    const failed = report !== undefined && report.state !== 'ok';
    const used = report
      ? html`${formatBytes(report.usedBytes)} of ${formatBytes(sizeBytes)} (${formatShare(share)})`
      : html`${formatBytes(sizeBytes)}, no report yet`;
    return html`<li class="drive"><div class="drive-head"><code>${drive.path}</code>${failed ? badge('fault', report?.issue ?? 'failed') : report ? badge('healthy', 'in use') : badge('stale', 'unknown')}</div>${fillBar(share, failed)}<p class="hint">${used}</p></li>`;
  });
  return html`<ul class="drives">${items}</ul>`;
}

function fillBar(share: number | null, failed: boolean): Html {
  const width = Math.round(Math.min(1, share ?? 0) * FILL_WIDTH);
  const classes = { class: `fill-bar${failed ? ' fault' : ''}` };
  return html`<svg${attributes(classes)} viewBox="0 0 ${FILL_WIDTH} 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${FILL_WIDTH}" height="8" class="fill-rest"/><rect width="${width}" height="8" class="fill-used"/></svg>`;
}

export function factList(node: NodeAnswer, monitor: NodeMonitor, routing: NodeRoutingAnswer | undefined): Html {
  const review = routing && (node.prefixSource === 'bgp' ? routing.bgpReview : routing.review);
  const facts: [string, HtmlValue][] = [
    ['Server IP address', node.ipAddress ?? html`<span class="none">not set</span>`],
    ['Content port', node.httpPort],
    ['Max allowable egress', formatBitRate(node.maxEgressMbps * 1e6)],
    ['Clients', clients(node, routing)],
    ['Prefix source', node.prefixSource === 'bgp' ? 'BGP' : 'manually entered'],
    [
      'Address ranges',
      review
        ? html`${formatCount(review.prefixes)} prefixes, ${formatCount(review.ipv4Addresses)} addresses`
        : formatCount(node.cidrs.length),
    ],
    [
      'IP space',
      review
        ? html`${reviewBadge(review)}${review.feedback ? html`<span class="row-reason">${review.feedback}</span>` : ''}`
        : '–',
    ],
    ['ASN', routing?.asn ?? node.asn ?? '–'],
    ['Cache node ID', html`<code class="id">${node.cacheNodeId}</code>`],
    ['Customer ID', html`<code class="id">${node.customerId}</code>`],
    [
      'Security manager',
      monitor.daemon
        ? html`version ${monitor.daemon.version}, up since ${timeElement(monitor.daemon.startTimeUtc)}`
        : '–',
    ],
    ['Module version', moduleVersion(node)],
    ['Created', timeElement(node.createdAtUtc)],
    ['Provisioned', timeElement(node.provisionedAtUtc)],
  ];
  return html`<dl class="facts">${facts.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function clients(node: NodeAnswer, routing: NodeRoutingAnswer | undefined): HtmlValue {
  if (!routing) return node.isEnabled ? 'enabled' : 'disabled';
  if (routing.takesClients) return badge('healthy', 'routed here');
  return html`${badge(node.isEnabled && !node.isDraining ? 'attention' : 'off', 'not routed here')}<span class="row-reason">${routing.reason}</span>`;
}

/** Version in the manifest, and what waits for which window. */
function moduleVersion({ update }: NodeAnswer): Html {
  const { version, state, waitingVersion, nextWindow } = update;
  const waits = waitingVersion
    ? html`<span class="row-reason">${waitingVersion} waits${nextWindow ? html` for the window from ${timeElement(nextWindow.fromUtc)}` : ''}</span>`
    : '';
  return html`${version}${state === 'current' || state === 'waiting' ? '' : ` (${state})`}, ring ${update.ring.ring}${waits}`;
}
