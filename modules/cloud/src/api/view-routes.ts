// Routes of the views that a person keeps of the list of nodes.

import { refusal } from '../errors.ts';
import { type SavedView, VIEW_NAME_CHARACTERS_MAX, type ViewFilter } from '../people/saved-views.ts';
import { NODE_PAGE_QUERY } from './node-page.ts';
import { isoTime, ownerOf } from './own-routes.ts';
import type { ApiParts } from './parts.ts';
import { json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const BODY_BYTES_MAX = 16 * 1024;
/** In a list and an address: one line. */
const NAME = new RegExp(`^[^\\p{Cc}/]{1,${VIEW_NAME_CHARACTERS_MAX}}$`, 'u');
const WHAT = 'keep views';

const { q, where, order, state } = NODE_PAGE_QUERY;
const VIEW: Schema = {
  type: 'object',
  properties: {
    q: { ...q, default: '' },
    where: { ...where, default: '' },
    state: { enum: ['', ...state.enum], default: '' },
    order: { ...order, default: 'name' },
  },
  additionalProperties: false,
};

export function viewRoutes({ people }: ApiParts): Route[] {
  const object = (name: string | undefined) => `views/${name}`;
  return [
    {
      ...{ method: 'get', path: '/me/views', right: 'read', reach: 'own', summary: 'Own saved views, by name' },
      success: { status: 200, description: 'Views.', schema: ref('SavedViewList') },
      handle: async (call) => {
        const { person } = ownerOf(call, WHAT);
        return json({ views: (await people.views.list(person.username)).map(viewAnswer) });
      },
    },
    {
      ...{ method: 'put', path: '/me/views/{name}', right: 'read', reach: 'own' },
      summary: 'Save a view of the list of nodes; one of the same name is replaced',
      body: { schema: VIEW, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
      success: { status: 200, description: 'The view.', schema: ref('SavedView') },
      refusals: [409],
      audit: { object: (call) => object(call.params.name) },
      handle: async (call) => {
        const { person } = ownerOf(call, WHAT);
        return json(viewAnswer(await people.views.save(person.username, nameOf(call.params), call.body as ViewFilter)));
      },
    },
    {
      ...{ method: 'delete', path: '/me/views/{name}', right: 'read', reach: 'own', summary: 'Delete an own view' },
      success: { status: 204, description: 'Deleted.' },
      refusals: [404],
      audit: { object: (call) => object(call.params.name) },
      handle: async (call) => {
        const { person } = ownerOf(call, WHAT);
        await people.views.remove(person.username, call.params.name ?? '');
        return { empty: true };
      },
    },
  ];
}

function nameOf({ name = '' }: { name?: string }): string {
  if (NAME.test(name) && name.trim() === name) return name;
  const message = `is ${JSON.stringify(name.slice(0, VIEW_NAME_CHARACTERS_MAX))}: wanted 1 to ${VIEW_NAME_CHARACTERS_MAX} characters in one line, without "/"`;
  throw refusal('CLOUD_REQUEST_INVALID', `Cannot save the view: its name ${message}`, {
    problems: [{ path: 'name', message }],
  });
}

function viewAnswer({ savedAtMs, ...view }: SavedView) {
  return { ...view, savedAtUtc: isoTime(savedAtMs) };
}
