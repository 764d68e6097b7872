// Views of the fleet that the viewer has saved: links above the list, one form to save what is shown, one to delete the view that is shown.

import type { ViewFilter } from '../../people/saved-views.ts';
import { actionButton, postForm } from '../form.ts';
import { attributes, type Html, html, NOTHING, withQuery } from '../html.ts';
import { PORTAL } from '../portal-path.ts';
import { field, type Page, type Visit } from '../visit.ts';

const BASE = `${PORTAL}/nodes`;
const NAME_CHARACTERS_MAX = 60;

export interface SavedViewAnswer extends ViewFilter {
  name: string;
}

/** What the address of the fleet page holds of the list. */
export type ListAddress = { q: string; state: string; where: string; sort: string };

export const viewPages: Page[] = [
  {
    path: '/views',
    right: 'read',
    post: async (visit) => {
      const address = addressOf(visit.form);
      const body = { q: address.q, state: address.state, where: address.where, order: address.sort || 'name' };
      await visit.api.send('PUT', `/me/views/${encodeURIComponent(field(visit.form, 'name').trim())}`, body);
      return { redirect: withQuery(BASE, { ...address, done: 'view-saved' }) };
    },
  },
  {
    path: '/views/delete',
    right: 'read',
    post: async (visit) => {
      await visit.api.send('DELETE', `/me/views/${encodeURIComponent(field(visit.form, 'name'))}`);
      return { redirect: withQuery(BASE, { ...addressOf(visit.form), done: 'view-deleted' }) };
    },
  },
];

export async function loadViews(visit: Visit): Promise<SavedViewAnswer[]> {
  return (await visit.api.get<{ views: SavedViewAnswer[] }>('/me/views')).views;
}

export function viewBar(visit: Visit, address: ListAddress, views: readonly SavedViewAnswer[]): Html {
  const isFiltered = Object.values(address).some((value) => value !== '');
  if (views.length === 0 && !isFiltered) return NOTHING;
  const hrefOf = (view: SavedViewAnswer) =>
    withQuery(BASE, { q: view.q, state: view.state, where: view.where, sort: view.order === 'name' ? '' : view.order });
  const shown = views.find((view) => hrefOf(view) === withQuery(BASE, address));
  const links = views.map(
    (view) =>
      html`<li><a class="chip" href="${hrefOf(view)}"${attributes({ 'aria-current': view === shown ? 'true' : undefined })}>${view.name}</a></li>`,
  );
  const list = views.length > 0 ? html`<nav aria-label="Saved views"><ul class="chips">${links}</ul></nav>` : NOTHING;
  return html`<div class="views">${list}${shown ? deleteForm(visit, address, shown) : isFiltered ? saveForm(visit, address) : NOTHING}</div>`;
}

function saveForm(visit: Visit, address: ListAddress): Html {
  return postForm(
    visit,
    `${PORTAL}/views`,
    html`${hiddenFields(address)}<label for="view-name" class="visually-hidden">Name of the view</label><input id="view-name" name="name" required placeholder="Name of this view" maxlength="${NAME_CHARACTERS_MAX}" autocomplete="off" data-keep>
<button type="submit" class="button plain">Save view</button>`,
    { class: 'inline-form' },
  );
}

function deleteForm(visit: Visit, address: ListAddress, { name }: SavedViewAnswer): Html {
  const confirm = `Delete the view ${name}? No cache node is changed.`;
  return actionButton(visit, `${PORTAL}/views/delete`, 'Delete this view', { values: { ...address, name }, confirm });
}

function hiddenFields(address: ListAddress): Html[] {
  return Object.entries(address).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
}

function addressOf(form: URLSearchParams): ListAddress {
  return { q: field(form, 'q'), state: field(form, 'state'), where: field(form, 'where'), sort: field(form, 'sort') };
}
