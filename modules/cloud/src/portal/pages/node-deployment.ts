// The deployment of one node: its manifest in an editor with the problems beside their lines, and every deployment it had, with the way back.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { ApiFailure } from '../api-client.ts';
import { actionButton, postForm } from '../form.ts';
import { type Html, html, NOTHING, path, withQuery } from '../html.ts';
import { type LineProblem, locate, readManifest } from '../manifest-lines.ts';
import { nodeHref } from '../node-words.ts';
import { renderTable, type Table } from '../table.ts';
import { timeElement } from '../time.ts';
import { field, type Page, type View, type Visit } from '../visit.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';

/** An entry of GET /nodes/{name}/deployments. */
interface PastAnswer {
  seq: number;
  atUtc: string;
  by: string;
  origin: 'configuration' | 'fields' | 'device' | 'restore';
  base: string | null;
  layers: string[];
  desiredVersion: number;
  modules: string[];
  isCurrent: boolean;
}

interface ModuleChange {
  module: string;
  change: 'added' | 'removed' | 'changed';
  paths: string[];
}

export const deploymentPages: Page[] = [
  {
    path: '/nodes/:name/deployment',
    right: 'deploy',
    get: async (visit) => {
      const source = visit.query.get('from') === 'fields' ? '/manifest' : '/deployment';
      const content = await visit.api.get<object>(apiPath(visit, source));
      return { view: await editorView(visit, { text: print(content), problems: [] }) };
    },
    post: async (visit) => {
      const text = field(visit.form, 'manifest').replaceAll('\r\n', '\n');
      const read = readManifest(text);
      if ('problems' in read) return { view: await editorView(visit, { text, problems: read.problems }, 400) };
      try {
        await visit.api.send('PUT', apiPath(visit, '/deployment'), read.value);
      } catch (error) {
        if (!(error instanceof ApiFailure) || error.status !== 400) throw error;
        const problems = error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }];
        return { view: await editorView(visit, { text, problems: locate(text, problems) }, 400) };
      }
      return { redirect: `${nodeHref(visit.params.name ?? '')}?done=deployed` };
    },
  },
  {
    path: '/nodes/:name/deployments/:seq',
    right: 'deploy',
    get: async (visit) => {
      const node = await loadNode(visit);
      const past = await visit.api.get<PastAnswer & { changes: ModuleChange[]; modulesContent: object }>(
        apiPath(visit, `/deployments/${encodeURIComponent(visit.params.seq ?? '')}`),
      );
      return { view: pastView(visit, node, past) };
    },
    post: async (visit) => {
      const { name = '', seq = '' } = visit.params;
      await visit.api.send('POST', apiPath(visit, `/deployments/${encodeURIComponent(seq)}/restore`));
      return { redirect: `${nodeHref(name)}?done=deployed` };
    },
  },
];

function print(content: object): string {
  return JSON.stringify(content, null, 2);
}

async function editorView(
  visit: Visit,
  state: { text: string; problems: LineProblem[] },
  status?: number,
): Promise<View> {
  const node = await loadNode(visit);
  const { deployments } = await visit.api.get<{ deployments: PastAnswer[] }>(apiPath(visit, '/deployments'));
  const history = historyTable(node.name, deployments);
  const here = `${nodeHref(node.name)}/deployment`;
  const lines = state.problems.flatMap(({ line }) => line ?? []).join(' ');
  const body = html`${problemList(state.problems)}
<section class="card" aria-labelledby="editor-head"><div class="card-head"><h2 id="editor-head">Manifest</h2><a class="quiet" href="${withQuery(here, { from: 'fields' })}">Load what the settings of the node stand for</a></div>
<p class="hint" id="editor-hint">It is deployed whole, or not at all. Tab indents; press Escape first to leave with Tab.</p>
${postForm(
  visit,
  path`/portal/nodes/${node.name}/deployment`,
  html`<label for="manifest" class="visually-hidden">Deployment manifest (JSON)</label>
<div class="editor" data-editor data-lines="${lines}"><div class="editor-gutter" aria-hidden="true"></div><textarea id="manifest" name="manifest" spellcheck="false" autocomplete="off" wrap="off" aria-describedby="editor-hint">
${state.text}</textarea></div>
<div class="form-foot spaced"><button type="submit" class="button primary">Deploy to ${node.name}</button></div>`,
  { 'data-confirm': `Deploy this manifest to ${node.name}? Its modules are changed at once.` },
)}</section>
<section class="card" aria-labelledby="history-head"><div class="card-head"><h2 id="history-head">History</h2></div>
${renderTable(history, withQuery(here, { csv: history.id }))}</section>`;
  return nodeView(visit, node, 'deployment', { body, tables: [history], ...(status ? { status } : {}) });
}

function problemList(problems: readonly LineProblem[]): Html {
  if (problems.length === 0) return NOTHING;
  const items = problems.map(({ line, path: where, message }) => {
    const place = line === undefined ? '' : html`<a href="#manifest" data-line="${line}">Line ${line}</a>: `;
    return html`<li>${place}${where ? html`<code>${where}</code> ` : ''}${message}</li>`;
  });
  return html`<div class="problems" role="alert" tabindex="-1" data-focus><h2>Nothing was deployed</h2><ul>${items}</ul></div>`;
}

const ORIGINS = {
  configuration: 'deployments at scale',
  fields: 'settings of the node',
  device: 'this node alone',
  restore: 'an earlier one restored',
} as const;

function historyTable(node: string, past: readonly PastAnswer[]): Table<PastAnswer> {
  const href = (seq: number) => `${nodeHref(node)}/deployments/${seq}`;
  return {
    id: 'deployments',
    caption: `Deployments of ${node}`,
    rows: past,
    empty: html`<p>Nothing was deployed yet.</p>`,
    columns: [
      {
        label: 'Deployed',
        isHead: true,
        cell: ({ seq, atUtc, isCurrent }) =>
          html`<a href="${href(seq)}">${timeElement(atUtc)}</a>${isCurrent ? html` <span class="tag">in force</span>` : ''}`,
        csv: ({ atUtc }) => atUtc,
      },
      { label: 'By', cell: ({ by }) => by || 'the cloud', csv: ({ by }) => by },
      {
        label: 'From',
        cell: ({ origin, base, layers }) =>
          html`${ORIGINS[origin] ?? origin}${base ? html`<span class="row-reason">${[base, ...layers].join(' + ')}</span>` : ''}`,
        csv: ({ origin, base, layers }) => [origin, base ?? '', ...layers].join(' ').trim(),
      },
      { label: 'Modules', cell: ({ modules }) => modules.join(', '), csv: ({ modules }) => modules.join(' ') },
      {
        label: 'Version',
        isNumber: true,
        cell: ({ desiredVersion }) => desiredVersion,
        csv: ({ desiredVersion }) => desiredVersion,
      },
    ],
  };
}

function pastView(
  visit: Visit,
  node: NodeAnswer,
  past: PastAnswer & { changes: ModuleChange[]; modulesContent: object },
): View {
  const restore = past.isCurrent
    ? html`<p class="hint">This deployment is in force.</p>`
    : actionButton(visit, path`/portal/nodes/${node.name}/deployments/${past.seq}`, 'Deploy this one again', {
        kind: 'primary',
        confirm: `Deploy the content of ${past.atUtc} to ${node.name} again? Its modules are changed at once.`,
      });
  const body = html`<section class="card"><div class="card-head"><h2>Deployed ${timeElement(past.atUtc)} by ${past.by || 'the cloud'}</h2>${restore}</div>
<h3>What it changed</h3>${changeList(past.changes)}
<details><summary>Whole content</summary><pre tabindex="0">${print({ modulesContent: past.modulesContent })}</pre></details></section>`;
  return nodeView(visit, node, 'deployment', { body, title: 'earlier deployment' });
}

/** Changes of one node by module, as dry run and history tell them. */
export function changeList(changes: readonly ModuleChange[]): Html {
  if (changes.length === 0) return html`<p class="hint">Nothing.</p>`;
  const items = changes.map(
    ({ module, change, paths }) =>
      html`<li><strong>${module || 'device'}</strong> ${change}${paths.length > 0 ? html`: ${paths.map((one) => html`<code class="path">${one}</code> `)}` : ''}</li>`,
  );
  return html`<ul class="effects">${items}</ul>`;
}
