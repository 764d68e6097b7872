// The rules of a cache node's fields: reads what the operator sent and answers every problem at once (connected-cache.md 1.3, 1.4, 1.6).
// The original's three form errors are the codes NameInvalidOrInUse, CidrInvalid and AddressInUse.

import { isIPv4, isIPv6 } from 'node:net';
import { ASN_MAX } from '../accounts/account.ts';
import { parseIpAddress } from '../addresses/ip-address.ts';
import { checkIpPrefix, formatIpPrefix, hostPrefix } from '../addresses/ip-prefix.ts';
import { specialRangeOf } from '../addresses/special-ranges.ts';
import { IPV4_ONLY, specialRangeFault } from '../routing/review.ts';
import { ringProblems, type UpdateRing } from '../updates/update-ring.ts';
import { BGP_DEFAULTS, readBgp } from './bgp-fields.ts';
import { cleanDrivePath, drivePathFault } from './drive-path.ts';
import {
  type Complain,
  type FieldProblem,
  type FieldProblemCode,
  type FieldRules,
  type FieldWarning,
  isWhole,
  show,
} from './field-complaints.ts';
import type { Drive, NodeFields, NodeSecrets } from './node-record.ts';
import { certificatePathFault, proxyFault } from './proxy-field.ts';

export const NODE_NAME = /^[a-zA-Z0-9_-]{1,90}$/;
export const DRIVES_MAX = 9;
export const DRIVE_SIZE_GB_MAX = 1_000_000;
export const EGRESS_MBPS_MAX = 10_000_000;
export const CIDRS_MAX = 1_000;
export const PORT_MAX = 65_535;
const PROBLEMS_MAX = 100;

export const FIELD_DEFAULTS: Omit<NodeFields, 'name'> = {
  ipAddress: null,
  httpPort: 80,
  summaryPort: 5001,
  maxEgressMbps: 1000,
  drives: [],
  isEnabled: true,
  prefixSource: 'manual',
  cidrs: [],
  asn: null,
  isDraining: false,
  bgp: BGP_DEFAULTS,
  proxy: null,
  proxyCertificatePath: null,
  updateRing: null,
};

export type FieldsResult =
  | { ok: true; fields: NodeFields; secrets: NodeSecrets; warnings: FieldWarning[] }
  | { ok: false; problems: FieldProblem[] };

/**
 * Reads the fields of a new node (`base` absent: name wanted, defaults for the rest) or of a change (`base` = the node as it is;
 * fields that are absent stay). A change may repeat the name but not alter it.
 */
export function readNodeFields(input: unknown, rules: FieldRules, base?: NodeFields & NodeSecrets): FieldsResult {
  const problems: FieldProblem[] = [];
  const warnings: FieldWarning[] = [];
  const complain: Complain = Object.assign(
    (path: string, message: string, code: FieldProblemCode = 'FieldInvalid') => {
      if (problems.length < PROBLEMS_MAX) problems.push({ path, message, code });
    },
    { warn: (path: string, message: string) => void warnings.push({ path, message }) },
  );
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    complain('', `body is ${show(input)}, wanted a JSON object with the fields of a cache node`);
    return { ok: false, problems };
  }
  const given = input as Record<string, unknown>;
  const fields: NodeFields = base ? fieldsOf(base) : { name: '', ...FIELD_DEFAULTS };
  let secrets: NodeSecrets = { bgpPasswords: base?.bgpPasswords ?? {} };
  readName(given.name, base, fields, complain);
  for (const [key, value] of Object.entries(given)) {
    if (key === 'name') continue;
    if (!isFieldKey(key)) {
      complain(key, `unknown field, wanted one of name, ${Object.keys(FIELD_DEFAULTS).join(', ')}`);
      continue;
    }
    if (key === 'bgp') {
      const read = readBgp(value, { fields: fields.bgp, passwords: secrets.bgpPasswords }, rules, complain);
      if (!read) continue;
      fields.bgp = read.fields;
      secrets = { bgpPasswords: read.passwords };
    } else READERS[key](value, fields, complain, rules);
  }
  if (fields.httpPort === fields.summaryPort) {
    complain('summaryPort', `${fields.summaryPort} is also httpPort, wanted two different ports`);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, fields, secrets, warnings };
}

/** The fields alone, without ids and secrets. */
export function fieldsOf(node: NodeFields): NodeFields {
  const entries = Object.keys(FIELD_DEFAULTS).map((key) => [key, node[key as keyof NodeFields]]);
  return { name: node.name, ...(Object.fromEntries(entries) as Omit<NodeFields, 'name'>) };
}

/** What the other nodes hold: two nodes share neither name nor address with port. Blocks they may share: routing/review.ts. */
export function checkFieldConflicts(fields: NodeFields, others: readonly NodeFields[]): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const other of others) {
    if (other.name.toLowerCase() === fields.name.toLowerCase()) {
      problems.push({ path: 'name', message: nameMessage(fields.name, 'it is in use'), code: 'NameInvalidOrInUse' });
    }
    if (fields.ipAddress !== null && other.ipAddress === fields.ipAddress && other.httpPort === fields.httpPort) {
      const message = `server IP address ${fields.ipAddress} with port ${fields.httpPort} is already in use by cache node ${other.name}`;
      problems.push({ path: 'ipAddress', message, code: 'AddressInUse' });
    }
  }
  return problems.slice(0, PROBLEMS_MAX);
}

type FieldKey = keyof typeof FIELD_DEFAULTS;
/** Fields with a reader of the common form; bgp has secrets beside it. */
type PlainKey = Exclude<FieldKey, 'bgp'>;
type Reader = (value: unknown, fields: NodeFields, complain: Complain, rules: FieldRules) => void;

const READERS: { [K in PlainKey]: Reader } = {
  ipAddress: (value, fields, complain) => {
    if (value === null || value === '') fields.ipAddress = null;
    else if (typeof value === 'string' && isIPv6(value)) complain('ipAddress', `${show(value)}: ${IPV4_ONLY}`);
    else if (typeof value !== 'string' || !isIPv4(value))
      complain('ipAddress', `${show(value)}, wanted an IPv4 address`);
    else if (!isServerAddress(value)) complain('ipAddress', `${show(value)}, wanted an address a server can have`);
    else fields.ipAddress = value;
  },
  httpPort: integerReader('httpPort', 1, PORT_MAX),
  summaryPort: integerReader('summaryPort', 1, PORT_MAX),
  maxEgressMbps: integerReader('maxEgressMbps', 1, EGRESS_MBPS_MAX),
  isEnabled: switchReader('isEnabled'),
  prefixSource: (value, fields, complain) => {
    if (value === 'manual' || value === 'bgp') fields.prefixSource = value;
    else complain('prefixSource', `${show(value)}, wanted "manual" or "bgp"`);
  },
  drives: readDrives,
  cidrs: readCidrs,
  asn: (value, fields, complain) => {
    if (value === null || isWhole(value, 1, ASN_MAX)) fields.asn = value;
    else complain('asn', `${show(value)}, wanted null or an integer from 1 to ${ASN_MAX}`);
  },
  isDraining: switchReader('isDraining'),
  proxy: textReader('proxy', proxyFault),
  proxyCertificatePath: textReader('proxyCertificatePath', certificatePathFault),
  updateRing: (value, fields, complain) => {
    const problems = value === null ? [] : ringProblems(value);
    for (const { path, message } of problems) complain(path ? `updateRing.${path}` : 'updateRing', message);
    if (problems.length === 0) fields.updateRing = value as UpdateRing | null;
  },
};

function isFieldKey(key: string): key is FieldKey {
  return Object.hasOwn(FIELD_DEFAULTS, key);
}

function readName(value: unknown, base: NodeFields | undefined, fields: NodeFields, complain: Complain): void {
  if (base) {
    if (value !== undefined && value !== base.name) complain('name', `${show(value)}, a name cannot be changed`);
    return;
  }
  if (typeof value === 'string' && NODE_NAME.test(value)) fields.name = value;
  else complain('name', nameMessage(value, 'wanted 1 to 90 letters, digits, "_" or "-"'), 'NameInvalidOrInUse');
}

function nameMessage(value: unknown, why: string): string {
  return `cache node name ${show(value)} is already in use or in the wrong format: ${why}`;
}

function integerReader(key: 'httpPort' | 'summaryPort' | 'maxEgressMbps', min: number, max: number): Reader {
  return (value, fields, complain) => {
    if (isWhole(value, min, max)) fields[key] = value;
    else complain(key, `${show(value)}, wanted an integer from ${min} to ${max}`);
  };
}

function switchReader(key: 'isEnabled' | 'isDraining'): Reader {
  return (value, fields, complain) => {
    if (typeof value === 'boolean') fields[key] = value;
    else complain(key, `${show(value)}, wanted true or false`);
  };
}

/** null and an emptied field of a form are the same. */
function textReader(key: 'proxy' | 'proxyCertificatePath', faultOf: (text: string) => string | undefined): Reader {
  return (value, fields, complain) => {
    if (value === null || value === '') {
      fields[key] = null;
      return;
    }
    const fault = typeof value === 'string' ? faultOf(value) : 'wanted a text';
    // What holds "@" may hold a password before it.
    const shown = typeof value === 'string' && value.includes('@') ? '[secret]' : show(value);
    if (fault === undefined) fields[key] = value as string;
    else complain(key, `${shown}: ${fault}`);
  };
}

function readDrives(value: unknown, fields: NodeFields, complain: Complain, rules: FieldRules): void {
  if (!Array.isArray(value)) {
    complain('drives', `${show(value)}, wanted a list of {path, sizeGb}`);
    return;
  }
  if (value.length > DRIVES_MAX) complain('drives', `${value.length} drives, at most ${DRIVES_MAX}`);
  const drives: Drive[] = [];
  for (const [index, item] of value.slice(0, DRIVES_MAX).entries()) {
    const drive = readDrive(item, `drives[${index}]`, rules, complain);
    if (!drive) continue;
    const clean = cleanDrivePath(drive.path);
    const nested = drives.find((other) => overlaps(cleanDrivePath(other.path), clean));
    if (nested)
      complain(`drives[${index}].path`, `${show(drive.path)} lies in or over ${nested.path}, wanted separate folders`);
    drives.push(drive);
  }
  fields.drives = drives;
}

function overlaps(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

function readDrive(item: unknown, path: string, rules: FieldRules, complain: Complain): Drive | undefined {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    complain(path, `${show(item)}, wanted {path, sizeGb}`);
    return undefined;
  }
  const { path: folder, sizeGb, ...rest } = item as Record<string, unknown>;
  for (const key of Object.keys(rest)) complain(`${path}.${key}`, 'unknown field, wanted path and sizeGb');
  const fault = typeof folder === 'string' ? drivePathFault(folder) : 'it is no text';
  if (fault) complain(`${path}.path`, `${show(folder)} cannot be a cache drive: ${fault}`);
  const { driveSizeGbMin: min } = rules;
  const isSize = isWhole(sizeGb, min, DRIVE_SIZE_GB_MAX);
  if (!isSize) complain(`${path}.sizeGb`, `${show(sizeGb)} GB, wanted an integer from ${min} to ${DRIVE_SIZE_GB_MAX}`);
  return fault || !isSize ? undefined : { path: folder as string, sizeGb };
}

/** A list, or the comma-separated text of the original's form (a space after a comma is allowed). */
function readCidrs(value: unknown, fields: NodeFields, complain: Complain, rules: FieldRules): void {
  const list = typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value;
  if (!Array.isArray(list)) {
    complain('cidrs', `${show(value)}: CIDR list is incorrect, wanted a list of a.b.c.d/n`, 'CidrInvalid');
    return;
  }
  if (value === '') {
    fields.cidrs = [];
    return;
  }
  if (list.length > CIDRS_MAX) complain('cidrs', `${list.length} blocks, at most ${CIDRS_MAX}`, 'CidrInvalid');
  const blocks = new Set<string>();
  for (const [index, item] of list.slice(0, CIDRS_MAX).entries()) {
    const path = `cidrs[${index}]`;
    const check = readCidr(item, rules);
    if (!check.ok) complain(path, `${show(item)}: CIDR list or notation is incorrect: ${check.why}`, 'CidrInvalid');
    else if (blocks.has(check.block)) {
      const message = `${show(item)}: CIDR list is incorrect: the block is already in use, it stands in it twice`;
      complain(path, message, 'CidrInvalid');
    } else blocks.add(check.block);
    if (check.ok && check.hadHostBits) complain.warn(path, `${show(item)} has host bits set, ${check.block} was taken`);
  }
  fields.cidrs = [...blocks];
}

/** One block with its host bits cleared; what no client of this account can have is refused. */
function readCidr(
  item: unknown,
  rules: FieldRules,
): { ok: true; block: string; hadHostBits: boolean } | { ok: false; why: string } {
  if (typeof item !== 'string') return { ok: false, why: 'it is no text' };
  const check = checkIpPrefix(item.trim());
  if (!check.ok) return item.includes(':') && !rules.ipv6 ? { ok: false, why: IPV4_ONLY } : check;
  if (check.prefix.family === 6 && !rules.ipv6) return { ok: false, why: IPV4_ONLY };
  const fault = specialRangeFault(check.prefix, rules);
  if (fault) return { ok: false, why: `it ${fault}` };
  return { ok: true, block: formatIpPrefix(check.prefix), hadHostBits: check.hadHostBits };
}

/** Can a server answer clients there? Not 0/8, link-local (cloud metadata services live there), multicast and beyond. */
function isServerAddress(address: string): boolean {
  const parsed = parseIpAddress(address);
  return parsed !== undefined && specialRangeOf(hostPrefix(parsed))?.kind !== 'never';
}
