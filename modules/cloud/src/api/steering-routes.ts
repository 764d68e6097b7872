// Steering: what a client learns about its own node, without a login and for its own address only, and files for DHCP and DNS servers.
//
// INVARIANTS
// - A client is answered for the address it comes from. There is no parameter for another: the table cannot be read out from outside.
// - An answer names the client's node and nothing else of the table.

import { EdgeError } from '@wayside/kit';
import type { Request, Response } from 'express';
import { formatIpAddress, type IpAddress } from '../addresses/ip-address.ts';
import { refusal } from '../errors.ts';
import { FailureLimit } from '../people/failure-limit.ts';
import type { TrackedNode } from '../routing/routed-nodes.ts';
import { cacheHostOf } from '../steering/cache-host.ts';
import { dnsHostsOf } from '../steering/content-hosts.ts';
import { DHCP_SERVERS, type DhcpServer, dhcpOptionsText } from '../steering/dhcp-options.ts';
import { DNS_SERVERS, type DnsServer, dnsSteeringText } from '../steering/dns-files.ts';
import { type OfferedNodes, offerNodes } from '../steering/offered-nodes.ts';
import { checkContentUrl, redirectTarget, URL_CHARACTERS_MAX } from '../steering/redirect.ts';
import type { ApiParts } from './parts.ts';
import type { Call, Route, Schema } from './route.ts';
import { ref } from './schemas.ts';

/** Questions of one address: a whole office may share it, and an answer holds for minutes. */
export const QUESTIONS_MAX = 600;
const QUESTIONS_WINDOW_MS = 60_000;
const NODES_CHARACTERS_MAX = 4_000;
const GUID = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';

const nodesQuery: Schema = {
  type: 'string',
  maxLength: NODES_CHARACTERS_MAX,
  description: 'Names of nodes, comma-separated; default: all of the account.',
};
const accountQuery: Schema = {
  type: 'string',
  maxLength: 100,
  description: 'Customer id; default: the first account.',
};

export function steeringRoutes(parts: ApiParts): Route[] {
  return [...clientRoutes(parts), ...fileRoutes(parts)];
}

interface Asked {
  address: IpAddress;
  node: TrackedNode | undefined;
  ttlSecs: number;
}

function clientRoutes(parts: ApiParts): Route[] {
  const { routing, clock, accounts } = parts;
  // Every question counts, and none is forgiven: the limit of failures fits.
  const limit = new FailureLimit({ failuresMax: QUESTIONS_MAX, windowMs: QUESTIONS_WINDOW_MS });
  const ask = (request: Request, response: Response): Asked => {
    const address = parts.clientAddresses.of(request.socket.remoteAddress, forwardedFor(request));
    if (!address)
      throw refusal(
        'CLOUD_ADDRESS_INVALID',
        'Cannot tell the address of the client: wanted X-Forwarded-For of addresses',
      );
    refuseHaste(limit, formatIpAddress(address), clock.monotonicMs());
    const node = routing.route(address);
    const ttlSecs = routing.ttlSecs(node);
    // private: the next client behind the same shared cache may have another node.
    response.set('cache-control', `private, max-age=${ttlSecs}`);
    return { address, node, ttlSecs };
  };
  return [
    {
      method: 'get',
      path: '/steering/node',
      right: 'none',
      summary: "The caller's own node; an empty cacheHost = the CDN",
      success: { status: 200, description: 'Good for max-age seconds.', schema: ref('SteeringAnswer') },
      refusals: [429],
      stream: async (_call, request, response) => {
        const { address, node, ttlSecs } = ask(request, response);
        response.status(200).json({
          address: formatIpAddress(address),
          cacheHost: node ? cacheHostOf(node.record) : '',
          ipAddress: node?.record.ipAddress ?? null,
          httpPort: node?.record.httpPort ?? null,
          ttlSecs,
          validUntilUtc: new Date(clock.nowMs() + ttlSecs * 1000).toISOString(),
        });
      },
    },
    {
      method: 'get',
      path: '/steering/docachehost',
      right: 'none',
      summary: "The caller's own node as a value of DOCacheHost",
      success: { status: 200, description: 'One line; good for max-age seconds.', contentType: 'text/plain' },
      refusals: [404, 429],
      stream: async (_call, request, response) => {
        const { node } = ask(request, response);
        // Not an empty text: a client would take that for a cache host that is set.
        if (!node) throw refusal('CLOUD_STEERING_NO_NODE', 'No cache node serves this address, use the CDN');
        response
          .status(200)
          .type('text/plain')
          .send(`${cacheHostOf(node.record)}\n`);
      },
    },
    {
      method: 'get',
      path: '/steering/redirect',
      right: 'none',
      summary: "Sends the caller to a CDN's URL on its own node, or to the CDN",
      query: {
        url: {
          type: 'string',
          minLength: 1,
          maxLength: URL_CHARACTERS_MAX,
          description: 'http://HOST/PATH of a content host.',
        },
      },
      success: { status: 302, description: 'Location: the node, or the CDN.' },
      refusals: [403, 429],
      stream: async (call, request, response) => {
        const { address, node } = ask(request, response);
        const own = accounts.list().flatMap((account) => account.contentHosts);
        const text = String(call.query.url ?? '');
        const check = checkContentUrl(text, own);
        if (!check.ok) {
          response.set('cache-control', 'no-store');
          const code = check.isHost ? 'CLOUD_STEERING_HOST_REFUSED' : 'CLOUD_REQUEST_INVALID';
          throw refusal(code, `Cannot redirect ${formatIpAddress(address)} to the url: ${check.why}`);
        }
        response.redirect(302, redirectTarget(check.url, node?.record));
      },
    },
  ];
}

function forwardedFor(request: Request): string | undefined {
  const value = request.headers['x-forwarded-for'];
  return Array.isArray(value) ? value.join(',') : value;
}

function refuseHaste(limit: FailureLimit, address: string, nowMs: number): void {
  const waitMs = limit.waitMs(address, nowMs);
  limit.fail(address, nowMs);
  if (waitMs === 0) return;
  const retryAfterSecs = Math.ceil(waitMs / 1000);
  throw new EdgeError(
    'CLOUD_STEERING_LIMITED',
    `${address} asked more than ${QUESTIONS_MAX} times a minute, ask again in ${retryAfterSecs} s`,
    {
      details: { retryAfterSecs },
      retry: { afterMs: waitMs },
      source: 'downstream',
    },
  );
}

function fileRoutes(parts: ApiParts): Route[] {
  const { accounts, clock } = parts;
  const accountOf = (call: Call) => accounts.get((call.query.customerId as string | undefined) ?? accounts.defaultId);
  return [
    {
      method: 'get',
      path: '/steering/dhcp',
      right: 'read',
      summary: 'DHCP options 234 and 235 for a DHCP server',
      query: {
        server: { enum: DHCP_SERVERS, default: 'dnsmasq' },
        nodes: nodesQuery,
        customerId: accountQuery,
        groupId: { type: 'string', pattern: GUID, description: 'Option 234.' },
      },
      success: { status: 200, description: 'A file.', contentType: 'text/plain' },
      refusals: [404, 409],
      handle: async (call) => {
        const groupId = call.query.groupId as string | undefined;
        const nodes = offeredNodes(parts, call, accountOf(call).customerId);
        return { text: dhcpOptionsText(call.query.server as DhcpServer, { groupId, nodes }) };
      },
    },
    {
      method: 'get',
      path: '/steering/dns',
      right: 'read',
      summary: 'CDN names with the addresses of nodes, for a DNS server',
      query: { server: { enum: DNS_SERVERS, default: 'bind' }, nodes: nodesQuery, customerId: accountQuery },
      success: { status: 200, description: 'A file.', contentType: 'text/plain' },
      refusals: [404, 409],
      handle: async (call) => {
        const account = accountOf(call);
        const nodes = offeredNodes(parts, call, account.customerId);
        const hosts = dnsHostsOf(account.contentHosts);
        const serial = Math.floor(clock.nowMs() / 1000);
        return {
          text: dnsSteeringText(call.query.server as DnsServer, { hosts, nodes, ttlSecs: account.ttlSecs, serial }),
        };
      },
    },
  ];
}

/** CLOUD_NODE_NOT_FOUND, CLOUD_STEERING_NOTHING. */
function offeredNodes({ routing }: ApiParts, call: Call, customerId: string): OfferedNodes {
  const named = call.query.nodes as string | undefined;
  const nodes =
    named === undefined
      ? routing.nodes().filter((node) => node.customerId === customerId)
      : [...new Set(named.split(',').map((name) => name.trim()))].map((name) => {
          const node = routing.node(name);
          if (!node) throw refusal('CLOUD_NODE_NOT_FOUND', `There is no cache node "${name}"`);
          return node;
        });
  const offered = offerNodes(nodes);
  if (offered.addresses.length === 0) {
    const why = offered.leftOut.length > 0 ? offered.leftOut.join('; ') : 'the account has none';
    throw refusal('CLOUD_STEERING_NOTHING', `Cannot write the file, there is no node to name: ${why}`);
  }
  return offered;
}
