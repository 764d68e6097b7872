// The viewer's own account: password, sessions, API tokens; and the page on which an invitation is accepted.

import type { Scope } from '../../people/scope.ts';
import { ApiFailure } from '../api-client.ts';
import { actionButton, type FormState, postForm, problemSummary, selectField, textField } from '../form.ts';
import { type Html, html, NOTHING, path } from '../html.ts';
import { PORTAL } from '../portal-path.ts';
import { scopeLine } from '../scope-words.ts';
import { renderTable, type Table } from '../table.ts';
import { timeElement } from '../time.ts';
import { field, type Page, type Reply, type View, type Visit } from '../visit.ts';

const BASE = `${PORTAL}/account`;

interface SessionAnswer {
  id: string;
  current: boolean;
  address: string;
  agent: string;
  createdAtUtc: string;
  lastUsedAtUtc: string;
  expiresAtUtc: string;
}

interface TokenAnswer {
  id: string;
  name: string;
  role: string;
  scope: Scope;
  createdAtUtc: string;
  expiresAtUtc: string;
  lastUsedAtUtc: string | null;
  lastAddress: string;
}

interface MeAnswer {
  username: string;
  role: string;
  scopes: Scope[];
  rights: string[];
}

const NO_STATE: FormState = { values: new URLSearchParams(), problems: [] };

export const accountPages: Page[] = [
  { path: '/account', right: 'read', get: async (visit) => ({ view: await accountView(visit) }) },
  {
    path: '/account/password',
    right: 'read',
    post: async (visit) => {
      const wanted = field(visit.form, 'newPassword');
      const refuse = async (problems: FormState['problems'], status: number): Promise<Reply> => ({
        view: { ...(await accountView(visit, { password: { ...NO_STATE, problems } })), status },
      });
      if (wanted !== field(visit.form, 'repeated')) {
        return refuse([{ path: 'repeated', message: 'The two new passwords differ' }], 400);
      }
      try {
        await visit.api.send('PUT', '/me/password', {
          currentPassword: field(visit.form, 'currentPassword'),
          newPassword: wanted,
        });
      } catch (error) {
        if (!(error instanceof ApiFailure) || error.status >= 500) throw error;
        return refuse(problemsOf(error), error.status);
      }
      return { redirect: `${BASE}?done=password` };
    },
  },
  {
    path: '/account/tokens',
    right: 'read',
    post: async (visit) => {
      const days = field(visit.form, 'expiresInDays');
      const body = {
        name: field(visit.form, 'name'),
        role: field(visit.form, 'role'),
        expiresInDays: /^\d+$/.test(days) ? Number(days) : days,
      };
      try {
        const made = await visit.api.send<TokenAnswer & { token: string }>('POST', '/me/tokens', body);
        return { view: await accountView(visit, { made }) };
      } catch (error) {
        if (!(error instanceof ApiFailure) || error.status >= 500) throw error;
        const token: FormState = { values: new URLSearchParams(visit.form), problems: problemsOf(error) };
        return { view: { ...(await accountView(visit, { token })), status: error.status } };
      }
    },
  },
  {
    path: '/account/tokens/:id/delete',
    right: 'read',
    post: async (visit) => {
      await visit.api.send('DELETE', path`/me/tokens/${visit.params.id ?? ''}`);
      return { redirect: `${BASE}?done=token-deleted` };
    },
  },
  {
    path: '/account/sessions/:id/end',
    right: 'read',
    post: async (visit) => {
      await visit.api.send('DELETE', path`/me/sessions/${visit.params.id ?? ''}`);
      return { redirect: `${BASE}?done=session-ended` };
    },
  },
];

function problemsOf(error: ApiFailure): FormState['problems'] {
  return error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }];
}

interface AccountState {
  password?: FormState;
  token?: FormState;
  made?: TokenAnswer & { token: string };
}

async function accountView(visit: Visit, state: AccountState = {}): Promise<View> {
  const [me, { sessions }, { tokens }] = await Promise.all([
    visit.api.get<MeAnswer>('/me'),
    visit.api.get<{ sessions: SessionAnswer[] }>('/me/sessions'),
    visit.api.get<{ tokens: TokenAnswer[] }>('/me/tokens'),
  ]);
  const sessionList = sessionTable(visit, sessions);
  const tokenList = tokenTable(visit, tokens);
  const body = html`<p>You are <strong>${me.username}</strong>, ${me.role} of ${me.scopes.map(scopeLine).join(' and ')} cache nodes, with the rights ${me.rights.join(', ')}.</p>
${state.made ? madeToken(state.made) : NOTHING}
<div class="columns"><section class="card" aria-labelledby="password-head"><h2 id="password-head">Password</h2>${passwordForm(visit, state.password ?? NO_STATE)}</section>
<section class="card" aria-labelledby="token-head"><h2 id="token-head">New API token</h2>${tokenForm(visit, me, state.token)}</section></div>
<section class="card" aria-labelledby="tokens-head"><h2 id="tokens-head">API tokens</h2>${renderTable(tokenList, `${BASE}?csv=${tokenList.id}`)}</section>
<section class="card" aria-labelledby="sessions-head"><h2 id="sessions-head">Sessions</h2>${renderTable(sessionList, `${BASE}?csv=${sessionList.id}`)}</section>`;
  return { title: 'Account', section: 'account', body, tables: [tokenList, sessionList] };
}

function madeToken(made: TokenAnswer & { token: string }): Html {
  return html`<section class="card issued" role="status"><h2>API token ${made.name}</h2><p>It is shown once. Keep it like a password.</p>
<div class="command"><pre id="token" tabindex="0">${made.token}</pre><button type="button" class="button plain" data-copy="token">Copy</button></div></section>`;
}

function passwordForm(visit: Visit, state: FormState): Html {
  const input = (name: string, label: string, autocomplete: string) =>
    textField({ name, label, type: 'password', isRequired: true, autocomplete }, state);
  return html`${problemSummary(state, 'The password was not changed')}${postForm(
    visit,
    `${BASE}/password`,
    html`<input type="text" name="username" value="${visit.person?.username ?? ''}" autocomplete="username" hidden>
<div class="stack">${input('currentPassword', 'Current password', 'current-password')}${input('newPassword', 'New password', 'new-password')}${input('repeated', 'New password again', 'new-password')}
<p class="hint">Your other sessions end.</p><div><button type="submit" class="button primary">Change password</button></div></div>`,
    { novalidate: '' },
  )}`;
}

function tokenForm(visit: Visit, me: MeAnswer, known: FormState | undefined): Html {
  const state = known ?? {
    values: new URLSearchParams({ name: '', role: me.role, expiresInDays: '90' }),
    problems: [],
  };
  const roles = ['viewer', 'operator', 'deployer', 'admin'];
  const choices = roles.slice(0, roles.indexOf(me.role) + 1).map((role) => ({ value: role, label: role }));
  return html`${problemSummary(state, 'No token was made')}${postForm(
    visit,
    `${BASE}/tokens`,
    html`<div class="stack">${textField({ name: 'name', label: 'Name', hint: 'What it is for.', isRequired: true, maxLength: 100 }, state)}
${selectField({ name: 'role', label: 'Role', choices }, state)}
${textField({ name: 'expiresInDays', label: 'Expires after', unit: 'days', type: 'number', width: 'narrow', isRequired: true }, state)}
<div><button type="submit" class="button primary">Make the token</button></div></div>`,
    { novalidate: '' },
  )}`;
}

function tokenTable(visit: Visit, rows: readonly TokenAnswer[]): Table<TokenAnswer> {
  return {
    id: 'tokens',
    caption: 'API tokens',
    rows,
    empty: html`<p>No API tokens. Programs use them in place of your password.</p>`,
    columns: [
      { label: 'Name', isHead: true, cell: ({ name }) => name, csv: ({ name }) => name },
      { label: 'Role', cell: ({ role }) => role, csv: ({ role }) => role },
      { label: 'Cache nodes', cell: ({ scope }) => scopeLine(scope), csv: ({ scope }) => scopeLine(scope) },
      {
        label: 'Last used',
        cell: (one) =>
          one.lastUsedAtUtc
            ? html`${timeElement(one.lastUsedAtUtc, 'ago')} <span class="hint">${one.lastAddress}</span>`
            : 'never',
        csv: (one) => one.lastUsedAtUtc,
      },
      {
        label: 'Expires',
        cell: ({ expiresAtUtc }) => timeElement(expiresAtUtc),
        csv: ({ expiresAtUtc }) => expiresAtUtc,
      },
      {
        label: 'Actions',
        cell: ({ id, name }) =>
          actionButton(
            visit,
            path`/portal/account/tokens/${id}/delete`,
            html`Delete<span class="visually-hidden"> ${name}</span>`,
            { confirm: `Delete the token ${name}? Programs that use it are refused at once.` },
          ),
      },
    ],
  };
}

function sessionTable(visit: Visit, rows: readonly SessionAnswer[]): Table<SessionAnswer> {
  return {
    id: 'sessions',
    caption: 'Open sessions',
    rows,
    empty: '',
    columns: [
      {
        label: 'From',
        isHead: true,
        cell: (one) => html`${one.address || 'unknown'}${one.current ? html` <span class="tag">this one</span>` : ''}`,
        csv: ({ address }) => address,
      },
      {
        label: 'With',
        cell: ({ agent }) => html`<span class="row-reason">${agent || 'unknown'}</span>`,
        csv: ({ agent }) => agent,
      },
      {
        label: 'Signed in',
        cell: ({ createdAtUtc }) => timeElement(createdAtUtc),
        csv: ({ createdAtUtc }) => createdAtUtc,
      },
      {
        label: 'Last used',
        cell: ({ lastUsedAtUtc }) => timeElement(lastUsedAtUtc, 'ago'),
        csv: ({ lastUsedAtUtc }) => lastUsedAtUtc,
      },
      {
        label: 'Actions',
        cell: ({ id, current }) =>
          current ? '' : actionButton(visit, path`/portal/account/sessions/${id}/end`, 'End'),
      },
    ],
  };
}
