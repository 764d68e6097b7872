// Range picker, tiles and charts of the traffic of one node or of all; the charts themselves are drawn by client/charts.ts.

import { formatBitRate, formatBytes, formatShare } from './format.ts';
import { attributes, type Html, type HtmlValue, html, withQuery } from './html.ts';
import type { Table } from './table.ts';
import { timeElement } from './time.ts';
import {
  type MetricsAnswer,
  RANGE_WORDS,
  RANGES,
  type Range,
  type RateAnswer,
  type TrafficAnswer,
} from './traffic-figures.ts';

const MEGA = 1e6;
/** From here on it is called good (connected-cache.md 1.8). */
const GOOD_EFFICIENCY = 0.9;

export interface Tile {
  label: string;
  value: HtmlValue;
  note?: HtmlValue;
  tone?: string;
  href?: string;
}

export function tiles(list: readonly Tile[]): Html {
  const items = list.map(({ label, value, note, tone, href }) => {
    const inner = html`<span class="tile-label">${label}</span><span class="tile-value">${value}</span><span class="tile-note">${note}</span>`;
    const classes = { class: `tile${tone ? ` ${tone}` : ''}` };
    return html`<li>${href ? html`<a href="${href}"${attributes(classes)}>${inner}</a>` : html`<div${attributes(classes)}>${inner}</div>`}</li>`;
  });
  return html`<ul class="tiles">${items}</ul>`;
}

export function rangePicker(base: string, current: Range, query: { [name: string]: string } = {}): Html {
  const links = RANGES.map(
    (range) =>
      html`<a href="${withQuery(base, { ...query, range })}"${attributes({ 'aria-current': range === current ? 'true' : undefined, title: RANGE_WORDS[range] })}>${range.replace('h', ' h').replace('d', ' d')}</a>`,
  );
  return html`<nav class="segments" aria-label="Time range">${links}</nav>`;
}

export function figureTiles({ cacheEfficiency, out, in: into, inboundBytes }: MetricsAnswer): Tile[] {
  const isGood = cacheEfficiency !== null && cacheEfficiency >= GOOD_EFFICIENCY;
  const efficiencyNote = cacheEfficiency === null ? 'no traffic yet' : isGood ? 'good' : 'of all bytes sent';
  const max = (label: string, { maxMbps, maxAtUtc }: RateAnswer): Tile => ({
    label,
    value: formatBitRate(maxMbps * MEGA),
    note: maxAtUtc ? timeElement(maxAtUtc) : '',
  });
  return [
    { label: 'Cache efficiency', value: formatShare(cacheEfficiency), note: efficiencyNote },
    max('Max out', out),
    { label: 'Average out', value: formatBitRate(out.averageMbps * MEGA), note: 'to clients' },
    max('Max in', into),
    {
      label: 'Average in',
      value: formatBitRate(into.averageMbps * MEGA),
      note: `${formatBytes(inboundBytes.sum)} from origins`,
    },
  ];
}

/** `src`: the API route of the points. */
export function chartPanel(src: string, range: Range, isEmpty: boolean): Html {
  if (isEmpty) {
    return html`<div class="empty">No traffic in this range. The charts begin with the first report of a cache.</div>`;
  }
  return html`<div class="charts" data-charts="${src}" data-range="${range}" data-keep="${range}">
${chart('rate', 'Outbound and inbound traffic', 'bits per second')}
${chart('share', 'Cache efficiency', 'hit bytes of all bytes')}
${chart('volume', 'Volume by content type', 'bytes, stacked')}
</div>`;
}

function chart(kind: string, title: string, unit: string): Html {
  return html`<figure class="chart" data-chart="${kind}"><figcaption>${title} <span class="unit">${unit}</span></figcaption><div class="plot" role="img" aria-label="${title}"><p class="loading">Loading</p></div><div class="legend"></div></figure>`;
}

export function trafficTable(traffic: TrafficAnswer): Table<TrafficAnswer['points'][number]> {
  return {
    id: 'traffic',
    caption: 'Traffic by time',
    rows: traffic.points,
    empty: 'No traffic in this range.',
    columns: [
      { label: 'Time (UTC)', cell: (point) => point.atUtc, csv: (point) => point.atUtc },
      { label: 'Hits', cell: (point) => point.hits, csv: (point) => point.hits },
      { label: 'Misses', cell: (point) => point.misses, csv: (point) => point.misses },
      { label: 'Hit bytes', cell: (point) => point.hitBytes, csv: (point) => point.hitBytes },
      { label: 'Miss bytes', cell: (point) => point.missBytes, csv: (point) => point.missBytes },
    ],
  };
}
