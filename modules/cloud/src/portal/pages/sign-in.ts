// Sign-in, sign-out, and the switch of colours.

import { ApiFailure } from '../api-client.ts';
import { type FormState, postForm, textField } from '../form.ts';
import { html, NOTHING } from '../html.ts';
import { PORTAL } from '../portal-path.ts';
import { readTheme } from '../theme.ts';
import { field, type Page, type View, type Visit } from '../visit.ts';

export const signInPages: Page[] = [
  {
    path: '/sign-in',
    right: 'none',
    get: async (visit) =>
      visit.person
        ? { redirect: safeNext(visit.query.get('next')) }
        : { view: signInView(visit, visit.query.get('next') ?? '') },
    post: async (visit) => signIn(visit),
  },
  {
    path: '/sign-out',
    right: 'none',
    post: async (visit) => {
      if (visit.person) await visit.api.send('DELETE', '/sessions/current');
      return { session: null, redirect: `${PORTAL}/sign-in?done=signed-out` };
    },
  },
  {
    path: '/theme',
    right: 'none',
    post: async (visit) => {
      return { theme: readTheme(field(visit.form, 'theme')), redirect: safeNext(visit.form.get('back')) };
    },
  },
];

async function signIn(visit: Visit) {
  const next = field(visit.form, 'next');
  const credentials = { username: field(visit.form, 'username'), password: field(visit.form, 'password') };
  try {
    const answer = await visit.api.send<{ token: string; expiresAtUtc: string }>('POST', '/sessions', credentials);
    const session = { token: answer.token, expiresAtMs: Date.parse(answer.expiresAtUtc) };
    return { session, redirect: safeNext(next) };
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status >= 500) throw error;
    return { view: signInView(visit, next, error) };
  }
}

function signInView(visit: Visit, next: string, failure?: ApiFailure): View {
  const values = new URLSearchParams({ username: visit.form.get('username') ?? '', password: '' });
  const state: FormState = { values, problems: [] };
  const body = html`<div class="card sign-in">
${failure ? html`<div class="problems" role="alert"><p>${words(failure)}</p></div>` : NOTHING}
${postForm(
  visit,
  `${PORTAL}/sign-in`,
  html`<input type="hidden" name="next" value="${next}">
${textField({ name: 'username', label: 'User name', isRequired: true, autocomplete: 'username', width: 'wide', isFocused: true, maxLength: 100 }, state)}
${textField({ name: 'password', label: 'Password', type: 'password', isRequired: true, autocomplete: 'current-password', width: 'wide' }, state)}
<button type="submit" class="button primary wide">Sign in</button>`,
)}
<details class="first-start"><summary>First start of this cloud?</summary>
<p>The first user is <code>admin</code>. Its password was made when the cloud first started and is in the file <code>admin-secret</code> of the cloud's state directory:</p>
<pre>sudo cat /var/lib/wayside-cloud/admin-secret</pre></details>
</div>`;
  return { title: 'Sign in', section: 'none', body, status: failure?.status ?? 200 };
}

function words(failure: ApiFailure): string {
  if (failure.code === 'CLOUD_LOGIN_LIMITED') return `${failure.message}`;
  return 'User name or password is wrong';
}

/** Only pages of the portal: an address from outside must not lead anywhere else. */
export function safeNext(next: string | null): string {
  if (next === null || !/^\/portal(\/[^\\]*)?(\?[^\\]*)?$/.test(next) || next.startsWith('//')) return PORTAL;
  const url = new URL(next, 'https://portal');
  return url.origin === 'https://portal' && url.pathname.startsWith(PORTAL) ? url.pathname + url.search : PORTAL;
}
