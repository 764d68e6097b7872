// An account (customer): whose nodes they are, and the switches and limits of its routing (connected-cache.md 1.5, 4.4).

import { ADDRESS_CHARACTERS_MAX } from '../addresses/ip-address.ts';
import { FAST_RING, isVersion, ringProblems, type UpdateRing } from '../updates/update-ring.ts';

export const ASN_MAX = 4_294_967_295;
export const ACCOUNT_NAME = /^[\p{L}\p{N} ._-]{1,90}$/u;
const DOWNSTREAM_ASNS_MAX = 1_000;
const CONTENT_HOSTS_MAX = 500;
const CRITICAL_VERSIONS_MAX = 100;
export const TTL_SECS_MIN = 10;
export const TTL_SECS_MAX = 86_400;
/** A name, or `*.` and a name: any label before it. */
const CONTENT_HOST = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;
const HOST_CHARACTERS_MAX = 253;

export interface AccountSettings {
  /** AS of its network; null = not told. */
  asn: number | null;
  /** ASNs of networks behind it: their own nodes come first for their traffic, and their prefixes may overlap. */
  downstreamAsns: number[];
  /** true: IPv6 prefixes are taken and routed. The original takes IPv4 only. */
  ipv6: boolean;
  /** true: private, loopback and documentation addresses may be claimed (campus, enterprise). */
  privatePrefixes: boolean;
  /** `manual`: every new prefix waits for an administrator. */
  review: 'automatic' | 'manual';
  /** How long an answer to a client holds, seconds. */
  ttlSecs: number;
  /** Most IPv4 addresses a node may hold before somebody has to look at it; a /8 has 16777216. */
  ipv4AddressesMax: number;
  /** The same for IPv6, as the length of the one prefix that would hold as many. */
  ipv6SpaceLengthMin: number;
  /** Most prefixes a node may learn by BGP. */
  bgpPrefixesMax: number;
  /** Content hosts besides the well-known ones that its clients are redirected and steered for. */
  contentHosts: string[];
  /** Of its nodes that have none of their own. */
  updateRing: UpdateRing;
  /** Tag of the images that its nodes are to run; null = that of the cloud. */
  moduleVersion: string | null;
  /** These go to its nodes at once, whatever their ring. */
  criticalVersions: string[];
}

export interface Account extends AccountSettings {
  customerId: string;
  name: string;
  createdAtMs: number;
}

export const ACCOUNT_DEFAULTS: AccountSettings = {
  asn: null,
  downstreamAsns: [],
  ipv6: false,
  privatePrefixes: false,
  review: 'automatic',
  ttlSecs: 300,
  ipv4AddressesMax: 2 ** 24,
  ipv6SpaceLengthMin: 20,
  bgpPrefixesMax: 200_000,
  contentHosts: [],
  updateRing: FAST_RING,
  moduleVersion: null,
  criticalVersions: [],
};

export interface AccountProblem {
  path: string;
  message: string;
}

type Check = { wanted: string; isGood(value: unknown): boolean };

const integer = (min: number, max: number): Check => ({
  wanted: `an integer from ${min} to ${max}`,
  isGood: (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
});
const boolean: Check = { wanted: 'true or false', isGood: (value) => typeof value === 'boolean' };
const asn = integer(1, ASN_MAX);
const version: Check = { wanted: 'the tag of an image, such as 1.2.3', isGood: isVersion };

function list(of: Check, itemsMax: number): Check {
  return {
    wanted: `a list of at most ${itemsMax}, each once: ${of.wanted}`,
    isGood: (value) =>
      Array.isArray(value) &&
      value.length <= itemsMax &&
      value.every(of.isGood) &&
      new Set(value).size === value.length,
  };
}

const CHECKS: { [K in keyof (AccountSettings & { name: string })]: Check } = {
  name: {
    wanted: '1 to 90 letters, digits, blanks, ".", "_" or "-"',
    isGood: (value) => typeof value === 'string' && ACCOUNT_NAME.test(value) && value.trim() === value,
  },
  asn: { wanted: `null or ${asn.wanted}`, isGood: (value) => value === null || asn.isGood(value) },
  downstreamAsns: list(asn, DOWNSTREAM_ASNS_MAX),
  ipv6: boolean,
  privatePrefixes: boolean,
  review: { wanted: '"automatic" or "manual"', isGood: (value) => value === 'automatic' || value === 'manual' },
  ttlSecs: integer(TTL_SECS_MIN, TTL_SECS_MAX),
  ipv4AddressesMax: integer(1, 2 ** 32),
  ipv6SpaceLengthMin: integer(1, 128),
  bgpPrefixesMax: integer(1, 1_000_000),
  contentHosts: list(
    {
      wanted: 'a host name in lower case, also with "*." before it',
      isGood: (value) => typeof value === 'string' && value.length <= HOST_CHARACTERS_MAX && CONTENT_HOST.test(value),
    },
    CONTENT_HOSTS_MAX,
  ),
  updateRing: {
    wanted:
      '{ring: "fast"} or {ring: "slow", week: 1..4, weekday: 1 (Sunday)..7, from: "hh:mm", to: "hh:mm", timeZone: "UTC"}',
    isGood: (value) => ringProblems(value).length === 0,
  },
  moduleVersion: { wanted: `null or ${version.wanted}`, isGood: (value) => value === null || version.isGood(value) },
  criticalVersions: list(version, CRITICAL_VERSIONS_MAX),
};

export type AccountInput =
  | { ok: true; fields: Partial<AccountSettings> & { name?: string } }
  | { ok: false; problems: AccountProblem[] };

/** Reads what an administrator sent: fields that are absent stay as they are. Every problem at once. */
export function readAccountFields(input: unknown, isNew: boolean): AccountInput {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return { ok: false, problems: [{ path: '', message: `body is ${show(input)}, wanted a JSON object` }] };
  }
  const problems: AccountProblem[] = [];
  if (isNew && !Object.hasOwn(input, 'name')) problems.push({ path: 'name', message: 'is missing' });
  for (const [path, value] of Object.entries(input)) {
    const check = Object.hasOwn(CHECKS, path) ? CHECKS[path as keyof typeof CHECKS] : undefined;
    if (!check) problems.push({ path: path.slice(0, ADDRESS_CHARACTERS_MAX), message: 'is no known field' });
    else if (!check.isGood(value)) problems.push({ path, message: `is ${show(value)}, wanted ${check.wanted}` });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, fields: { ...input } };
}

const SHOWN_CHARACTERS_MAX = 100;

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
}
