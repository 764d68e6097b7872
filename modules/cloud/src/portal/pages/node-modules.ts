// The modules of a node: state with its reason, restarts, image, and what can be done with each.

import type { NodeMonitor } from '@wayside/protocol';
import { actionButton } from '../form.ts';
import { type Html, html, path } from '../html.ts';
import { moduleBadge } from '../node-words.ts';
import type { Column, Table } from '../table.ts';
import { isMoment, timeElement } from '../time.ts';
import type { Visit } from '../visit.ts';

type Module = NodeMonitor['modules'][number];

export function moduleTable(visit: Visit, node: string, monitor: NodeMonitor): Table<Module> {
  const columns: Column<Module>[] = [
    { label: 'Module', isHead: true, cell: (module) => module.name, csv: (module) => module.name },
    {
      label: 'Status',
      cell: (module) => html`${moduleBadge(module.runtimeStatus, module.desiredStatus)}${why(module)}`,
      csv: (module) => module.runtimeStatus,
    },
    { label: 'Description', csv: (module) => module.statusDescription },
    {
      label: 'Wanted',
      isMinor: true,
      cell: (module) => module.desiredStatus ?? '–',
      csv: (module) => module.desiredStatus,
    },
    { label: 'Restarts', isNumber: true, cell: (module) => module.restartCount, csv: (module) => module.restartCount },
    { label: 'Up since', cell: (module) => upSince(module), csv: (module) => module.lastStartTimeUtc },
    { label: 'Last exit', isMinor: true, cell: (module) => lastExit(module), csv: (module) => module.lastExitTimeUtc },
    { label: 'Exit code', csv: (module) => module.exitCode },
    {
      label: 'Image',
      isMinor: true,
      cell: (module) => html`<code class="image">${module.image}</code>`,
      csv: (module) => module.image,
    },
  ];
  if (visit.may('operate')) columns.push({ label: 'Actions', cell: (module) => actions(visit, node, module) });
  return {
    id: 'modules',
    caption: `Modules of ${node}`,
    columns,
    rows: monitor.modules,
    rowId: (module) => `module-${module.name}`,
    empty: html`<p>No modules yet. They come with the first deployment of a provisioned node.</p>`,
  };
}

function why(module: Module): Html | '' {
  if (module.runtimeStatus === 'running' && module.statusDescription === 'running') return '';
  const retry =
    module.nextRetryTimeUtc && isMoment(module.nextRetryTimeUtc)
      ? html`, next try ${timeElement(module.nextRetryTimeUtc, 'ago')}`
      : '';
  return module.statusDescription === '' && retry === ''
    ? ''
    : html`<span class="row-reason">${module.statusDescription}${retry}</span>`;
}

function upSince(module: Module): Html | string {
  return module.runtimeStatus === 'running' && isMoment(module.lastStartTimeUtc)
    ? timeElement(module.lastStartTimeUtc, 'ago')
    : '–';
}

function lastExit(module: Module): Html | string {
  if (!isMoment(module.lastExitTimeUtc)) return '–';
  return html`${timeElement(module.lastExitTimeUtc, 'ago')} <span class="hint">code ${module.exitCode}</span>`;
}

function actions(visit: Visit, node: string, module: Module): Html {
  const logs = html`<a class="button quiet" href="${path`/portal/nodes/${node}/logs`}?module=${encodeURIComponent(module.name)}">Logs<span class="visually-hidden"> of ${module.name}</span></a>`;
  const restart = actionButton(
    visit,
    path`/portal/nodes/${node}/restart`,
    html`Restart<span class="visually-hidden"> ${module.name}</span>`,
    {
      values: { module: module.name },
      confirm: `Restart ${module.name} on ${node}? ${RESTART_EFFECTS[module.name] ?? 'It is away for some seconds.'}`,
    },
  );
  return html`<div class="row-actions">${logs}${restart}</div>`;
}

const RESTART_EFFECTS: { readonly [module: string]: string } = {
  MCC: 'Downloads under way break off and clients resume them, from here or from the CDN. What is cached stays.',
  edgeHub: 'Modules reconnect; no message is lost.',
  edgeAgent: 'The other modules keep running.',
};
