// Logs of a module, followed live by client/logs.ts; without scripts the newest lines.

import type { NodeMonitor } from '@wayside/protocol';
import { ApiFailure } from '../api-client.ts';
import { attributes, html, NOTHING } from '../html.ts';
import { nodeHref } from '../node-words.ts';
import type { Page, Visit } from '../visit.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';

const TAIL_CHOICES = [100, 500, 2_000] as const;
const TAIL_DEFAULT = 500;

export const logPages: Page[] = [
  {
    path: '/nodes/:name/logs',
    right: 'operate',
    get: async (visit) => {
      const node = await loadNode(visit);
      const { modules } = await visit.api.get<NodeMonitor>(apiPath(visit, '/monitor'));
      const names = modules.map((module) => module.name);
      const module = visit.query.get('module') ?? (names.includes('MCC') ? 'MCC' : (names[0] ?? ''));
      const tail = TAIL_CHOICES.find((one) => String(one) === visit.query.get('tail')) ?? TAIL_DEFAULT;
      const options = [...new Set([...names, ...(module === '' ? [] : [module])])].map(
        (name) => html`<option value="${name}"${attributes({ selected: name === module })}>${name}</option>`,
      );
      const tails = TAIL_CHOICES.map(
        (one) => html`<option value="${one}"${attributes({ selected: one === tail })}>${one} lines</option>`,
      );
      const base = `/api/v1${apiPath(visit, `/modules/${encodeURIComponent(module)}/logs`)}`;
      const { lines, failure } =
        module === '' ? { lines: '', failure: undefined } : await readLines(visit, module, tail);
      const body = html`<form class="search" method="get" action="${nodeHref(node.name)}/logs">
<label for="module">Module</label><select id="module" name="module" data-submit>${options}</select>
<label for="tail" class="visually-hidden">Lines</label><select id="tail" name="tail" data-submit>${tails}</select>
<button type="submit" class="button plain">Show</button></form>
${module === '' ? html`<div class="card empty"><p>The node has no modules yet, so there are no logs.</p></div>` : NOTHING}
${failure ? html`<div class="problems" role="status"><p>${failure.message}</p>${failure.status === 503 ? html`<p class="hint">Logs are read from the node itself: it must be online.</p>` : ''}</div>` : NOTHING}
${module === '' || failure ? NOTHING : html`<section class="log" aria-label="Log of ${module}" data-log="${base}" data-tail="${tail}" data-keep="log"><pre class="log-lines" tabindex="0">${lines}</pre></section>`}`;
      return { view: nodeView(visit, node, 'logs', { body, ...(failure ? { status: failure.status } : {}) }) };
    },
  },
];

async function readLines(visit: Visit, module: string, tail: number) {
  try {
    const lines = await visit.api.text(apiPath(visit, `/modules/${encodeURIComponent(module)}/logs?tail=${tail}`));
    return { lines, failure: undefined };
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status === 401) throw error;
    return { lines: '', failure: error };
  }
}
