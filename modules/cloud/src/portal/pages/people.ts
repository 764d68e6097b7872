// Users and invitations: who may do what, for which nodes ("grant other users access").

import { ROLES } from '../../people/roles.ts';
import type { Scope } from '../../people/scope.ts';
import { ApiFailure } from '../api-client.ts';
import { actionButton, type FormState, postForm, problemSummary, selectField, textField } from '../form.ts';
import { type Html, html, NOTHING, path } from '../html.ts';
import { badge } from '../icons.ts';
import { PORTAL } from '../portal-path.ts';
import { readScopeLine, scopeLine } from '../scope-words.ts';
import { renderTable, type Table } from '../table.ts';
import { timeElement } from '../time.ts';
import { field, type Page, type View, type Visit } from '../visit.ts';

const BASE = `${PORTAL}/people`;

interface UserAnswer {
  username: string;
  role: string;
  scope: Scope;
  isDisabled: boolean;
  invitedBy: string;
  createdAtUtc: string;
}

interface InvitationAnswer {
  id: string;
  username: string | null;
  isReset: boolean;
  role: string;
  scope: Scope;
  invitedBy: string;
  createdAtUtc: string;
  expiresAtUtc: string;
  usedAtUtc: string | null;
}

type Issued = InvitationAnswer & { link: string };

const ROLE_CHOICES = [
  { value: 'viewer', label: 'viewer: sees everything, changes nothing' },
  { value: 'operator', label: 'operator: also restarts modules and reads logs' },
  { value: 'deployer', label: 'deployer: also creates, changes and deploys' },
  { value: 'admin', label: 'admin: also users, audit and keys' },
];

export const peoplePages: Page[] = [
  {
    path: '/people',
    right: 'admin',
    get: async (visit) => ({ view: await peopleView(visit, { values: inviteValues(), problems: [] }) }),
    post: async (visit) => {
      const values = new URLSearchParams(visit.form);
      const username = field(values, 'username').trim();
      const body = {
        ...(username === '' ? {} : { username }),
        role: field(values, 'role'),
        scope: readScopeLine(field(values, 'scope')),
      };
      return issue(visit, values, () => visit.api.send<Issued>('POST', '/invitations', body));
    },
  },
  {
    path: '/people/:username/change',
    right: 'admin',
    post: async (visit) => {
      const isDisabled = field(visit.form, 'isDisabled');
      const body = {
        ...(visit.form.has('role') ? { role: field(visit.form, 'role') } : {}),
        ...(visit.form.has('scope') ? { scope: readScopeLine(field(visit.form, 'scope')) } : {}),
        ...(isDisabled === '' ? {} : { isDisabled: isDisabled === 'true' }),
      };
      await visit.api.send('PATCH', userPath(visit), body);
      return { redirect: `${BASE}?done=saved` };
    },
  },
  {
    path: '/people/:username/remove',
    right: 'admin',
    post: async (visit) => {
      await visit.api.send('DELETE', userPath(visit));
      return { redirect: `${BASE}?done=user-deleted` };
    },
  },
  {
    path: '/people/:username/reset',
    right: 'admin',
    post: async (visit) =>
      issue(visit, inviteValues(), () => visit.api.send<Issued>('POST', `${userPath(visit)}/password-reset`, {})),
  },
  {
    path: '/invitations/:id/withdraw',
    right: 'admin',
    post: async (visit) => {
      await visit.api.send('DELETE', path`/invitations/${visit.params.id ?? ''}`);
      return { redirect: `${BASE}?done=withdrawn` };
    },
  },
];

function userPath(visit: Visit): string {
  return path`/users/${visit.params.username ?? ''}`;
}

function inviteValues(): URLSearchParams {
  return new URLSearchParams({ username: '', role: 'viewer', scope: 'all' });
}

/** The link is shown in this answer alone. */
async function issue(visit: Visit, values: URLSearchParams, send: () => Promise<Issued>) {
  try {
    const issued = await send();
    return { view: await peopleView(visit, { values: inviteValues(), problems: [] }, issued) };
  } catch (error) {
    if (!(error instanceof ApiFailure) || ![400, 403, 409].includes(error.status)) throw error;
    const problems = error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }];
    return { view: { ...(await peopleView(visit, { values, problems })), status: error.status } };
  }
}

async function peopleView(visit: Visit, state: FormState, issued?: Issued): Promise<View> {
  const [{ users }, { invitations }] = await Promise.all([
    visit.api.get<{ users: UserAnswer[] }>('/users'),
    visit.api.get<{ invitations: InvitationAnswer[] }>('/invitations'),
  ]);
  const people = userTable(visit, users);
  const open = invitationTable(visit, invitations);
  const body = html`${issued ? issuedLink(issued) : NOTHING}${problemSummary(state, 'Nobody was invited')}
<section class="card" aria-labelledby="users-head"><div class="card-head"><h2 id="users-head">Users</h2></div>${renderTable(people, `${BASE}?csv=${people.id}`)}</section>
<section class="card" aria-labelledby="invite-head"><h2 id="invite-head">Invite a user</h2>
<p class="hint">You get a link that works once, for 72 hours. Send it to the person on a way you trust. Nobody can be given more than you have.</p>
${postForm(
  visit,
  BASE,
  html`<div class="row-fields">${textField({ name: 'username', label: 'User name', hint: 'Empty: the person chooses it.', maxLength: 100 }, state)}
${selectField({ name: 'role', label: 'Role', choices: ROLE_CHOICES }, state)}
${textField({ name: 'scope', label: 'Cache nodes', hint: 'all, or names, prefixes as lon-*, tags as tag:region=eu', isMono: true }, state)}</div>
<div class="form-foot spaced"><button type="submit" class="button primary">Make the invitation</button></div>`,
  { novalidate: '' },
)}</section>
<section class="card" aria-labelledby="invitations-head"><h2 id="invitations-head">Invitations</h2>${renderTable(open, `${BASE}?csv=${open.id}`)}</section>`;
  return { title: 'Users', section: 'people', body, tables: [people, open] };
}

function issuedLink(issued: Issued): Html {
  const who = issued.isReset
    ? `Link with which ${issued.username} sets a new password`
    : `Invitation for ${issued.username ?? 'a new user'} (${issued.role})`;
  return html`<section class="card issued" role="status"><h2>${who}</h2><p>It is shown once and works until ${timeElement(issued.expiresAtUtc)}.</p>
<div class="command"><pre id="link" tabindex="0">${issued.link}</pre><button type="button" class="button plain" data-copy="link">Copy</button></div></section>`;
}

function userTable(visit: Visit, rows: readonly UserAnswer[]): Table<UserAnswer> {
  return {
    id: 'users',
    caption: 'Users',
    rows,
    empty: html`<p>No users you may see.</p>`,
    columns: [
      {
        label: 'User',
        isHead: true,
        cell: (user) =>
          html`${user.username}${user.username === visit.person?.username ? html` <span class="tag">you</span>` : ''}`,
        csv: (user) => user.username,
      },
      {
        label: 'State',
        cell: (user) => (user.isDisabled ? badge('off', 'disabled') : badge('healthy', 'active')),
        csv: (user) => (user.isDisabled ? 'disabled' : 'active'),
      },
      { label: 'Role and cache nodes', cell: (user) => roleForm(visit, user) },
      { label: 'Role', csv: (user) => user.role },
      { label: 'Cache nodes', csv: (user) => scopeLine(user.scope) },
      { label: 'Invited by', isMinor: true, cell: (user) => user.invitedBy || '–', csv: (user) => user.invitedBy },
      {
        label: 'Since',
        isMinor: true,
        cell: (user) => timeElement(user.createdAtUtc),
        csv: (user) => user.createdAtUtc,
      },
      { label: 'Actions', cell: (user) => userActions(visit, user) },
    ],
  };
}

function roleForm(visit: Visit, user: UserAnswer): Html {
  if (user.username === visit.person?.username) return html`${user.role}, ${scopeLine(user.scope)}`;
  const options = ROLES.map(
    (role) => html`<option value="${role}"${role === user.role ? html` selected` : ''}>${role}</option>`,
  );
  return postForm(
    visit,
    path`/portal/people/${user.username}/change`,
    html`<div class="cell-form"><select name="role" aria-label="Role of ${user.username}">${options}</select><input name="scope" value="${scopeLine(user.scope)}" aria-label="Cache nodes of ${user.username}" class="mono"><button type="submit" class="button plain">Save<span class="visually-hidden"> ${user.username}</span></button></div>`,
  );
}

function userActions(visit: Visit, user: UserAnswer): Html | '' {
  if (user.username === visit.person?.username) return html`<a href="${PORTAL}/account">Own account</a>`;
  const to = (place: string) => path`/portal/people/${user.username}/` + place;
  const named = (label: string) => html`${label}<span class="visually-hidden"> ${user.username}</span>`;
  const able = user.isDisabled
    ? actionButton(visit, to('change'), named('Enable'), { values: { isDisabled: 'false' } })
    : actionButton(visit, to('change'), named('Disable'), {
        values: { isDisabled: 'true' },
        confirm: `Disable ${user.username}? All sessions and tokens stop working at once.`,
      });
  return html`<div class="row-actions">${able}${actionButton(visit, to('reset'), named('Reset password'))}${actionButton(visit, to('remove'), named('Delete'), { confirm: `Delete ${user.username} with all sessions and tokens? The audit log keeps the name. It cannot be undone.` })}</div>`;
}

function invitationTable(visit: Visit, rows: readonly InvitationAnswer[]): Table<InvitationAnswer> {
  const stateOf = (one: InvitationAnswer) =>
    one.usedAtUtc ? 'used' : Date.parse(one.expiresAtUtc) < visit.nowMs ? 'expired' : 'open';
  return {
    id: 'invitations',
    caption: 'Invitations of the last 30 days',
    rows,
    empty: html`<p>No invitations in the last 30 days.</p>`,
    columns: [
      {
        label: 'For',
        isHead: true,
        cell: (one) => `${one.username ?? 'a new user'}${one.isReset ? ' (password)' : ''}`,
        csv: (one) => one.username,
      },
      { label: 'State', cell: (one) => badge(stateOf(one) === 'open' ? 'busy' : 'off', stateOf(one)), csv: stateOf },
      { label: 'Role', cell: (one) => one.role, csv: (one) => one.role },
      { label: 'Cache nodes', cell: (one) => scopeLine(one.scope), csv: (one) => scopeLine(one.scope) },
      { label: 'Invited by', isMinor: true, cell: (one) => one.invitedBy, csv: (one) => one.invitedBy },
      { label: 'Expires', cell: (one) => timeElement(one.expiresAtUtc), csv: (one) => one.expiresAtUtc },
      {
        label: 'Actions',
        cell: (one) =>
          stateOf(one) === 'open'
            ? actionButton(visit, path`/portal/invitations/${one.id}/withdraw`, 'Withdraw', {
                confirm: 'Withdraw this invitation? Its link stops working.',
              })
            : '',
      },
    ],
  };
}
