// The BGP part of a node's form: neighbours, their settings and passwords (connected-cache.md 1.4, 4.2; docs/contracts.md 9).
//
// INVARIANTS
// - A password goes in and never comes out: the fields only say whether there is one.
// - A neighbour keeps its id and its password for as long as its address stays.

import { BGP_ASN_MAX, BGP_LIMITS, BGP_SESSION_ID, isBgpAsn, isBgpPasswordText } from '@wayside/protocol';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../addresses/ip-address.ts';
import { hostPrefix } from '../addresses/ip-prefix.ts';
import { specialRangeOf } from '../addresses/special-ranges.ts';
import { IPV4_ONLY } from '../routing/review.ts';
import { type Complain, isWhole, show } from './field-complaints.ts';
import type { BgpFields, BgpNeighbor, BgpPasswords } from './node-record.ts';

export const BGP_DEFAULTS: BgpFields = {
  localAsn: null,
  routerId: null,
  holdSecs: BGP_LIMITS.holdSecs.default,
  network: 'host',
  sessions: [],
};

const NEIGHBOR_DEFAULTS = {
  localAddress: null,
  multihop: false,
  ttlSecurity: false,
  holdTimeSecs: BGP_LIMITS.holdTimeSecs.default,
  maxPrefixes: BGP_LIMITS.maxPrefixes.default,
  isEnabled: true,
} as const;

type Known = { fields: BgpFields; passwords: BgpPasswords };
type Input = Record<string, unknown>;

/**
 * Reads the whole part anew; only what a neighbour of before had and is not told again stays: id and password. `password` null takes
 * it away. undefined after a problem that leaves nothing to go on with.
 */
export function readBgp(value: unknown, known: Known, rules: { ipv6: boolean }, complain: Complain): Known | undefined {
  if (!isObject(value)) {
    complain('bgp', `${show(value)}, wanted {localAsn, routerId, holdSecs, network, sessions}`);
    return undefined;
  }
  refuseOthers(value, Object.keys(BGP_DEFAULTS), 'bgp', complain);
  const fields: BgpFields = {
    localAsn: readAsnOrNull(value.localAsn, 'bgp.localAsn', complain),
    routerId: readRouterId(value.routerId, complain),
    holdSecs: readWhole(value.holdSecs, 'bgp.holdSecs', { min: 0, ...BGP_LIMITS.holdSecs }, complain),
    network: readNetwork(value.network, complain),
    sessions: [],
  };
  const passwords: BgpPasswords = {};
  const given = value.sessions ?? [];
  if (!Array.isArray(given)) complain('bgp.sessions', `${show(given)}, wanted a list of neighbours`);
  else if (given.length > BGP_LIMITS.sessionsMax)
    complain('bgp.sessions', `${given.length} neighbours, at most ${BGP_LIMITS.sessionsMax}`);
  else fields.sessions = readNeighbors(given, known, passwords, rules, complain);
  checkTogether(fields, passwords, complain);
  return { fields, passwords };
}

/** ASN of the node: as told, or that of its neighbours (iBGP). undefined = they have different ones. */
export function localAsnOf({ localAsn, sessions }: BgpFields): number | undefined {
  const asns = new Set(sessions.map((one) => one.neighborAsn));
  return localAsn ?? (asns.size === 1 ? sessions[0]?.neighborAsn : undefined);
}

function readNeighbors(
  given: readonly unknown[],
  known: Known,
  passwords: BgpPasswords,
  rules: { ipv6: boolean },
  complain: Complain,
): BgpNeighbor[] {
  const sessions: BgpNeighbor[] = [];
  // What is told first: a free number must not take an id that stands further down.
  const taken = new Set(given.map((one) => (isObject(one) ? one.id : undefined)));
  for (const [index, item] of given.entries()) {
    const path = `bgp.sessions[${index}]`;
    if (!isObject(item)) {
      complain(path, `${show(item)}, wanted {neighborAddress, neighborAsn, ...}`);
      continue;
    }
    const neighbor = readNeighbor(item, path, rules, complain);
    const before = known.fields.sessions.find((one) => one.neighborAddress === neighbor.neighborAddress);
    neighbor.id = readId(item.id, before, taken, path, complain);
    taken.add(neighbor.id);
    const password = readPassword(item.password, before && known.passwords[before.id], path, complain);
    if (password !== undefined) passwords[neighbor.id] = password;
    neighbor.hasPassword = password !== undefined;
    sessions.push(neighbor);
  }
  return sessions;
}

function readNeighbor(item: Input, path: string, rules: { ipv6: boolean }, complain: Complain): BgpNeighbor {
  const keys = ['id', 'neighborAddress', 'neighborAsn', ...Object.keys(NEIGHBOR_DEFAULTS), 'password', 'hasPassword'];
  refuseOthers(item, keys, path, complain);
  const at = (key: string) => `${path}.${key}`;
  const neighborAddress = readAddress(item.neighborAddress, at('neighborAddress'), rules, complain);
  const isLocalTold = item.localAddress !== undefined && item.localAddress !== null;
  const localAddress = isLocalTold ? readAddress(item.localAddress, at('localAddress'), rules, complain) : null;
  if (localAddress && neighborAddress && localAddress.includes(':') !== neighborAddress.includes(':'))
    complain(at('localAddress'), `${show(localAddress)}, wanted an address of the family of ${neighborAddress}`);
  if (!isBgpAsn(item.neighborAsn)) complain(at('neighborAsn'), `${show(item.neighborAsn)}, wanted ${ASN_WANTED}`);
  return {
    id: '',
    neighborAddress,
    neighborAsn: isBgpAsn(item.neighborAsn) ? item.neighborAsn : 0,
    localAddress,
    multihop: readHops(item.multihop, at('multihop'), complain),
    ttlSecurity: readSwitch(item.ttlSecurity, NEIGHBOR_DEFAULTS.ttlSecurity, at('ttlSecurity'), complain),
    holdTimeSecs: readWhole(item.holdTimeSecs, at('holdTimeSecs'), BGP_LIMITS.holdTimeSecs, complain),
    maxPrefixes: readWhole(item.maxPrefixes, at('maxPrefixes'), { min: 1, ...BGP_LIMITS.maxPrefixes }, complain),
    isEnabled: readSwitch(item.isEnabled, NEIGHBOR_DEFAULTS.isEnabled, at('isEnabled'), complain),
    hasPassword: false,
  };
}

function checkTogether(fields: BgpFields, passwords: BgpPasswords, complain: Complain): void {
  const byAddress = new Map<string, number>();
  const ids = new Set<string>();
  for (const [index, { id, neighborAddress }] of fields.sessions.entries()) {
    const path = `bgp.sessions[${index}]`;
    const other = byAddress.get(neighborAddress);
    if (other !== undefined && neighborAddress !== '')
      complain(`${path}.neighborAddress`, `${show(neighborAddress)} stands in bgp.sessions[${other}] already`);
    if (ids.has(id)) complain(`${path}.id`, `${show(id)}, wanted each id once`);
    byAddress.set(neighborAddress, index);
    ids.add(id);
  }
  if (fields.sessions.length > 0 && localAsnOf(fields) === undefined)
    complain('bgp.localAsn', 'null, wanted the ASN of this node: its neighbours have different ones');
  const sum = fields.sessions.reduce((total, one) => total + one.maxPrefixes, 0);
  if (sum > BGP_LIMITS.maxPrefixesSum)
    complain('bgp.sessions', `${sum} maxPrefixes in all, wanted at most ${BGP_LIMITS.maxPrefixesSum}`);
  if (fields.network === 'bridge' && Object.keys(passwords).length > 0)
    complain('bgp.network', '"bridge" with a password: a TCP MD5 signature does not survive address translation');
}

const ASN_WANTED = `an ASN from 1 to ${BGP_ASN_MAX} that is not reserved (23456, 65535)`;

function readAsnOrNull(value: unknown, path: string, complain: Complain): number | null {
  if (value === undefined || value === null) return null;
  if (isBgpAsn(value)) return value;
  complain(path, `${show(value)}, wanted null or ${ASN_WANTED}`);
  return null;
}

function readRouterId(value: unknown, complain: Complain): string | null {
  if (value === undefined || value === null) return null;
  const address = typeof value === 'string' ? parseIpAddress(value) : undefined;
  if (address?.family === 4 && address.words[0] !== 0) return formatIpAddress(address);
  complain('bgp.routerId', `${show(value)}, wanted null (the server IP address) or an IPv4 address`);
  return null;
}

function readAddress(value: unknown, path: string, rules: { ipv6: boolean }, complain: Complain): string {
  const address = typeof value === 'string' ? parseIpAddress(value) : undefined;
  if (address?.family === 6 && !rules.ipv6) complain(path, `${show(value)}: ${IPV4_ONLY}`);
  else if (address && isNeighborAddress(address)) return formatIpAddress(address);
  else complain(path, `${show(value)}, wanted the IP address of a router`);
  return '';
}

/** Not 0/8, multicast and beyond, nor link-local (which needs a zone): but private and loopback ones. */
function isNeighborAddress(address: IpAddress): boolean {
  return specialRangeOf(hostPrefix(address))?.kind !== 'never';
}

function readNetwork(value: unknown, complain: Complain): BgpFields['network'] {
  if (value === undefined || value === 'host' || value === 'bridge') return value ?? BGP_DEFAULTS.network;
  complain('bgp.network', `${show(value)}, wanted "host" or "bridge"`);
  return BGP_DEFAULTS.network;
}

function readId(
  value: unknown,
  before: BgpNeighbor | undefined,
  taken: ReadonlySet<unknown>,
  path: string,
  complain: Complain,
): string {
  if (value === undefined && before && !taken.has(before.id)) return before.id;
  if (value === undefined) {
    let number = 1;
    while (taken.has(`session${number}`)) number += 1;
    return `session${number}`;
  }
  if (typeof value === 'string' && BGP_SESSION_ID.test(value)) return value;
  complain(`${path}.id`, `${show(value)}, wanted a letter, then up to 31 letters, digits or _`);
  return '';
}

/** The value itself stands in no message. */
function readPassword(value: unknown, known: string | undefined, path: string, complain: Complain): string | undefined {
  if (value === undefined) return known;
  if (value === null || value === '') return undefined;
  const max = BGP_LIMITS.passwordCharactersMax;
  if (typeof value !== 'string' || !isBgpPasswordText(value))
    complain(`${path}.password`, '[secret], wanted printable ASCII characters without "');
  else if (value.length > max) complain(`${path}.password`, `${value.length} characters, at most ${max}`);
  else return value;
  return undefined;
}

function readHops(value: unknown, path: string, complain: Complain): number | false {
  if (value === undefined || value === false || value === null) return false;
  if (isWhole(value, 1, BGP_LIMITS.hopsMax)) return value;
  complain(path, `${show(value)}, wanted false or a number of hops from 1 to ${BGP_LIMITS.hopsMax}`);
  return false;
}

function readSwitch(value: unknown, byDefault: boolean, path: string, complain: Complain): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? byDefault;
  complain(path, `${show(value)}, wanted true or false`);
  return byDefault;
}

function readWhole(
  value: unknown,
  path: string,
  range: { min: number; max: number; default: number },
  complain: Complain,
): number {
  if (value === undefined) return range.default;
  if (isWhole(value, range.min, range.max)) return value;
  complain(path, `${show(value)}, wanted an integer from ${range.min} to ${range.max}`);
  return range.default;
}

function refuseOthers(value: Input, known: readonly string[], path: string, complain: Complain): void {
  for (const key of Object.keys(value))
    if (!known.includes(key)) complain(`${path}.${key}`, `unknown field, wanted one of ${known.join(', ')}`);
}

function isObject(value: unknown): value is Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
