// What the routes are made of: the services of the cache-node face, handed in by the composition root.

import type { Clock, Logger } from '@wayside/kit';
import type { Accounts } from '../accounts/accounts.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BgpIntake } from '../bgp/bgp-intake.ts';
import type { Configurations } from '../deployments/configurations.ts';
import type { Deployments } from '../deployments/deployments.ts';
import type { FleetMinutes } from '../health/fleet-minutes.ts';
import type { NodeWatch } from '../health/node-watch.ts';
import type { ProbeLoop } from '../health/probe-loop.ts';
import type { NodeRegistry } from '../nodes/node-registry.ts';
import type { Registration } from '../nodes/registration.ts';
import type { NodeDb } from '../nodes/tables.ts';
import type { Timeline } from '../nodes/timeline.ts';
import type { Access } from '../people/access.ts';
import type { People } from '../people/people.ts';
import type { Platform } from '../platform.ts';
import type { PrefixBook } from '../routing/prefix-book.ts';
import type { Routing } from '../routing/routing.ts';
import type { ClientAddresses } from '../steering/client-address.ts';
import type { Updates } from '../updates/updates.ts';
import type { Uploads } from '../uploads/uploads.ts';

export interface ApiParts {
  db: NodeDb;
  platform: Platform;
  clock: Clock;
  logger: Logger;
  people: People;
  access: Access;
  audit: AuditLog;
  accounts: Accounts;
  configurations: Configurations;
  deployments: Deployments;
  nodes: NodeRegistry;
  routing: Routing;
  prefixes: PrefixBook;
  bgpIntake: BgpIntake;
  clientAddresses: ClientAddresses;
  registration: Registration;
  timeline: Timeline;
  watch: NodeWatch;
  probes: ProbeLoop;
  fleetMinutes: FleetMinutes;
  updates: Updates;
  uploads: Uploads;
  version: string;
  /** PEM. */
  caCertificate: string;
  /** https base of the cloud as nodes reach it. */
  cloudUrl: string;
  /** MQTT port of the cloud as nodes reach it. */
  mqttPort: number;
  /** Image of the daemon, as the manifests name theirs. */
  daemonImage: string;
  /** base64 SHA-256 of the server's public key. */
  pin: string;
}
