// Which nodes a call concerns, and what its caller reaches: judged for every route before its body is read.

import { type Access, type Caller, requireReach, requireRight, requireWholeFleet } from '../people/access.ts';
import { REACHES_ALL, type Reach } from '../people/node-reach.ts';
import type { Route } from './route.ts';

const OF_NODE = /^\/nodes\/\{name\}(\/|$)/;

export type RouteReach = 'open' | 'node' | 'fleet' | 'filtered' | 'own';

/** A route that says nothing and names no node is for those who reach all of them. */
export function reachOf(route: Pick<Route, 'path' | 'right' | 'reach'>): RouteReach {
  if (route.right === 'none') return 'open';
  return route.reach ?? (OF_NODE.test(route.path) ? 'node' : 'fleet');
}

/** CLOUD_RIGHT_MISSING, CLOUD_SCOPE_MISSING, CLOUD_NODE_NOT_FOUND (also for a node out of reach: the answer is the same). */
export async function requireAllowed(
  route: Route,
  caller: Caller,
  request: { method: string; path: string; nodeName: string },
  access: Pick<Access, 'reachOf'>,
): Promise<Reach> {
  if (route.right === 'none') return REACHES_ALL;
  const what = `${request.method} ${request.path}`;
  requireRight(caller, route.right, what);
  switch (reachOf(route)) {
    case 'fleet':
      requireWholeFleet(caller, what);
      return REACHES_ALL;
    case 'node': {
      const reach = await access.reachOf(caller, request.nodeName);
      requireReach(reach, request.nodeName);
      return reach;
    }
    case 'filtered':
      return access.reachOf(caller);
    default:
      return REACHES_ALL;
  }
}
