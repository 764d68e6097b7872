// Routes of the versions of a node's modules: history, and an update that waits for no window.

import { listUpdates } from '../updates/update-rows.ts';
import { actorOf, nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { json, type Route } from './route.ts';
import { ref } from './schemas.ts';

export function updateRoutes({ db, nodes, updates }: ApiParts): Route[] {
  return [
    {
      method: 'get',
      path: '/nodes/{name}/updates',
      right: 'read',
      summary: 'Updates of the modules of a node, the newest first: the last 100',
      success: { status: 200, description: 'Updates.', schema: ref('NodeUpdateList') },
      refusals: [404],
      handle: async (call) => {
        const node = await nodes.get(nameOf(call));
        return json({ updates: await listUpdates(db, node.name) });
      },
    },
    {
      method: 'post',
      path: '/nodes/{name}/update-now',
      right: 'deploy',
      summary: 'Hand out the version that the node is to run at once, whatever its ring; also one that failed',
      success: { status: 200, description: 'Versions of the node afterwards.', schema: ref('NodeUpdate') },
      refusals: [404, 409],
      handle: async (call) => {
        const name = nameOf(call);
        await updates.updateNow(name, actorOf(call));
        const node = await nodes.get(name);
        return json(updates.statusOf([node]).get(name) as object);
      },
    },
  ];
}
