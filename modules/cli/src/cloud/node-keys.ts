// `node replace|rotate-key|revoke`: keys of a node and of its server, through the cloud.

import type { Io } from '../io.ts';
import type { CloudClient, Provisioning } from './cloud-client.ts';

const pathOf = (node: string, rest: string) => `nodes/${encodeURIComponent(node)}/${rest}`;

/** The keys of the old server are worth nothing from now on; the command is for the new one. */
export async function replaceServer(io: Io, client: CloudClient, node: string): Promise<void> {
  const answer: Provisioning = await client.write(
    `replace the server of ${node}`,
    'POST',
    pathOf(node, 'replacement'),
    {},
  );
  io.stdout.write(
    `The keys of the old server were revoked. Run this on the one that becomes ${node} (it works once):\n\n${answer.command}\n`,
  );
}

export async function rotateCustomerKey(io: Io, client: CloudClient, node: string): Promise<void> {
  await client.write(`rotate the customer key of ${node}`, 'POST', pathOf(node, 'customer-key'), {});
  io.stdout.write(`The customer key of ${node} was rotated; provisioning commands printed before fail\n`);
}

export async function revokeProvisioning(io: Io, client: CloudClient, node: string): Promise<void> {
  await client.write(`revoke the provisioning command of ${node}`, 'DELETE', pathOf(node, 'provisioning'), undefined);
  io.stdout.write(`No printed command makes a server ${node} any more; print another with: node provision ${node}\n`);
}
