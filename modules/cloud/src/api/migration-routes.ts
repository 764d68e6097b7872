// Routes of the migration package: nodes out of this cloud, nodes into it.

import { PACKAGE_NODES_MAX, packNodes, takeInNodes } from '../nodes/migration-package.ts';
import { actorOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const EXPORT_BYTES_MAX = 256 * 1024;
/** A node with 1000 blocks and a deployment of its own is some 60 KiB. */
const IMPORT_BYTES_MAX = 64 * 1024 * 1024;

const EXPORT: Schema = {
  type: 'object',
  properties: {
    nodes: { type: 'array', minItems: 1, maxItems: PACKAGE_NODES_MAX, items: { type: 'string', maxLength: 90 } },
    customerId: { type: 'string', description: 'All nodes of this account.' },
  },
  additionalProperties: false,
};
const IMPORT: Schema = {
  type: 'object',
  properties: {
    package: { type: 'object' },
    replace: {
      type: 'boolean',
      default: false,
      description: 'true: nodes that are here already take the fields of the package.',
    },
  },
  required: ['package'],
  additionalProperties: false,
};

export function migrationRoutes(parts: ApiParts): Route[] {
  const { clock, watch } = parts;
  return [
    {
      method: 'post',
      path: '/nodes/export',
      right: 'admin',
      summary: 'The migration package of the nodes named, of an account, or of all: with keys and passwords',
      body: { schema: EXPORT, checkedBy: 'schema', bytesMax: EXPORT_BYTES_MAX },
      success: { status: 200, description: 'A package. Secrets.', schema: ref('MigrationPackage') },
      refusals: [404],
      handle: async (call) =>
        json(await packNodes(parts, call.body as { nodes?: string[]; customerId?: string }, clock.nowMs())),
    },
    {
      method: 'post',
      path: '/nodes/import',
      right: 'admin',
      summary:
        'Take in a migration package: names, ids and keys stay; each server then runs the provisioning command of its node',
      body: { schema: IMPORT, checkedBy: 'schema', bytesMax: IMPORT_BYTES_MAX },
      audit: { leaveOut: 'body' },
      success: { status: 200, description: 'What became of each node.', schema: ref('ImportedNodes') },
      refusals: [409],
      handle: async (call) => {
        const body = call.body as { package: unknown; replace: boolean };
        const options = { replace: body.replace, nowMs: clock.nowMs(), by: actorOf(call) };
        const nodes = await takeInNodes(parts, body.package, options);
        for (const { name, result } of nodes) if (result !== 'refused') await watch.wake(name);
        return json({ nodes });
      },
    },
  ];
}
