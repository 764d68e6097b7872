// Pages for what cannot be shown: unknown address, missing right, an API that refused or failed.

import type { Right } from '../../people/roles.ts';
import type { ApiFailure } from '../api-client.ts';
import { html, NOTHING } from '../html.ts';
import { PORTAL } from '../portal-path.ts';
import type { View, Visit } from '../visit.ts';

const RIGHT_WORDS: { readonly [right in Right]: string } = {
  read: 'to look at cache nodes',
  operate: 'to restart modules and read logs (role operator)',
  deploy: 'to create, change and deploy to cache nodes (role deployer)',
  admin: 'to administrate (role admin)',
};

export function unknownPage(): View {
  return {
    title: 'There is no such page',
    section: 'none',
    status: 404,
    body: html`<div class="state-page"><p>The address may be mistyped, or what it showed was deleted.</p><p><a class="button primary" href="${PORTAL}/nodes">All cache nodes</a></p></div>`,
  };
}

export function noRightPage(visit: Visit, right: Right): View {
  const { username, role } = visit.person ?? { username: '', role: '' };
  return {
    title: 'You may not open this page',
    section: 'none',
    status: 403,
    body: html`<div class="state-page"><p>You are signed in as <strong>${username}</strong> with the role <strong>${role}</strong>. This page needs the right ${RIGHT_WORDS[right] ?? right}.</p><p>An administrator can give you another role.</p><p><a class="button primary" href="${PORTAL}">Back to the overview</a></p></div>`,
  };
}

export function failurePage(visit: Visit, failure: ApiFailure): View {
  const isOurs = failure.status >= 500 && failure.code !== 'CLOUD_METHOD_DEVICE_OFFLINE';
  const title = failure.status === 404 ? 'Not found' : failure.status === 403 ? 'Refused' : 'That did not work';
  return {
    title,
    section: 'none',
    status: failure.status,
    body: html`<div class="state-page"><p class="lead">${failure.message}</p>
${failure.problems.length > 0 ? html`<ul>${failure.problems.map((problem) => html`<li>${problem.path ? html`<code>${problem.path}</code>: ` : ''}${problem.message}</li>`)}</ul>` : NOTHING}
${isOurs ? html`<p>Nothing was changed. Try again in a moment; the log of the cloud says more.</p>` : NOTHING}
${failure.code ? html`<p class="hint">Code <code>${failure.code}</code></p>` : NOTHING}
<p><a class="button primary" href="${visit.url}">Try again</a> <a class="button plain" href="${PORTAL}">Overview</a></p></div>`,
  };
}
