// What can be done with a cache node from its page: enable and disable, drain, update, restart a module, delete.

import type { NodeAnswer } from '../../nodes/node-record.ts';
import { actionButton, type FormState, postForm, problemSummary, textField } from '../form.ts';
import { type Html, html, NOTHING, path } from '../html.ts';
import { nodeHref } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import { field, type Page, type View, type Visit } from '../visit.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';

export const actionPages: Page[] = [
  {
    path: '/nodes/:name/enabled',
    right: 'deploy',
    post: async (visit) => {
      const isEnabled = field(visit.form, 'value') === 'true';
      await visit.api.send('PATCH', apiPath(visit), { isEnabled });
      return { redirect: back(visit, isEnabled ? 'enabled' : 'disabled') };
    },
  },
  {
    path: '/nodes/:name/draining',
    right: 'deploy',
    post: async (visit) => {
      const isDraining = field(visit.form, 'value') === 'true';
      await visit.api.send('PATCH', apiPath(visit), { isDraining });
      return { redirect: back(visit, isDraining ? 'draining' : 'undrained') };
    },
  },
  {
    path: '/nodes/:name/update-now',
    right: 'deploy',
    post: async (visit) => {
      await visit.api.send('POST', apiPath(visit, '/update-now'), {});
      return { redirect: back(visit, 'updated') };
    },
  },
  {
    path: '/nodes/:name/restart',
    right: 'operate',
    post: async (visit) => {
      const payload = { schemaVersion: '1.0', id: field(visit.form, 'module') };
      const methods = apiPath(visit, '/modules/$edgeAgent/methods');
      await visit.api.send('POST', methods, { methodName: 'RestartModule', payload });
      return { redirect: back(visit, 'restarted') };
    },
  },
  {
    path: '/nodes/:name/delete',
    right: 'deploy',
    get: async (visit) => ({ view: deleteView(visit, await loadNode(visit), []) }),
    post: async (visit) => {
      const node = await loadNode(visit);
      if (field(visit.form, 'confirm') !== node.name) {
        const message = `“${field(visit.form, 'confirm')}” is not the name of this cache node, wanted ${node.name}`;
        return { view: deleteView(visit, node, [{ path: 'confirm', message }]) };
      }
      await visit.api.send('DELETE', apiPath(visit));
      return { redirect: `${PORTAL}/nodes?done=deleted` };
    },
  },
];

function back(visit: Visit, done: string): string {
  return `${nodeHref(visit.params.name ?? '')}?done=${done}`;
}

/** The buttons under the state of a node; empty for those who may only look. */
export function nodeActions(visit: Visit, node: NodeAnswer): Html {
  if (!visit.may('deploy')) return NOTHING;
  const to = (place: string) => path`/portal/nodes/${node.name}/` + place;
  const drain = node.isDraining
    ? actionButton(visit, to('draining'), 'End draining', { values: { value: 'false' } })
    : actionButton(visit, to('draining'), 'Drain', {
        values: { value: 'true' },
        confirm: `Drain ${node.name}? It gets no new clients and answers old ones with 503, so that they go to another cache node or the CDN.`,
      });
  const enable = node.isEnabled
    ? actionButton(visit, to('enabled'), 'Disable', {
        values: { value: 'false' },
        confirm: `Disable ${node.name}? No clients are routed to it any more. Its containers keep running.`,
      })
    : actionButton(visit, to('enabled'), 'Enable', { values: { value: 'true' } });
  const { waitingVersion, failedVersion } = node.update;
  const next = waitingVersion ?? failedVersion;
  const update =
    next === null
      ? NOTHING
      : actionButton(visit, to('update-now'), `Update to ${next} now`, {
          confirm: `Update ${node.name} to ${next} now? Its modules are made anew: downloads under way break off and clients resume them.`,
        });
  const provision =
    node.provisionedAtUtc === null ? html`<a class="button primary" href="${to('provision')}">Provision</a>` : NOTHING;
  return html`<div class="actions" id="actions" data-part role="group" aria-label="Actions">${provision}${update}${drain}${enable}<a class="button plain" href="${to('edit')}">Edit settings</a></div>`;
}

function deleteView(visit: Visit, node: NodeAnswer, problems: FormState['problems']): View {
  const state: FormState = { values: new URLSearchParams({ confirm: visit.form.get('confirm') ?? '' }), problems };
  const body = html`${problemSummary(state, 'Nothing was deleted')}
<section class="card"><h2>This deletes ${node.name} for good</h2>
<ul class="effects"><li>No clients are routed to it any more: they go to other cache nodes, or to the CDN.</li>
<li>Its device is removed from the registry: the server cannot connect any more.</li>
<li>Its timeline, messages and figures are deleted.</li>
<li>Containers and cached content stay on the server until its uninstaller is run.</li></ul>
<p><strong>It cannot be undone.</strong></p>
${postForm(
  visit,
  path`/portal/nodes/${node.name}/delete`,
  html`${textField({ name: 'confirm', label: `Type ${node.name} to confirm`, isRequired: true, isMono: true }, state)}
<div class="form-foot"><button type="submit" class="button danger">Delete ${node.name}</button> <a class="button plain" href="${nodeHref(node.name)}">Keep it</a></div>`,
  { novalidate: '' },
)}</section>`;
  return nodeView(visit, node, 'edit', { body, title: 'delete', ...(problems.length > 0 ? { status: 400 } : {}) });
}
