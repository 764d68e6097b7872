// Every page of the portal. Where two paths fit, the earlier one is served: `/nodes/new` before `/nodes/:name`.

import type { Page } from '../visit.ts';
import { accountPages } from './account.ts';
import { auditPages } from './audit.ts';
import { deploymentCreatePages } from './deployment-create.ts';
import { fleetDeploymentPages } from './deployments.ts';
import { fleetPages } from './fleet.ts';
import { joinPages } from './join.ts';
import { actionPages } from './node-actions.ts';
import { createPages } from './node-create.ts';
import { deploymentPages } from './node-deployment.ts';
import { logPages } from './node-logs.ts';
import { nodePages } from './node-overview.ts';
import { provisionPages } from './node-provision.ts';
import { nodeRoutingPages } from './node-routing.ts';
import { timelinePages } from './node-timeline.ts';
import { overviewPages } from './overview.ts';
import { peoplePages } from './people.ts';
import { routingPages } from './routing.ts';
import { signInPages } from './sign-in.ts';

export function pages(): Page[] {
  return [
    ...[...signInPages, ...joinPages, ...overviewPages],
    ...[...fleetPages, ...createPages, ...provisionPages, ...nodePages, ...logPages, ...timelinePages],
    ...[...nodeRoutingPages, ...deploymentPages, ...actionPages],
    ...[...deploymentCreatePages, ...fleetDeploymentPages, ...routingPages],
    ...[...peoplePages, ...auditPages, ...accountPages],
  ];
}
