// JSON Schemas of cache nodes: fields, what is sent to create and change them, and what is answered.

import { BGP_ASN_MAX, BGP_LIMITS } from '@wayside/protocol';
import { ASN_MAX } from '../accounts/account.ts';
import { CIDRS_MAX, DRIVE_SIZE_GB_MAX, DRIVES_MAX, EGRESS_MBPS_MAX, PORT_MAX } from '../nodes/node-fields.ts';
import type { Schema } from './route.ts';
import { NODE_UPDATE, UPDATE_RING_OR_NULL } from './update-schemas.ts';

const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };
const time: Schema = { type: 'string', format: 'date-time' };
const timeOrNull: Schema = { type: ['string', 'null'], format: 'date-time' };
const guid: Schema = { type: 'string', format: 'uuid' };
const boolean: Schema = { type: 'boolean' };

function object(properties: { [name: string]: Schema }, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}
const list = (items: Schema): Schema => ({ type: 'array', items });
const whole = (minimum: number, maximum: number, rest: Schema = {}): Schema => ({
  ...{ type: 'integer', minimum, maximum },
  ...rest,
});

const { holdSecs, holdTimeSecs, maxPrefixes, hopsMax, sessionsMax, passwordCharactersMax } = BGP_LIMITS;

const NEIGHBOR = {
  id: { ...text, description: 'Key of the session in the module twin; made when it is left out.' },
  neighborAddress: { ...text, description: 'IP address of the router.' },
  neighborAsn: whole(1, BGP_ASN_MAX),
  localAddress: { ...textOrNull, default: null },
  multihop: { anyOf: [{ const: false }, whole(1, hopsMax)], default: false },
  ttlSecurity: { ...boolean, default: false, description: 'RFC 5082.' },
  holdTimeSecs: whole(holdTimeSecs.min, holdTimeSecs.max, { default: holdTimeSecs.default }),
  maxPrefixes: whole(1, maxPrefixes.max, { default: maxPrefixes.default }),
  isEnabled: { ...boolean, default: true },
  hasPassword: { ...boolean, description: 'Is there a TCP MD5 password? Only answered; the password itself never is.' },
} satisfies { [name: string]: Schema };

const BGP = {
  localAsn: {
    type: ['integer', 'null'],
    maximum: BGP_ASN_MAX,
    default: null,
    description: 'null: that of the neighbours.',
  },
  routerId: { ...textOrNull, default: null, description: 'null: the server IP address.' },
  holdSecs: whole(0, holdSecs.max, {
    default: holdSecs.default,
    description: 'How long routes of a lost session stay.',
  }),
  network: { enum: ['host', 'bridge'], default: 'host', description: 'bridge: port 179 is published; no passwords.' },
} satisfies { [name: string]: Schema };

const BGP_ANSWER = object({ ...BGP, sessions: list(object(NEIGHBOR)) });

/** A neighbour of before keeps id and password unless they are told again; `password` null takes it away. */
const BGP_INPUT: Schema = {
  type: 'object',
  properties: {
    ...BGP,
    sessions: {
      type: 'array',
      maxItems: sessionsMax,
      items: {
        type: 'object',
        properties: {
          ...NEIGHBOR,
          password: { ...textOrNull, maxLength: passwordCharactersMax, writeOnly: true, description: 'TCP MD5.' },
        },
        required: ['neighborAddress', 'neighborAsn'],
        additionalProperties: false,
      },
    },
  },
  additionalProperties: false,
};

const NODE_FIELDS = {
  ipAddress: { type: ['string', 'null'], format: 'ipv4', description: 'Address clients reach the node at.' },
  httpPort: whole(1, PORT_MAX, { default: 80 }),
  summaryPort: whole(1, PORT_MAX, { default: 5001, description: 'Bound to 127.0.0.1.' }),
  maxEgressMbps: whole(1, EGRESS_MBPS_MAX, { default: 1000 }),
  drives: {
    type: 'array',
    maxItems: DRIVES_MAX,
    items: object({ path: text, sizeGb: whole(1, DRIVE_SIZE_GB_MAX) }),
  },
  isEnabled: { ...boolean, default: true, description: 'false: no clients are routed here.' },
  prefixSource: { enum: ['manual', 'bgp'], default: 'manual', description: 'bgp: the manifest gets the module bgp.' },
  asn: {
    type: ['integer', 'null'],
    minimum: 1,
    maximum: ASN_MAX,
    default: null,
    description: 'AS of its clients; null: that of the account.',
  },
  isDraining: { ...boolean, default: false, description: 'true: no new clients, and 503 for the old ones.' },
  proxy: { ...textOrNull, default: null, description: 'host:port of an HTTP proxy without authentication.' },
  proxyCertificatePath: { ...textOrNull, default: null, description: 'File on the server: CA of that proxy, PEM.' },
  updateRing: { ...UPDATE_RING_OR_NULL, default: null, description: 'null: that of the account.' },
} satisfies { [name: string]: Schema };

const CIDR_LIST: Schema = { type: 'array', maxItems: CIDRS_MAX, items: { type: 'string' } };
/** The form of the original sends one comma-separated text. */
const CIDR_INPUT: Schema = { anyOf: [CIDR_LIST, { type: 'string' }] };
const NODE_NAME: Schema = { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,90}$' };

export const NODE_CREATE: Schema = {
  type: 'object',
  properties: { name: NODE_NAME, ...NODE_FIELDS, cidrs: CIDR_INPUT, bgp: BGP_INPUT, customerId: guid },
  required: ['name'],
  additionalProperties: false,
};

export const NODE_CHANGE: Schema = {
  type: 'object',
  properties: { name: NODE_NAME, ...NODE_FIELDS, cidrs: CIDR_INPUT, bgp: BGP_INPUT },
  additionalProperties: false,
};

export const NODE_STATES = ['NotConfigured', 'NotProvisioned', 'NeverPhonedHome', 'Healthy', 'Unhealthy', 'Disabled'];
export const REASON = object({ code: text, text, sinceUtc: timeOrNull });

export const NODE_ANSWER = object(
  {
    name: NODE_NAME,
    ...NODE_FIELDS,
    cidrs: CIDR_LIST,
    bgp: BGP_ANSWER,
    cacheNodeId: guid,
    customerId: guid,
    state: { enum: NODE_STATES },
    stateText: text,
    reasons: list(REASON),
    softwareVersion: {
      ...text,
      description: 'Tag of the cache image as the node runs it; Unknown before its first report.',
    },
    issues: list(object({ kind: text, subject: text })),
    prefixCount: { type: 'integer', description: 'Prefixes of the source in force.' },
    ipSpace: { type: 'number', description: 'IPv4 addresses in them, those in several prefixes once.' },
    bgpRoutesReceived: boolean,
    migrated: { enum: ['Yes', 'No', 'N/A'], description: 'N/A: made here, not imported.' },
    egressMbps: {
      type: ['number', 'null'],
      description: 'What it sends to clients, Mbit/s; null: no report of the last minute.',
    },
    hitRatio: {
      type: ['number', 'null'],
      description: '0 to 1 of the bytes of the last 5 minutes; null: nothing was sent.',
    },
    createdAtUtc: time,
    provisionedAtUtc: timeOrNull,
    provisionedHost: { ...textOrNull, description: 'Host name of the server that registered as this node.' },
    update: NODE_UPDATE,
    warnings: list(object({ path: text, message: text })),
  },
  ['warnings'],
);
