// Routes of cache nodes: fields, manifest, deployment.

import { readEnvelope } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { stateTextOf } from '../health/judge.ts';
import { toReason } from '../health/monitor.ts';
import type { StoredJudgement } from '../health/node-status.ts';
import type { FieldWarning } from '../nodes/field-complaints.ts';
import { type NodeColumns, readColumns } from '../nodes/node-columns.ts';
import { fieldsOf } from '../nodes/node-fields.ts';
import type { NodeAnswer, NodeRecord } from '../nodes/node-record.ts';
import { readNodesNamed } from '../nodes/node-rows.ts';
import { requireReach } from '../people/access.ts';
import type { Actor } from '../platform.ts';
import type { NodeUpdate } from '../updates/update-status.ts';
import { findNodes } from './find-nodes.ts';
import { NODE_PAGE_QUERY } from './node-page.ts';
import { NODE_CHANGE, NODE_CREATE } from './node-schemas.ts';
import type { ApiParts } from './parts.ts';
import { type Call, json, type Route } from './route.ts';
import { ref } from './schemas.ts';

const FIELDS_BYTES_MAX = 256 * 1024;
/** 50 modules with 32 KB of desired properties each would be 1.6 MB; twins hold far less in all. */
export const MANIFEST_BYTES_MAX = 2 * 1024 * 1024;

export function nodeRoutes(parts: ApiParts): Route[] {
  return [...fieldRoutes(parts), ...deploymentRoutes(parts)];
}

export function nameOf(call: Call): string {
  return call.params.name ?? '';
}

/** How the timeline names the caller. */
export function actorOf(call: Call): Actor {
  return call.person?.username ?? '';
}

function fieldRoutes(parts: ApiParts): Route[] {
  const { nodes, watch } = parts;
  const answerFresh = async (node: NodeRecord, warnings: FieldWarning[] = []) => {
    const [answer] = await toAnswers(parts, [node], async () => (await watch.look(node)).judgement);
    return json({ ...answer, ...(warnings.length > 0 ? { warnings } : {}) });
  };
  return [
    {
      method: 'get',
      path: '/nodes',
      right: 'read',
      summary: 'Cache nodes: all, or a page of those that fit, in the order wanted',
      query: NODE_PAGE_QUERY,
      success: { status: 200, description: 'Cache nodes with their states.', schema: ref('NodeList') },
      reach: 'filtered',
      handle: async (call) => {
        const { names, ...page } = await findNodes(parts, call);
        const answers = await toAnswers(parts, await readNodesNamed(parts.db, names), (node) =>
          watch.judgementOf(node),
        );
        return json({ nodes: answers, ...page });
      },
    },
    {
      method: 'post',
      path: '/nodes',
      right: 'deploy',
      summary: 'Create a cache node: its record, its device and its first deployment',
      body: { schema: NODE_CREATE, checkedBy: 'route', bytesMax: FIELDS_BYTES_MAX },
      success: { status: 201, description: 'The node.', schema: ref('Node') },
      refusals: [404, 409],
      reach: 'filtered',
      handle: async (call) => {
        requireReach(call.reach, String((call.body as { name?: unknown }).name));
        const { node, warnings } = await nodes.create(call.body, actorOf(call));
        await watch.wake(node.name);
        return answerFresh(node, warnings);
      },
    },
    {
      method: 'get',
      path: '/nodes/{name}',
      right: 'read',
      summary: 'One cache node',
      success: { status: 200, description: 'The node.', schema: ref('Node') },
      refusals: [404],
      handle: async (call) => answerFresh(await nodes.get(nameOf(call))),
    },
    {
      method: 'patch',
      path: '/nodes/{name}',
      right: 'deploy',
      summary:
        'Change fields; a deployment that was made from the fields follows them, one of your own is left as it is',
      body: { schema: NODE_CHANGE, checkedBy: 'route', bytesMax: FIELDS_BYTES_MAX },
      success: { status: 200, description: 'The node afterwards.', schema: ref('Node') },
      refusals: [404, 409],
      handle: async (call) => {
        const { node, warnings } = await nodes.change(nameOf(call), call.body, actorOf(call));
        await watch.wake(node.name);
        return answerFresh(node, warnings);
      },
    },
    {
      method: 'delete',
      path: '/nodes/{name}',
      right: 'deploy',
      summary: 'Delete a cache node with its device and history; cannot be undone',
      success: { status: 204, description: 'Deleted.' },
      refusals: [404],
      handle: async (call) => {
        await nodes.remove(nameOf(call));
        watch.forget(nameOf(call));
        return { empty: true };
      },
    },
  ];
}

function deploymentRoutes(parts: ApiParts): Route[] {
  const { nodes, platform, watch } = parts;
  return [
    {
      method: 'get',
      path: '/nodes/{name}/manifest',
      right: 'deploy',
      summary: 'The manifest that the fields of the node stand for; it holds the customer key',
      success: { status: 200, description: 'A deployment manifest.', schema: ref('Manifest') },
      refusals: [404],
      handle: async (call) => json({ modulesContent: nodes.manifestOf(await nodes.get(nameOf(call))) }),
    },
    {
      method: 'get',
      path: '/nodes/{name}/deployment',
      right: 'deploy',
      summary: 'What is deployed now; it may hold registry passwords',
      success: { status: 200, description: 'A deployment manifest.', schema: ref('Manifest') },
      refusals: [404],
      handle: async (call) => {
        const node = await nodes.get(nameOf(call));
        return json({ modulesContent: await platform.getContent(node.name) });
      },
    },
    {
      method: 'put',
      path: '/nodes/{name}/deployment',
      right: 'deploy',
      summary: 'Deploy a manifest: all of it, or nothing and every problem',
      body: { schema: { type: 'object' }, checkedBy: 'route', bytesMax: MANIFEST_BYTES_MAX },
      success: { status: 200, description: 'Deployed.', schema: ref('Deployed') },
      refusals: [404],
      handle: async (call) => {
        const node = await nodes.get(nameOf(call));
        const envelope = readEnvelope(call.body);
        if ('problems' in envelope) {
          const problems = envelope.problems.map(({ path, message }) => ({ path, message }));
          const texts = problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ');
          throw refusal('CLOUD_MANIFEST_INVALID', `Cannot deploy to ${node.name}: ${texts}`, { problems });
        }
        const { desiredVersion, modules } = await nodes.deploy(node.name, envelope.modulesContent, actorOf(call));
        void watch.wake(node.name);
        const overriddenBy = await parts.deployments.baseOf(node.name);
        return json({ desiredVersion, modules, ...(overriddenBy === undefined ? {} : { overriddenBy }) });
      },
    },
  ];
}

async function toAnswers(
  { db, clock, prefixes, updates }: ApiParts,
  nodes: readonly NodeRecord[],
  judgementOf: (node: NodeRecord) => Promise<StoredJudgement>,
): Promise<NodeAnswer[]> {
  const columns = await readColumns(db, nodes, clock.nowMs());
  const versions = updates.statusOf(nodes);
  const answers: NodeAnswer[] = [];
  for (const node of nodes) {
    const judgement = await judgementOf(node);
    const utc = (atMs: number) => new Date(atMs).toISOString();
    answers.push({
      ...fieldsOf(node),
      ...(columns.get(node.name) as NodeColumns),
      cacheNodeId: node.cacheNodeId,
      customerId: node.customerId,
      state: judgement.state,
      stateText: stateTextOf(judgement.state),
      reasons: judgement.reasons.map(toReason),
      ipSpace: prefixes.ipv4SpaceOf(node),
      createdAtUtc: utc(node.createdAtMs),
      provisionedAtUtc: node.provisionedAtMs === null ? null : utc(node.provisionedAtMs),
      provisionedHost: node.provisionedHost,
      update: versions.get(node.name) as NodeUpdate,
    });
  }
  return answers;
}
