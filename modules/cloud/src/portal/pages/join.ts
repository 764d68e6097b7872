// Accepts an invitation, or sets a new password. Its token stands behind `#` in the link, so no server and no log sees it before the form is sent.

import { ApiFailure } from '../api-client.ts';
import { type FormState, postForm, problemSummary, textField } from '../form.ts';
import { html } from '../html.ts';
import { PORTAL } from '../portal-path.ts';
import { field, type Page, type View, type Visit } from '../visit.ts';

export const joinPages: Page[] = [
  {
    path: '/join',
    right: 'none',
    get: async (visit) => ({
      view: joinView(visit, { values: new URLSearchParams({ username: '', token: '' }), problems: [] }),
    }),
    post: async (visit) => {
      const username = field(visit.form, 'username').trim();
      const token = field(visit.form, 'token').trim().replace(/^.*#/, '');
      const values = new URLSearchParams({ username, token });
      if (field(visit.form, 'password') !== field(visit.form, 'repeated')) {
        return {
          view: joinView(visit, { values, problems: [{ path: 'repeated', message: 'The two passwords differ' }] }, 400),
        };
      }
      try {
        const body = { token, password: field(visit.form, 'password'), ...(username === '' ? {} : { username }) };
        await visit.api.send('POST', '/invitations/accept', body);
      } catch (error) {
        if (!(error instanceof ApiFailure) || error.status >= 500) throw error;
        const problems = error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }];
        return { view: joinView(visit, { values, problems }, error.status) };
      }
      return { redirect: `${PORTAL}/sign-in?done=joined` };
    },
  },
];

function joinView(visit: Visit, state: FormState, status = 200): View {
  const input = (name: string, label: string) =>
    textField({ name, label, type: 'password', isRequired: true, autocomplete: 'new-password', width: 'wide' }, state);
  const body = html`<div class="card sign-in">${problemSummary(state, 'That did not work')}
${postForm(
  visit,
  `${PORTAL}/join`,
  html`${textField({ name: 'username', label: 'User name', hint: 'Leave it empty when the invitation names you, or for a new password.', autocomplete: 'username', width: 'wide', maxLength: 100 }, state)}
${input('password', 'Password')}${input('repeated', 'Password again')}
<div data-from-hash>${textField({ name: 'token', label: 'Invitation', hint: 'The part of the link behind #.', isRequired: true, isMono: true, width: 'wide', maxLength: 400 }, state)}</div>
<button type="submit" class="button primary wide">Join</button>`,
  { novalidate: '' },
)}</div>`;
  return { title: 'Join', section: 'none', body, status };
}
