// Routes of a node's keys: the provisioning command, its revocation, the customer key, and the replacement of the server.

import type { NodeRecord } from '../nodes/node-record.ts';
import { provisioningCommand } from '../nodes/provisioning-command.ts';
import { REGISTRATION_KEY_LIFETIME_MS } from '../nodes/registration.ts';
import { byWhom } from '../nodes/timeline.ts';
import { actorOf, nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { type Call, json, type Route } from './route.ts';
import { ref } from './schemas.ts';

const success = { status: 200, description: 'Command and keys. Secrets.', schema: ref('Provisioning') };

export function nodeKeyRoutes(parts: ApiParts): Route[] {
  const { nodes, registration, timeline, watch } = parts;
  const record = (node: NodeRecord, call: Call, text: string) => {
    const by = actorOf(call);
    const event = { nodeName: node.name, kind: 'registration' as const, subject: by, text: `${text}${byWhom(by)}` };
    return timeline.record(event);
  };
  return [
    {
      method: 'post',
      path: '/nodes/{name}/provisioning',
      right: 'deploy',
      summary: 'A new registration key and the command that uses it; unused older keys stop working',
      success,
      refusals: [404],
      handle: async (call) => {
        const node = await nodes.get(nameOf(call));
        const answer = await issue(parts, node);
        await record(node, call, 'Registration key issued');
        return json(answer);
      },
    },
    {
      method: 'delete',
      path: '/nodes/{name}/provisioning',
      right: 'deploy',
      summary: 'Revoke the registration key that has not been used: a printed command is worth nothing any more',
      success: { status: 204, description: 'Nothing can register as this node.' },
      refusals: [404],
      handle: async (call) => {
        const node = await nodes.get(nameOf(call));
        if ((await registration.revokeKeys(node)) > 0) await record(node, call, 'Registration key revoked');
        return { empty: true };
      },
    },
    {
      method: 'post',
      path: '/nodes/{name}/replacement',
      right: 'deploy',
      summary:
        'Replace the server of the node: the keys of the old one are revoked at once, the answer is the command for the new one. Name, id, prefixes and history stay',
      success,
      refusals: [404],
      handle: async (call) => {
        const node = await nodes.get(nameOf(call));
        await registration.replaceServer(node, actorOf(call));
        await watch.wake(node.name);
        return json(await issue(parts, await nodes.get(node.name)));
      },
    },
    {
      method: 'post',
      path: '/nodes/{name}/customer-key',
      right: 'deploy',
      summary:
        'Rotate the customer key: commands printed before fail, the cache gets the new one with a deployment, its container is made anew',
      success: { status: 200, description: 'The new key. A secret.', schema: ref('CustomerKey') },
      refusals: [404],
      handle: async (call) => {
        const node = await nodes.rotateCustomerKey(nameOf(call), actorOf(call));
        await registration.revokeKeys(node);
        await watch.wake(node.name);
        return json({ customerKey: node.customerKey });
      },
    },
  ];
}

async function issue(parts: ApiParts, node: NodeRecord) {
  const registrationKey = await parts.registration.issueKey(node);
  const { cloudUrl, pin, mqttPort, daemonImage } = parts;
  const { customerId } = node;
  return {
    command: provisioningCommand(node, { cloudUrl, pin, mqttPort, daemonImage, customerId, registrationKey }),
    customerId,
    cacheNodeId: node.cacheNodeId,
    customerKey: node.customerKey,
    registrationKey,
    registrationKeyExpiresAtUtc: new Date(parts.clock.nowMs() + REGISTRATION_KEY_LIFETIME_MS).toISOString(),
  };
}
