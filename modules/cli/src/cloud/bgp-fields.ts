// The options `--bgp-..` of `node create` and `node set` -> the BGP part of a node's form.

import { readFile } from 'node:fs/promises';
import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';

/** `sessions` of an answer say `hasPassword`; what is sent may have `password`. */
export interface BgpFields {
  localAsn?: number | null;
  routerId?: string | null;
  holdSecs?: number;
  network?: string;
  sessions: { neighborAddress: string; neighborAsn: number; password?: string; hasPassword?: boolean }[];
}

export interface BgpOptions {
  bgpNeighbor?: { neighborAddress: string; neighborAsn: number }[];
  bgpAsn?: number;
  bgpRouterId?: string;
  bgpPasswordFile?: string;
  bgpNetwork?: string;
}

/** `ADDRESS,ASN` -> neighbour. */
export function parseNeighbor(text: string): { neighborAddress: string; neighborAsn: number } {
  const [neighborAddress = '', asn = '', ...rest] = text.split(',').map((part) => part.trim());
  if (neighborAddress !== '' && /^\d{1,10}$/.test(asn) && rest.length === 0)
    return { neighborAddress, neighborAsn: Number(asn) };
  throw new EdgeError(
    'CLI_OPTION_INVALID' satisfies ErrorCode,
    `Cannot read the BGP neighbour "${text}": wanted an address, a comma and an ASN, such as 192.0.2.1,64510`,
    { source: 'config' },
  );
}

/** On top of what is there: neighbours that are named take the place of all before, with their other settings where they were there. {} = no option. */
export async function bgpFields(options: BgpOptions, before: BgpFields | undefined): Promise<{ bgp?: BgpFields }> {
  const { bgpNeighbor, bgpAsn, bgpRouterId, bgpPasswordFile, bgpNetwork } = options;
  if ([bgpNeighbor, bgpAsn, bgpRouterId, bgpPasswordFile, bgpNetwork].every((one) => one === undefined)) return {};
  const password = bgpPasswordFile === undefined ? undefined : await readPassword(bgpPasswordFile);
  const sessions = (bgpNeighbor ?? before?.sessions ?? []).map((one) => {
    const known = before?.sessions.find((session) => session.neighborAddress === one.neighborAddress);
    return { ...known, ...one, ...(password === undefined ? {} : { password }) };
  });
  const bgp: BgpFields = {
    ...before,
    ...(bgpAsn === undefined ? {} : { localAsn: bgpAsn }),
    ...(bgpRouterId === undefined ? {} : { routerId: bgpRouterId }),
    ...(bgpNetwork === undefined ? {} : { network: bgpNetwork }),
    sessions,
  };
  return { bgp };
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).split('\n', 1)[0] ?? '';
  } catch (cause) {
    const message = `Cannot read the password file ${file}: ${(cause as { code?: string }).code}`;
    throw new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, message, { cause, source: 'config' });
  }
}
