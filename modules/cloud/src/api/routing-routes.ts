// Routes of routing for operators: lookups with their reasons, prefixes with their reviews, lists to download.

import { once } from 'node:events';
import { ADDRESS_CHARACTERS_MAX, parseIpAddress } from '../addresses/ip-address.ts';
import { checkIpPrefix, formatIpPrefix } from '../addresses/ip-prefix.ts';
import { readStream } from '../bgp/bgp-rows.ts';
import { refusal } from '../errors.ts';
import { WHOLE_SPACE } from '../routing/prefix-book.ts';
import { listPrefixes, type PrefixRow, walkPrefixes } from '../routing/prefix-rows.ts';
import type { TrackedNode } from '../routing/routed-nodes.ts';
import type { PrefixSource, PrefixState } from '../routing/tables.ts';
import { cacheHostOf } from '../steering/cache-host.ts';
import { csvText } from './csv.ts';
import { actorOf, nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { json, type Route, type Schema } from './route.ts';
import { REVIEW_DECISION } from './routing-schemas.ts';
import { ref } from './schemas.ts';

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
const REVIEW_BYTES_MAX = 16 * 1024;
const CURSOR_CHARACTERS_MAX = 200;

const nodeFilter: Schema = { type: 'string', maxLength: 90 };

export function routingRoutes(parts: ApiParts): Route[] {
  return [
    lookupRoute(parts),
    prefixesRoute(parts),
    reviewRoute(parts),
    nodeRoute(parts),
    bgpRoute(parts),
    ...downloadRoutes(parts),
  ];
}

function lookupRoute({ routing }: ApiParts): Route {
  return {
    method: 'get',
    path: '/routing/lookup',
    right: 'read',
    summary: 'Which node serves a client address, and why',
    query: { ip: { type: 'string', minLength: 1, maxLength: ADDRESS_CHARACTERS_MAX } },
    success: { status: 200, description: 'The node, or the CDN, with every step.', schema: ref('Route') },
    handle: async (call) => {
      const text = String(call.query.ip ?? '');
      const address = parseIpAddress(text);
      if (!address)
        throw refusal('CLOUD_ADDRESS_INVALID', `Cannot look up ip "${text}": wanted an IPv4 or IPv6 address`);
      const { node, ...explanation } = routing.explain(address);
      return json({ ...explanation, node: node?.name ?? null, cacheHost: node ? cacheHostOf(node.record) : '' });
    },
  };
}

function prefixesRoute({ db, routing }: ApiParts): Route {
  return {
    method: 'get',
    path: '/routing/prefixes',
    right: 'read',
    summary: 'Prefixes that nodes claim, with their reviews, by node, source and text',
    query: {
      node: nodeFilter,
      source: { enum: ['manual', 'bgp'] },
      state: { enum: ['approved', 'pending', 'rejected'] },
      after: { type: 'string', maxLength: CURSOR_CHARACTERS_MAX, description: '`next` of the page before.' },
      limit: { type: 'integer', minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT },
    },
    success: { status: 200, description: 'A page.', schema: ref('PrefixList') },
    handle: async (call) => {
      const { node, source, state, after, limit } = call.query as unknown as PrefixQuery;
      const cursor = after === undefined ? undefined : readCursor(after);
      const rows = await listPrefixes(db, {
        limit: limit + 1,
        ...(node === undefined ? {} : { nodeName: node }),
        ...(source === undefined ? {} : { source }),
        ...(state === undefined ? {} : { state }),
        ...(cursor ? { after: cursor } : {}),
      });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      const prefixes = page.map((row) => toPrefix(row, routing.node(row.nodeName)));
      return json({ prefixes, next: last ? `${last.nodeName} ${last.source} ${last.prefix}` : null });
    },
  };
}

interface PrefixQuery {
  node?: string;
  source?: PrefixSource;
  state?: PrefixState;
  after?: string;
  limit: number;
}

function readCursor(text: string): { nodeName: string; source: string; prefix: string } {
  const [nodeName, source, prefix, ...rest] = text.split(' ');
  if (nodeName === undefined || source === undefined || prefix === undefined || rest.length > 0) {
    throw refusal('CLOUD_REQUEST_INVALID', `Cannot use after "${text}": wanted the "next" of the page before`);
  }
  return { nodeName, source, prefix };
}

function toPrefix(row: PrefixRow, node: TrackedNode | undefined) {
  return {
    ...{ node: row.nodeName, source: row.source, prefix: row.prefix, state: row.state },
    ...{ code: row.code, feedback: row.feedback, originAsn: row.originAsn },
    sinceUtc: new Date(row.sinceMs).toISOString(),
    inForce: node?.record.prefixSource === row.source,
  };
}

function reviewRoute({ prefixes, timeline, nodes }: ApiParts): Route {
  return {
    method: 'post',
    path: '/routing/reviews',
    right: 'admin',
    summary: 'Approve or reject a prefix of a node, or the size of its whole space',
    body: { schema: REVIEW_DECISION, checkedBy: 'schema', bytesMax: REVIEW_BYTES_MAX },
    success: { status: 204, description: 'Decided, and in force.' },
    refusals: [404],
    handle: async (call) => {
      const body = call.body as {
        node: string;
        prefix: string;
        decision: 'approved' | 'rejected' | 'none';
        text: string;
      };
      await nodes.get(body.node);
      const prefix = canonicalPrefix(body.prefix);
      const by = actorOf(call);
      const { decision, text } = body;
      await prefixes.decide(body.node, prefix, decision === 'none' ? undefined : { decision, text, by });
      const what = prefix === WHOLE_SPACE ? 'IP space' : `Prefix ${prefix}`;
      const said = decision === 'none' ? 'is left to the review again' : decision;
      await timeline.record({
        ...{ nodeName: body.node, kind: 'routing', subject: prefix },
        text: `${what} ${said} by ${by}${text && `: ${text}`}`,
        details: { decision, by },
      });
      return { empty: true };
    },
  };
}

function canonicalPrefix(text: string): string {
  if (text === WHOLE_SPACE) return text;
  const check = checkIpPrefix(text);
  if (!check.ok)
    throw refusal('CLOUD_ADDRESS_INVALID', `Cannot use prefix "${text}": ${check.why}, or "${WHOLE_SPACE}"`);
  return formatIpPrefix(check.prefix);
}

function nodeRoute({ routing, prefixes, nodes }: ApiParts): Route {
  return {
    method: 'get',
    path: '/nodes/{name}/routing',
    right: 'read',
    summary: 'Does the node take clients, with which share, and how are its prefixes reviewed?',
    success: { status: 200, description: 'As of now.', schema: ref('NodeRouting') },
    refusals: [404],
    handle: async (call) => {
      const record = await nodes.get(nameOf(call));
      const node = routing.node(record.name);
      if (!node) throw refusal('CLOUD_NODE_NOT_FOUND', `There is no cache node "${record.name}"`);
      return json({
        ...{ name: node.name, customerId: node.customerId, cacheHost: cacheHostOf(node.record) },
        ...{ takesClients: node.fault === undefined, reason: node.faultText, asn: node.asn },
        ...{ egressMbps: node.egressMbps, maxEgressMbps: node.maxEgressMbps, weight: node.weight },
        prefixSource: node.record.prefixSource,
        review: await prefixes.spaceReview(node, 'manual'),
        bgpReview: await prefixes.spaceReview(node, 'bgp'),
      });
    },
  };
}

function bgpRoute({ db, routing, nodes }: ApiParts): Route {
  return {
    method: 'get',
    path: '/nodes/{name}/bgp',
    right: 'read',
    summary: 'BGP sessions of the node and what was taken over of their routes',
    success: { status: 200, description: 'As the module said last.', schema: ref('NodeBgp') },
    refusals: [404],
    handle: async (call) => {
      const { name } = await nodes.get(nameOf(call));
      const { current, state } = await readStream(db, name);
      const issue = routing.node(name)?.bgpIssue ?? '';
      return json({ routesReceived: current.routes > 0, routes: current.routes, epoch: current.epoch, issue, state });
    },
  };
}

function downloadRoutes({ db, nodes }: ApiParts): Route[] {
  return [
    {
      method: 'get',
      path: '/nodes/{name}/prefixes.csv',
      right: 'read',
      summary: 'All prefixes of a node as CSV (RFC 4180)',
      success: { status: 200, description: 'One line a prefix.', contentType: 'text/csv' },
      refusals: [404],
      stream: async (call, _request, response) => {
        const { name } = await nodes.get(nameOf(call));
        response.status(200).type('text/csv').attachment(`${name}-prefixes.csv`);
        response.write('source,prefix,state,origin_asn,since_utc,feedback\r\n');
        for (const source of ['manual', 'bgp'] as const) {
          for await (const page of walkPrefixes(db, name, source)) {
            if (response.destroyed) return;
            // A slow reader holds one page, not the whole list.
            if (!response.write(page.map(csvLine).join('')))
              await Promise.race([once(response, 'drain'), once(response, 'close')]);
          }
        }
        response.end();
      },
    },
    {
      method: 'get',
      path: '/nodes/{name}/bgp-cidrs',
      right: 'read',
      summary: 'Prefixes that the node learned by BGP ("Download JSON" of the original)',
      success: { status: 200, description: 'All of them.', schema: ref('BgpCidrs') },
      refusals: [404],
      handle: async (call) => {
        const { name } = await nodes.get(nameOf(call));
        const bgpCidrs: string[] = [];
        for await (const page of walkPrefixes(db, name, 'bgp')) for (const row of page) bgpCidrs.push(row.prefix);
        return json({ bgpCidrs });
      },
    },
  ];
}

function csvLine(row: PrefixRow): string {
  const sinceUtc = new Date(row.sinceMs).toISOString();
  return `${[row.source, row.prefix, row.state, row.originAsn ?? '', sinceUtc, csvText(row.feedback)].join(',')}\r\n`;
}
