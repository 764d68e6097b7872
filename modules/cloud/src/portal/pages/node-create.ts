// Create a cache node, and change one.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { ApiFailure } from '../api-client.ts';
import { enterButton, type FormState, postForm, problemSummary } from '../form.ts';
import { html, path } from '../html.ts';
import { nodeHref } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import { field, type Page, type Reply, type View, type Visit } from '../visit.ts';
import { addRow, newNodeValues, nodeFields, nodeValues, sentValues, toBody } from './node-form.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';

const NEW = `${PORTAL}/nodes/new`;

export const createPages: Page[] = [
  {
    path: '/nodes/new',
    right: 'deploy',
    get: async (visit) => ({ view: createView(visit, { values: newNodeValues(), problems: [] }) }),
    post: async (visit) =>
      submit(
        visit,
        (state) => createView(visit, state),
        async (values) => {
          const node = await visit.api.send<NodeAnswer>('POST', '/nodes', toBody(values));
          return `${nodeHref(node.name)}/provision?done=created`;
        },
      ),
  },
  {
    path: '/nodes/:name/edit',
    right: 'deploy',
    get: async (visit) => {
      const node = await loadNode(visit);
      return { view: editView(visit, node, { values: nodeValues(node), problems: [] }) };
    },
    post: async (visit) => {
      const node = await loadNode(visit);
      return submit(
        visit,
        (state) => editView(visit, node, state),
        async (values) => {
          const changed = await visit.api.send<NodeAnswer>('PATCH', apiPath(visit), toBody(values, node));
          const isCleared = (changed.warnings ?? []).length > 0;
          return `${nodeHref(node.name)}?done=${isCleared ? 'saved-cleared' : 'saved'}`;
        },
      );
    },
  },
];

/** Shows the form again with what was typed, when a row is added or the API refuses. */
async function submit(
  visit: Visit,
  show: (state: FormState) => View,
  save: (values: URLSearchParams) => Promise<string>,
): Promise<Reply> {
  const values = sentValues(visit.form);
  const add = field(visit.form, 'add');
  if (add !== '') {
    addRow(values, add);
    return { view: show({ values, problems: [] }) };
  }
  try {
    return { redirect: await save(values) };
  } catch (error) {
    if (!(error instanceof ApiFailure) || ![400, 409].includes(error.status)) throw error;
    const problems = error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }];
    return { view: { ...show({ values, problems }), status: error.status } };
  }
}

function createView(visit: Visit, state: FormState): View {
  const body = html`${problemSummary(state, 'The cache node was not created')}
${postForm(
  visit,
  NEW,
  html`${enterButton()}${nodeFields(state, { isNew: true })}
<div class="form-foot"><button type="submit" class="button primary">Create</button> <a class="button plain" href="${PORTAL}/nodes">Cancel</a></div>`,
  { class: 'form', novalidate: '' },
)}`;
  return {
    title: 'Create cache node',
    section: 'nodes',
    crumbs: [{ label: 'Cache nodes', href: `${PORTAL}/nodes` }],
    body,
  };
}

function editView(visit: Visit, node: NodeAnswer, state: FormState): View {
  const body = html`${problemSummary(state, 'Nothing was saved')}
${postForm(
  visit,
  path`/portal/nodes/${node.name}/edit`,
  html`${enterButton()}${nodeFields(state, { isNew: false })}
<div class="form-foot"><button type="submit" class="button primary">Save</button> <a class="button plain" href="${nodeHref(node.name)}">Cancel</a></div>`,
  { class: 'form', novalidate: '' },
)}
<section class="card danger-zone"><h2>Delete this cache node</h2><p>Its clients go to other cache nodes or the CDN, its history is lost. It cannot be undone.</p><p><a class="button danger" href="${nodeHref(node.name)}/delete">Delete…</a></p></section>`;
  return nodeView(visit, node, 'edit', { body });
}
