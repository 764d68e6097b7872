// Create a deployment at scale: content, condition, priority; the dry run shows what it would change before it does.

import { ApiFailure } from '../api-client.ts';
import { type FormState, postForm, problemSummary, textField } from '../form.ts';
import { type Html, html, NOTHING } from '../html.ts';
import { type LineProblem, locate, readManifest } from '../manifest-lines.ts';
import { PORTAL } from '../portal-path.ts';
import { field, type Page, type Reply, type View, type Visit } from '../visit.ts';
import { type DryRunAnswer, dryRunResult } from './dry-run.ts';

const BASE = `${PORTAL}/deployments`;

const EXAMPLE = `{
  "modulesContent": {
    "$edgeAgent": {
      "properties.desired.modules.sensor": {
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "settings": { "image": "wayside/sample-sensor:0.1.0", "createOptions": "{}" }
      }
    }
  }
}`;

export const deploymentCreatePages: Page[] = [
  {
    path: '/deployments/new',
    right: 'deploy',
    get: async (visit) => {
      const values = new URLSearchParams({ id: '', targetCondition: '', priority: '10', content: EXAMPLE });
      return { view: createView(visit, { values, problems: [] }) };
    },
    post: create,
  },
];

async function create(visit: Visit): Promise<Reply> {
  const values = new URLSearchParams(visit.form);
  const text = field(values, 'content').replaceAll('\r\n', '\n');
  values.set('content', text);
  const refuse = (problems: LineProblem[], status = 400): Reply => ({
    view: { ...createView(visit, { values, problems }), status },
  });
  const read = readManifest(text);
  if ('problems' in read) return refuse(read.problems.map((problem) => ({ ...problem, path: 'content' })));
  const priority = field(values, 'priority').trim();
  const deployment = {
    id: field(values, 'id').trim(),
    content: read.value,
    targetCondition: field(values, 'targetCondition'),
    priority: /^\d+$/.test(priority) ? Number(priority) : priority,
  };
  try {
    if (field(values, 'do') === 'create') {
      await visit.api.send('POST', '/deployments', deployment);
      return { redirect: `${BASE}/${encodeURIComponent(deployment.id)}?done=deployment-created` };
    }
    const forecast = await visit.api.send<DryRunAnswer>('POST', '/deployments/dry-run', { deployment });
    return { view: createView(visit, { values, problems: [] }, forecast) };
  } catch (error) {
    if (!(error instanceof ApiFailure) || ![400, 409].includes(error.status)) throw error;
    const said = error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }];
    return refuse(locate(text, said), error.status);
  }
}

function createView(
  visit: Visit,
  state: { values: FormState['values']; problems: LineProblem[] | [] },
  forecast?: DryRunAnswer,
): View {
  const lines = (state.problems as LineProblem[]).flatMap(({ line }) => line ?? []).join(' ');
  const problems = (state.problems as LineProblem[]).map(({ line, ...problem }) => ({
    ...problem,
    message: `${line === undefined ? '' : `line ${line}: `}${problem.message}`,
  }));
  const form: FormState = { values: state.values, problems };
  const body = html`${problemSummary(form, 'Nothing was deployed')}
${postForm(
  visit,
  `${BASE}/new`,
  html`<fieldset class="group"><legend>Deployment</legend>
${textField({ name: 'id', label: 'Name', hint: "Small letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ ' ~, up to 128. It cannot be changed later.", isRequired: true, maxLength: 128, isMono: true }, form)}
${textField({ name: 'targetCondition', label: 'Target condition', hint: html`Which cache nodes: <code>*</code> for all, <code>deviceId='edge1'</code>, <code>tags.region='eu'</code>. Empty: none.`, width: 'wide', isMono: true }, form)}
${textField({ name: 'priority', label: 'Priority', hint: 'Of several base deployments the highest wins; layers go on top of it in their order.', type: 'number', width: 'narrow', isRequired: true }, form)}
</fieldset>
<fieldset class="group"><legend>Content</legend><p class="hint" id="content-hint">One of modulesContent, deviceContent, moduleContent. It cannot be changed later. Tab indents; press Escape first to leave with Tab.</p>
<label for="field-content" class="visually-hidden">Content (JSON)</label>
<div class="editor" data-editor data-lines="${lines}"><div class="editor-gutter" aria-hidden="true"></div><textarea id="field-content" name="content" spellcheck="false" autocomplete="off" wrap="off" aria-describedby="content-hint">
${state.values.get('content') ?? ''}</textarea></div></fieldset>
${forecast ? forecastSection(forecast) : NOTHING}
<div class="form-foot"><button type="submit" name="do" value="dry-run" class="button ${forecast ? 'plain' : 'primary'}">Show what it would change</button>
${forecast ? html`<button type="submit" name="do" value="create" class="button primary">Deploy to ${forecast.targeted} ${forecast.targeted === 1 ? 'node' : 'nodes'}</button>` : ''}<a class="button plain" href="${BASE}">Cancel</a></div>`,
  { class: 'form', novalidate: '' },
)}`;
  return { title: 'Create deployment', section: 'deployments', crumbs: [{ label: 'Deployments', href: BASE }], body };
}

function forecastSection(forecast: DryRunAnswer): Html {
  return html`<section class="card" aria-labelledby="forecast-head"><h2 id="forecast-head">What it would change</h2>${dryRunResult(forecast)}</section>`;
}
