// Every route of /api/v1 (docs/contracts.md 6).

import { accountRoutes } from './account-routes.ts';
import { auditRoutes } from './audit-routes.ts';
import { bgpRoutes } from './bgp-routes.ts';
import { deploymentRoutes } from './deployment-routes.ts';
import { historyRoutes } from './history-routes.ts';
import { metricRoutes } from './metric-routes.ts';
import { migrationRoutes } from './migration-routes.ts';
import { moduleRoutes } from './module-routes.ts';
import { nodeKeyRoutes } from './node-key-routes.ts';
import { nodeRoutes } from './node-routes.ts';
import { openRoutes } from './open-routes.ts';
import { ownRoutes } from './own-routes.ts';
import type { ApiParts } from './parts.ts';
import type { Route } from './route.ts';
import { routingRoutes } from './routing-routes.ts';
import { steeringRoutes } from './steering-routes.ts';
import { updateRoutes } from './update-routes.ts';
import { uploadRoutes } from './upload-routes.ts';
import { userRoutes } from './user-routes.ts';
import { viewRoutes } from './view-routes.ts';
import { watchRoutes } from './watch-routes.ts';
import { workRoutes } from './work-routes.ts';

export function apiRoutes(parts: ApiParts): Route[] {
  const routes: Route[] = [];
  routes.push(...openRoutes(parts, () => routes), ...nodeRoutes(parts), ...watchRoutes(parts), ...moduleRoutes(parts));
  routes.push(...deploymentRoutes(parts), ...historyRoutes(parts));
  routes.push(...accountRoutes(parts), ...routingRoutes(parts), ...bgpRoutes(parts), ...steeringRoutes(parts));
  routes.push(...ownRoutes(parts), ...viewRoutes(parts), ...userRoutes(parts), ...auditRoutes(parts));
  routes.push(...nodeKeyRoutes(parts), ...metricRoutes(parts), ...workRoutes(parts), ...uploadRoutes(parts));
  routes.push(...migrationRoutes(parts), ...updateRoutes(parts));
  return routes;
}
