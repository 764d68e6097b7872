// Every page of the portal.

import type { Page } from '../visit.ts';
import { fleetPages } from './fleet.ts';
import { actionPages } from './node-actions.ts';
import { createPages } from './node-create.ts';
import { logPages } from './node-logs.ts';
import { nodePages } from './node-overview.ts';
import { provisionPages } from './node-provision.ts';
import { timelinePages } from './node-timeline.ts';
import { overviewPages } from './overview.ts';
import { signInPages } from './sign-in.ts';

export function pages(): Page[] {
  return [
    ...signInPages,
    ...overviewPages,
    ...fleetPages,
    ...createPages,
    ...provisionPages,
    ...nodePages,
    ...logPages,
    ...timelinePages,
    ...actionPages,
  ];
}
