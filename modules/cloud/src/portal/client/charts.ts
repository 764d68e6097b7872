// Charts of a traffic panel with uPlot: out and in, efficiency, volume by content class.

import uPlot from 'uplot';
import { ratesOf, type Volumes, volumesOf } from '../chart-series.ts';
import { formatBitRate, formatBytes, formatShare } from '../format.ts';
import type { TrafficAnswer } from '../traffic-figures.ts';

const HEIGHT_PX = 200;
const BARS = 60;
const RELOAD_MS = 60_000;
/** Colours are named in the style sheet: --series-1 .. --series-8. */
const COLOURS = 8;

export async function drawCharts(panel: HTMLElement): Promise<void> {
  const plots = new Map<string, uPlot>();
  await load(panel, plots);
  new ResizeObserver(() => {
    for (const plot of plots.values()) plot.setSize({ width: widthOf(plot.root), height: HEIGHT_PX });
  }).observe(panel);
  setInterval(() => {
    if (document.visibilityState === 'visible') void load(panel, plots);
  }, RELOAD_MS);
}

async function load(panel: HTMLElement, plots: Map<string, uPlot>): Promise<void> {
  const base = `${panel.dataset.charts}?range=${panel.dataset.range}`;
  try {
    const [total, classes] = await Promise.all([read(`${base}&by=total`), read(`${base}&by=contentClass`)]);
    panel.classList.remove('is-stale');
    const rates = ratesOf(total);
    draw(panel, plots, 'rate', [rates.times, rates.out, rates.in], rateSeries());
    draw(panel, plots, 'share', [rates.times, rates.share], shareSeries());
    const volumes = volumesOf(classes, BARS);
    drawVolume(panel, plots, volumes);
    describe(
      panel,
      'rate',
      `Outbound traffic, highest ${formatBitRate(Math.max(0, ...rates.out))}; inbound, highest ${formatBitRate(Math.max(0, ...rates.in))}`,
    );
    describe(
      panel,
      'volume',
      `Volume by content type: ${volumes.classes.map(({ label, total: bytes }) => `${label} ${formatBytes(bytes)}`).join(', ') || 'none'}`,
    );
  } catch {
    panel.classList.add('is-stale');
    for (const place of panel.querySelectorAll('.loading'))
      place.textContent = 'The figures cannot be loaded. Trying again.';
  }
}

async function read(url: string): Promise<TrafficAnswer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
}

interface Drawing {
  series: uPlot.Series[];
  unit: (value: number | null) => string;
  max?: number;
  /** Seconds before the first and after the last value: bars are as wide as a step. */
  margin?: number;
}

function rateSeries(): Drawing {
  const line = (label: string, series: number, fill: boolean): uPlot.Series => ({
    label,
    stroke: () => tone(series),
    fill: fill ? () => faint(tone(series)) : undefined,
    width: 1.5,
    points: { show: false },
    value: (_plot, value) => formatBitRate(value),
  });
  return { series: [line('Outbound', 1, true), line('Inbound', 2, false)], unit: formatBitRate };
}

function shareSeries(): Drawing {
  const series: uPlot.Series = {
    label: 'Cache efficiency',
    stroke: () => tone(3),
    width: 1.5,
    // A value between two gaps would not be seen without its point.
    points: { size: 4 },
    spanGaps: false,
    value: (_plot, value) => formatShare(value),
  };
  return { series: [series], unit: formatShare, max: 1 };
}

function drawVolume(panel: HTMLElement, plots: Map<string, uPlot>, { times, classes }: Volumes): void {
  // Drawn from the whole stack down: each bar covers the foot of the one before.
  const order = [...classes].reverse();
  const bars = uPlot.paths.bars?.({ size: [0.8, 60] });
  const series = order.map(({ label, own }, index): uPlot.Series => {
    const colour = ((classes.length - 1 - index) % COLOURS) + 1;
    return {
      label,
      stroke: () => tone(colour),
      fill: () => tone(colour),
      width: 0,
      ...(bars ? { paths: bars } : {}),
      points: { show: false },
      value: (_plot, _value, _series, at) => formatBytes(at === null || at === undefined ? null : (own[at] ?? 0)),
    };
  });
  draw(panel, plots, 'volume', [times, ...order.map(({ stacked }) => stacked)], {
    series,
    unit: formatBytes,
    margin: ((times[1] ?? 0) - (times[0] ?? 0)) / 2,
  });
}

function draw(
  panel: HTMLElement,
  plots: Map<string, uPlot>,
  kind: string,
  data: (number | null)[][],
  drawing: Drawing,
): void {
  const figure = panel.querySelector<HTMLElement>(`[data-chart="${kind}"]`);
  const place = figure?.querySelector<HTMLElement>('.plot');
  if (!figure || !place) return;
  const labels = drawing.series.map(({ label }) => label).join('\n');
  const known = plots.get(kind);
  if (known && figure.dataset.series === labels) {
    known.setData(data as uPlot.AlignedData);
    return;
  }
  known?.destroy();
  place.replaceChildren();
  figure.dataset.series = labels;
  const legend = figure.querySelector('.legend');
  legend?.replaceChildren();
  const { margin = 0 } = drawing;
  const options: uPlot.Options = {
    width: widthOf(place),
    height: HEIGHT_PX,
    series: [{}, ...drawing.series],
    scales: {
      x: { range: (_plot, min, max) => [min - margin, max + margin] },
      y: { range: (_plot, _min, max) => [0, drawing.max ?? (max > 0 ? max * 1.08 : 1)] },
    },
    axes: [axis({}), axis({ values: (_plot, ticks) => ticks.map((tick) => drawing.unit(tick)), size: 76 })],
    cursor: { drag: { x: false, y: false }, sync: { key: 'traffic' } },
    legend: { show: true, live: true, mount: (_plot, table) => legend?.append(table) },
  };
  plots.set(kind, new uPlot(options, data as uPlot.AlignedData, place));
}

function axis(own: uPlot.Axis): uPlot.Axis {
  return {
    stroke: () => colour('--ink-soft'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { stroke: () => colour('--line'), width: 1 },
    font: '12px system-ui, sans-serif',
    ...own,
  };
}

function describe(panel: HTMLElement, kind: string, text: string): void {
  panel.querySelector(`[data-chart="${kind}"] .plot`)?.setAttribute('aria-label', text);
}

function tone(number: number): string {
  return colour(`--series-${number}`);
}

/** Resolved for the theme of the moment: a canvas knows neither variables nor light-dark(). */
function colour(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function faint(color: string): string {
  return color.replace(/^rgb\((.+)\)$/, 'rgba($1, 0.13)');
}

function widthOf(element: Element): number {
  return Math.max(200, element.closest('.plot')?.clientWidth ?? element.clientWidth);
}
