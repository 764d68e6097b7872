// JSON Schemas of accounts, routing and steering.

import { ASN_MAX, TTL_SECS_MAX, TTL_SECS_MIN } from '../accounts/account.ts';
import type { Schema } from './route.ts';
import { MODULE_VERSION, UPDATE_RING } from './update-schemas.ts';

const text: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };
const number: Schema = { type: 'number' };
const boolean: Schema = { type: 'boolean' };
const time: Schema = { type: 'string', format: 'date-time' };
const asn: Schema = { type: 'integer', minimum: 1, maximum: ASN_MAX };
const asnOrNull: Schema = { type: ['integer', 'null'], minimum: 1, maximum: ASN_MAX };

function object(properties: { [name: string]: Schema }): Schema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}
const list = (items: Schema): Schema => ({ type: 'array', items });

export const ACCOUNT_FIELDS = {
  name: { type: 'string', minLength: 1, maxLength: 90 },
  asn: { ...asnOrNull, description: 'AS of its network.' },
  downstreamAsns: { ...list(asn), description: 'Networks behind it: their own nodes come first for their traffic.' },
  ipv6: { ...boolean, default: false, description: 'true: IPv6 prefixes are taken and routed.' },
  privatePrefixes: { ...boolean, default: false, description: 'true: private and loopback prefixes may be claimed.' },
  review: { enum: ['automatic', 'manual'], default: 'automatic', description: 'manual: every new prefix waits.' },
  ttlSecs: { type: 'integer', minimum: TTL_SECS_MIN, maximum: TTL_SECS_MAX, default: 300 },
  ipv4AddressesMax: { type: 'integer', minimum: 1, maximum: 2 ** 32, default: 2 ** 24 },
  ipv6SpaceLengthMin: { type: 'integer', minimum: 1, maximum: 128, default: 20 },
  bgpPrefixesMax: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 200_000 },
  contentHosts: { ...list(text), description: 'Content hosts besides the well-known ones; `*.` = any label.' },
  updateRing: { ...UPDATE_RING, default: { ring: 'fast' }, description: 'Of its nodes without one of their own.' },
  moduleVersion: {
    anyOf: [MODULE_VERSION, { type: 'null' }],
    default: null,
    description: 'Tag of the images its nodes are to run; null: that of the cloud.',
  },
  criticalVersions: { ...list(MODULE_VERSION), maxItems: 100, description: 'Go out at once, whatever the ring.' },
} satisfies { [name: string]: Schema };

export const ACCOUNT_CREATE: Schema = {
  type: 'object',
  properties: ACCOUNT_FIELDS,
  required: ['name'],
  additionalProperties: false,
};
export const ACCOUNT_CHANGE: Schema = { type: 'object', properties: ACCOUNT_FIELDS, additionalProperties: false };

export const REVIEW_DECISION: Schema = {
  type: 'object',
  properties: {
    node: { type: 'string', minLength: 1, maxLength: 90 },
    prefix: {
      type: 'string',
      minLength: 1,
      maxLength: 50,
      description: 'A prefix of the node, or `*`: its whole space.',
    },
    decision: { enum: ['approved', 'rejected', 'none'], description: 'none takes an earlier decision back.' },
    text: { type: 'string', maxLength: 500, default: '' },
  },
  required: ['node', 'prefix', 'decision'],
  additionalProperties: false,
};

const STATES = ['approved', 'pending', 'rejected'];
const PASSED_OVER = object({
  node: text,
  code: {
    enum: [
      ...['NodeDisabled', 'NodeDraining', 'NodeWithoutAddress', 'NodeUnhealthy', 'SpaceNotApproved', 'NodeFull'],
      ...['DownstreamPreferred', 'OtherShare'],
    ],
  },
  text,
});
const SPACE = object({
  state: { enum: ['NotConfigured', 'InReview', 'AttentionRequired', 'Approved'] },
  feedback: text,
  prefixes: integer,
  ipv4Addresses: { ...number, description: 'IP space: addresses in several prefixes count once.' },
  ipv6Addresses: number,
});
const CACHE_HOST: Schema = {
  ...text,
  description: 'Value of DOCacheHost: address, with the port where it is not 80; empty: use the CDN.',
};

export const ROUTING_SCHEMAS = {
  Account: object({ customerId: text, ...ACCOUNT_FIELDS, createdAtUtc: time, nodes: list(text) }),
  AccountList: object({ accounts: list({ $ref: '#/components/schemas/Account' }) }),
  Route: object({
    address: text,
    site: { ...text, description: 'Clients of one site share their node.' },
    node: { type: ['string', 'null'] },
    cacheHost: CACHE_HOST,
    prefix: { ...text, description: 'The prefix that decided.' },
    ttlSecs: integer,
    text,
    steps: list(object({ prefix: text, chosen: text, passedOver: list(PASSED_OVER) })),
  }),
  PrefixList: object({
    prefixes: list(
      object({
        ...{ node: text, source: { enum: ['manual', 'bgp'] }, prefix: text, state: { enum: STATES } },
        ...{ code: text, feedback: text, originAsn: { type: ['integer', 'null'] }, sinceUtc: time },
        inForce: { ...boolean, description: "Is the source the node's prefix source?" },
      }),
    ),
    next: { type: ['string', 'null'], description: '`after` of the next page; null = the last.' },
  }),
  NodeRouting: object({
    name: text,
    customerId: text,
    cacheHost: CACHE_HOST,
    takesClients: boolean,
    reason: text,
    asn: asnOrNull,
    egressMbps: number,
    maxEgressMbps: number,
    weight: { ...number, description: 'Its share among nodes of the same prefix.' },
    prefixSource: { enum: ['manual', 'bgp'] },
    review: SPACE,
    bgpReview: SPACE,
  }),
  NodeBgp: object({
    routesReceived: boolean,
    routes: integer,
    epoch: text,
    issue: text,
    state: { type: ['object', 'null'], description: 'Newest BgpState of the module.' },
  }),
  BgpPrefixList: object({
    prefixes: list(
      object({ prefix: text, session: text, asPath: text, originAsn: asnOrNull, med: { type: ['integer', 'null'] } }),
    ),
    next: { type: ['string', 'null'] },
    total: { ...integer, description: 'Routes held in all, whatever the conditions.' },
  }),
  BgpCidrs: object({ bgpCidrs: list(text) }),
  SteeringAnswer: object({
    address: { ...text, description: 'The caller, as the cloud sees it.' },
    cacheHost: CACHE_HOST,
    ipAddress: { type: ['string', 'null'] },
    httpPort: { type: ['integer', 'null'] },
    ttlSecs: integer,
    validUntilUtc: time,
  }),
} satisfies { [name: string]: Schema };
