// What a deployment would change, before it does: totals and the first nodes with their changes.

import { formatCount } from '../format.ts';
import { type Html, html } from '../html.ts';
import { nodeHref } from '../node-words.ts';
import { tiles } from '../traffic-panel.ts';
import { changeList } from './node-deployment.ts';

/** Answer of POST /deployments/dry-run. */
export interface DryRunAnswer {
  devices: number;
  targeted: number;
  changed: number;
  problems: number;
  nodes: {
    name: string;
    before: { base: string | null; layers: string[] };
    after: { base: string | null; layers: string[] };
    changes: Parameters<typeof changeList>[0];
    problem: string | null;
  }[];
}

export function dryRunResult(forecast: DryRunAnswer): Html {
  const items = forecast.nodes.map(
    ({ name, before, after, changes, problem }) =>
      html`<li><details><summary>${name}: ${view(before)} → ${view(after)}</summary>${problem ? html`<p class="problem">${problem}</p>` : ''}${changeList(changes)}<p><a href="${nodeHref(name)}">Open ${name}</a></p></details></li>`,
  );
  return html`<div class="dry-run" role="status">${tiles([
    { label: 'Looked at', value: formatCount(forecast.devices), note: 'devices' },
    { label: 'Targeted', value: formatCount(forecast.targeted), note: 'the condition fits' },
    { label: 'Would change', value: formatCount(forecast.changed), note: 'nothing was changed yet' },
    {
      label: 'Problems',
      value: formatCount(forecast.problems),
      note: 'nodes it cannot be put on',
      tone: forecast.problems > 0 ? 'fault' : '',
    },
  ])}<ul class="forecasts">${items}</ul>${forecast.changed > forecast.nodes.length ? html`<p class="hint">The first ${forecast.nodes.length} of ${formatCount(forecast.changed)}.</p>` : ''}</div>`;
}

function view({ base, layers }: { base: string | null; layers: string[] }): string {
  return [base ?? 'own deployment', ...layers].join(' + ');
}
