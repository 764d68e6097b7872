// Routes of accounts: whose nodes they are, and the switches and limits of their routing.

import type { Account } from '../accounts/account.ts';
import type { ApiParts } from './parts.ts';
import { json, type Route } from './route.ts';
import { ACCOUNT_CHANGE, ACCOUNT_CREATE } from './routing-schemas.ts';
import { ref } from './schemas.ts';

const ACCOUNT_BYTES_MAX = 256 * 1024;

export function accountRoutes(parts: ApiParts): Route[] {
  const { accounts, prefixes, routing, bgpIntake, logger } = parts;
  return [
    {
      method: 'get',
      path: '/accounts',
      right: 'read',
      summary: 'All accounts, by name',
      success: { status: 200, description: 'Accounts.', schema: ref('AccountList') },
      handle: async () => json({ accounts: accounts.list().map((account) => toAnswer(parts, account)) }),
    },
    {
      method: 'post',
      path: '/accounts',
      right: 'admin',
      summary: 'Create an account',
      body: { schema: ACCOUNT_CREATE, checkedBy: 'route', bytesMax: ACCOUNT_BYTES_MAX },
      success: { status: 201, description: 'The account.', schema: ref('Account') },
      refusals: [409],
      handle: async (call) => {
        const account = await accounts.create(call.body);
        logger.info('Account created', { customerId: account.customerId, by: call.person?.username });
        return json(toAnswer(parts, account));
      },
    },
    {
      method: 'get',
      path: '/accounts/{customerId}',
      right: 'read',
      summary: 'One account',
      success: { status: 200, description: 'The account.', schema: ref('Account') },
      refusals: [404],
      handle: async (call) => json(toAnswer(parts, accounts.get(call.params.customerId ?? ''))),
    },
    {
      method: 'patch',
      path: '/accounts/{customerId}',
      right: 'admin',
      summary: 'Change an account; the prefixes of its nodes are reviewed again',
      body: { schema: ACCOUNT_CHANGE, checkedBy: 'route', bytesMax: ACCOUNT_BYTES_MAX },
      success: { status: 200, description: 'The account afterwards.', schema: ref('Account') },
      refusals: [404, 409],
      handle: async (call) => {
        const account = await accounts.change(call.params.customerId ?? '', call.body);
        await prefixes.reviewAccount(account.customerId);
        const own = routing.nodes().filter((node) => node.customerId === account.customerId);
        for (const node of own) await bgpIntake.review(node.name);
        logger.info('Account changed', { customerId: account.customerId, by: call.person?.username });
        return json(toAnswer(parts, account));
      },
    },
  ];
}

function toAnswer({ routing }: ApiParts, { createdAtMs, ...account }: Account) {
  const own = routing.nodes().filter((node) => node.customerId === account.customerId);
  return { ...account, createdAtUtc: new Date(createdAtMs).toISOString(), nodes: own.map((node) => node.name) };
}
