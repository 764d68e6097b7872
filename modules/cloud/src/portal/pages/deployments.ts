// Deployments at scale: the list with progress, one with its nodes, and deletion that shows first what it would change.

import { actionButton } from '../form.ts';
import { formatCount } from '../format.ts';
import { type Html, html, path, withQuery } from '../html.ts';
import { badge } from '../icons.ts';
import { nodeHref } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import { renderTable, type Table } from '../table.ts';
import { timeElement } from '../time.ts';
import { tiles } from '../traffic-panel.ts';
import type { Page, View, Visit } from '../visit.ts';
import { type DryRunAnswer, dryRunResult } from './dry-run.ts';

const BASE = `${PORTAL}/deployments`;
const NODES_PAGE = 100;

/** An entry of GET /deployments. */
export interface DeploymentAnswer {
  id: string;
  kind: 'modulesContent' | 'deviceContent' | 'moduleContent';
  isLayer: boolean;
  targetCondition: string;
  priority: number;
  labels: { [name: string]: string } | null;
  metrics: { queries: { [name: string]: string }; results: { [name: string]: number } };
  createdAtUtc: string;
  createdBy: string;
  updatedAtUtc: string;
  progress: { targeted: number; applied: number; reportedSuccessful: number; reportedFailed: number };
}

interface TargetAnswer {
  name: string;
  module: string;
  status: 'Targeted' | 'Applied';
  outcome: '' | 'successful' | 'failed';
  problem: string | null;
}

export const fleetDeploymentPages: Page[] = [
  {
    path: '/deployments',
    right: 'read',
    get: async (visit) => {
      const { deployments } = await visit.api.get<{ deployments: DeploymentAnswer[] }>('/deployments');
      return { view: listView(visit, deployments) };
    },
  },
  { path: '/deployments/:id', right: 'read', get: async (visit) => ({ view: await oneView(visit) }) },
  {
    path: '/deployments/:id/delete',
    right: 'deploy',
    get: async (visit) => ({ view: await deleteView(visit) }),
    post: async (visit) => {
      await visit.api.send('DELETE', apiOf(visit));
      return { redirect: `${BASE}?done=deployment-deleted` };
    },
  },
];

function apiOf(visit: Visit): string {
  return path`/deployments/${visit.params.id ?? ''}`;
}

function hrefOf(id: string): string {
  return path`/portal/deployments/${id}`;
}

function listView(visit: Visit, rows: readonly DeploymentAnswer[]): View {
  const table: Table<DeploymentAnswer> = {
    id: 'deployments',
    caption: 'Deployments at scale',
    rows,
    empty: html`<p>No deployments at scale. One holds for every cache node that its condition fits.</p>`,
    columns: [
      {
        label: 'Deployment',
        isHead: true,
        cell: ({ id }) => html`<a href="${hrefOf(id)}">${id}</a>`,
        csv: ({ id }) => id,
      },
      { label: 'Kind', cell: kindOf, csv: kindOf },
      {
        label: 'Target condition',
        cell: ({ targetCondition }) => html`<code class="path">${targetCondition || 'none'}</code>`,
        csv: ({ targetCondition }) => targetCondition,
      },
      { label: 'Priority', isNumber: true, cell: ({ priority }) => priority, csv: ({ priority }) => priority },
      {
        label: 'Progress',
        cell: ({ progress }) => progressBar(progress),
        csv: ({ progress }) => `${progress.reportedSuccessful}/${progress.targeted}`,
      },
      {
        label: 'Failed',
        isNumber: true,
        cell: ({ progress }) => formatCount(progress.reportedFailed),
        csv: ({ progress }) => progress.reportedFailed,
      },
      {
        label: 'Created',
        isMinor: true,
        cell: (one) => html`${timeElement(one.createdAtUtc)} <span class="hint">${one.createdBy}</span>`,
        csv: ({ createdAtUtc }) => createdAtUtc,
      },
    ],
  };
  const body = html`<div data-part id="part-deployments">${renderTable(table, withQuery(BASE, { csv: table.id }))}</div>`;
  const aside = visit.may('deploy')
    ? html`<a class="button primary" href="${BASE}/new">Create deployment</a>`
    : undefined;
  return { title: 'Deployments', section: 'deployments', body, tables: [table], live: {}, ...(aside ? { aside } : {}) };
}

function kindOf({ kind, isLayer }: DeploymentAnswer): string {
  if (kind === 'modulesContent') return isLayer ? 'layer' : 'base';
  return kind === 'deviceContent' ? 'device settings' : 'module settings';
}

const BAR_WIDTH = 120;

function progressBar({ targeted, applied, reportedSuccessful, reportedFailed }: DeploymentAnswer['progress']): Html {
  const part = (count: number) => (targeted === 0 ? 0 : Math.round((count / targeted) * BAR_WIDTH));
  const good = part(reportedSuccessful);
  const bad = part(reportedFailed);
  return html`<svg class="progress-bar" viewBox="0 0 ${BAR_WIDTH} 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${BAR_WIDTH}" height="8" class="fill-rest"/><rect width="${good}" height="8" class="fill-good"/><rect x="${good}" width="${bad}" height="8" class="fill-bad"/></svg><span class="row-reason">${formatCount(reportedSuccessful)} of ${formatCount(targeted)} run it, ${formatCount(applied)} told</span>`;
}

async function oneView(visit: Visit): Promise<View> {
  const deployment = await visit.api.get<DeploymentAnswer>(apiOf(visit));
  const after = visit.query.get('after') ?? '';
  const limit = visit.isCsv ? 1_000 : NODES_PAGE;
  const page = await visit.api.get<{ nodes: TargetAnswer[]; next: string | null }>(
    withQuery(`${apiOf(visit)}/nodes`, { after, limit, outcome: visit.query.get('outcome') }),
  );
  const here = hrefOf(deployment.id);
  const table = targetTable(page.nodes);
  const { progress, metrics } = deployment;
  const results = Object.entries(metrics.results);
  const filter = ['', 'successful', 'failed'].map(
    (one) =>
      html`<option value="${one}"${one === (visit.query.get('outcome') ?? '') ? html` selected` : ''}>${one || 'all'}</option>`,
  );
  const body = html`<div data-part id="part-progress">${tiles([
    { label: 'Targeted', value: formatCount(progress.targeted), note: 'nodes the condition fits' },
    { label: 'Applied', value: formatCount(progress.applied), note: 'nodes that were told' },
    {
      label: 'Reported success',
      value: formatCount(progress.reportedSuccessful),
      note: 'nodes that run it',
      tone: 'healthy',
    },
    {
      label: 'Reported failure',
      value: formatCount(progress.reportedFailed),
      note: 'nodes that cannot',
      tone: progress.reportedFailed > 0 ? 'fault' : '',
    },
    ...results.map(([label, value]) => ({ label, value: formatCount(value), note: 'own metric' })),
  ])}</div>
<section class="card"><dl class="facts"><div><dt>Kind</dt><dd>${kindOf(deployment)}</dd></div><div><dt>Target condition</dt><dd><code>${deployment.targetCondition || 'none'}</code></dd></div><div><dt>Priority</dt><dd>${deployment.priority}</dd></div><div><dt>Labels</dt><dd>${Object.entries(deployment.labels ?? {}).map(([key, value]) => html`<span class="tag">${key}=${value}</span> `)}</dd></div><div><dt>Created</dt><dd>${timeElement(deployment.createdAtUtc)} by ${deployment.createdBy}</dd></div></dl></section>
<section class="card" aria-labelledby="targets-head"><div class="card-head"><h2 id="targets-head">Cache nodes</h2><form class="search" method="get" action="${here}"><label for="outcome">Outcome</label><select id="outcome" name="outcome" data-submit>${filter}</select><button type="submit" class="button plain">Show</button></form></div>
<div data-part id="part-targets">${renderTable(table, withQuery(here, { csv: table.id }))}${page.next ? html`<nav class="pager" aria-label="Pages"><a class="button plain" href="${withQuery(here, { after: page.next, outcome: visit.query.get('outcome') })}">Next</a></nav>` : ''}</div></section>`;
  const aside = visit.may('deploy') ? html`<a class="button danger" href="${here}/delete">Delete…</a>` : undefined;
  return {
    title: deployment.id,
    section: 'deployments',
    crumbs: [{ label: 'Deployments', href: BASE }],
    body,
    tables: [table],
    live: {},
    ...(aside ? { aside } : {}),
  };
}

function targetTable(rows: readonly TargetAnswer[]): Table<TargetAnswer> {
  const outcome = ({ outcome: said, problem }: TargetAnswer) => (problem !== null ? 'problem' : said || 'waiting');
  return {
    id: 'targets',
    caption: 'Cache nodes of the deployment',
    rows,
    empty: html`<p>The condition fits no cache node.</p>`,
    columns: [
      {
        label: 'Cache node',
        isHead: true,
        cell: ({ name, module }) => html`<a href="${nodeHref(name)}">${name}</a>${module ? ` / ${module}` : ''}`,
        csv: ({ name }) => name,
      },
      { label: 'Module', csv: ({ module }) => module },
      { label: 'Status', cell: ({ status }) => status, csv: ({ status }) => status },
      {
        label: 'Outcome',
        cell: (one) =>
          badge(
            one.outcome === 'successful'
              ? 'healthy'
              : one.outcome === 'failed' || one.problem !== null
                ? 'fault'
                : 'busy',
            outcome(one),
          ),
        csv: outcome,
      },
      { label: 'Problem', cell: ({ problem }) => problem ?? '', csv: ({ problem }) => problem },
    ],
  };
}

async function deleteView(visit: Visit): Promise<View> {
  const id = visit.params.id ?? '';
  const forecast = await visit.api.send<DryRunAnswer>('POST', '/deployments/dry-run', { remove: id });
  const body = html`<section class="card"><h2>This deletes ${id}</h2><p>Its cache nodes get the next lower deployment; without one they keep their modules and lose its settings.</p>
${dryRunResult(forecast)}
<div class="form-foot">${actionButton(visit, `${hrefOf(id)}/delete`, `Delete ${id}`, { kind: 'danger' })}<a class="button plain" href="${hrefOf(id)}">Keep it</a></div></section>`;
  return { title: `Delete ${id}`, section: 'deployments', crumbs: [{ label: 'Deployments', href: BASE }], body };
}
