// The list of migrations, in the order they were written. A released one never changes: add a file and a line.

import type { Migration } from 'kysely/migration';
import { createDeploymentTables } from './migrations/deployment-0001.ts';
import { createHubTables } from './migrations/hub-0001.ts';
import { createJobTables } from './migrations/jobs-0001.ts';
import { createMessageTables } from './migrations/messages-0001.ts';
import { createFleetMinutes } from './migrations/metrics-0001.ts';
import { createNodeTables } from './migrations/node-0001.ts';
import { addDaemon } from './migrations/node-0002.ts';
import { addNodeSettings } from './migrations/node-0003.ts';
import { addUpdates } from './migrations/node-0004.ts';
import { createPeopleTables } from './migrations/people-0001.ts';
import { createSavedViews } from './migrations/people-0002.ts';
import { createReplicaTables } from './migrations/replicas-0001.ts';
import { createRoutingTables } from './migrations/routing-0001.ts';
import { createTrafficTables } from './migrations/traffic-0001.ts';
import { createUploads } from './migrations/uploads-0001.ts';

/** Names are kept in the database and run in their alphabetic order; every face prefixes its own ('hub-', 'node-'), so both can grow apart. */
export const MIGRATIONS: { [name: string]: Migration } = {
  'hub-0001': createHubTables,
  'jobs-0001': createJobTables,
  'messages-0001': createMessageTables,
  'metrics-0001': createFleetMinutes,
  'node-0001': createNodeTables,
  'node-0002': addDaemon,
  'node-0003': addNodeSettings,
  'node-0004': addUpdates,
  'routing-0001': createRoutingTables,
  'hub-deployment-0001': createDeploymentTables,
  'traffic-0001': createTrafficTables,
  'uploads-0001': createUploads,
  'people-0001': createPeopleTables,
  'people-0002': createSavedViews,
  'replicas-0001': createReplicaTables,
};
