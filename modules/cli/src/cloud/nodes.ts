// `node create|show|list|set|delete|provision`: cache nodes in the cloud.

import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText, plainLine } from '../terminal-text.ts';
import { type BgpOptions, bgpFields } from './bgp-fields.ts';
import type { CacheNode, CloudClient, NodeFields } from './cloud-client.ts';
import { type UpdateRingOptions, updateRingField } from './updates.ts';

export interface NodeOptions extends BgpOptions, UpdateRingOptions {
  ip?: string;
  httpPort?: number;
  summaryPort?: number;
  egress?: number;
  drive?: { path: string; sizeGb: number }[];
  cidr?: string[];
  enabled?: boolean;
  drain?: boolean;
  prefixSource?: string;
  asn?: number;
  customer?: string;
  proxy?: string;
  proxyCa?: string;
}

/** Options of the command -> fields of the cloud; what is not given is left to the cloud. */
function nodeFields(options: NodeOptions): Partial<NodeFields> {
  return {
    ...(options.ip === undefined ? {} : { ipAddress: options.ip }),
    ...(options.httpPort === undefined ? {} : { httpPort: options.httpPort }),
    ...(options.summaryPort === undefined ? {} : { summaryPort: options.summaryPort }),
    ...(options.egress === undefined ? {} : { maxEgressMbps: options.egress }),
    ...(options.drive === undefined ? {} : { drives: options.drive }),
    ...(options.cidr === undefined ? {} : { cidrs: options.cidr }),
    ...(options.enabled === undefined ? {} : { isEnabled: options.enabled }),
    ...(options.drain === undefined ? {} : { isDraining: options.drain }),
    ...(options.prefixSource === undefined ? {} : { prefixSource: options.prefixSource }),
    ...(options.asn === undefined ? {} : { asn: options.asn }),
    ...(options.customer === undefined ? {} : { customerId: options.customer }),
    ...(options.proxy === undefined ? {} : { proxy: options.proxy === '' ? null : options.proxy }),
    ...(options.proxyCa === undefined ? {} : { proxyCertificatePath: options.proxyCa === '' ? null : options.proxyCa }),
    ...updateRingField(options),
  };
}

/** `PATH,GB` -> drive. */
export function parseDrive(text: string): { path: string; sizeGb: number } {
  const match = /^(\/[^,]*),(\d{1,6})$/.exec(text);
  if (match === null)
    throw new EdgeError(
      'CLI_OPTION_INVALID' satisfies ErrorCode,
      `Cannot read the drive "${text}": wanted an absolute path, a comma and whole GB, such as /datadrive,100`,
      { source: 'config' },
    );
  return { path: match[1]!, sizeGb: Number(match[2]) };
}

export async function createNode(
  io: Io,
  client: CloudClient,
  name: string,
  options: NodeOptions & { json?: boolean },
): Promise<void> {
  const node = await client.createNode({ name, ...nodeFields(options), ...(await bgpFields(options, undefined)) });
  tellWarnings(io, node);
  io.stdout.write(
    options.json ? `${jsonText(node)}\n` : `Created node ${name}; install it with: node provision ${name}\n`,
  );
}

export async function setNode(io: Io, client: CloudClient, name: string, options: NodeOptions): Promise<void> {
  const isBgp = Object.keys(options).some((key) => key.startsWith('bgp'));
  const before = isBgp ? (await client.showNode(name)).bgp : undefined;
  const fields = { ...nodeFields(options), ...(await bgpFields(options, before)) };
  if (Object.keys(fields).length === 0)
    throw new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, `Cannot change node ${name}: no field was given`, {
      source: 'config',
    });
  tellWarnings(io, await client.updateNode(name, fields));
  io.stdout.write(`Changed node ${name}: ${Object.keys(fields).join(', ')}\n`);
}

export async function deleteNode(io: Io, client: CloudClient, name: string): Promise<void> {
  await client.deleteNode(name);
  io.stdout.write(`Deleted node ${name}\n`);
}

export async function listNodes(io: Io, client: CloudClient, options: { json?: boolean }): Promise<void> {
  const nodes = await client.listNodes();
  if (options.json) io.stdout.write(`${jsonText(nodes)}\n`);
  else
    io.stdout.write(
      alignedTable([
        ['NAME', 'STATE', 'IP ADDRESS', 'PORT', 'EGRESS (Mbit/s)', 'PREFIXES', 'ENABLED', 'REASON'],
        ...nodes.map((n) => [
          n.name,
          n.state,
          n.ipAddress ?? '-',
          String(n.httpPort),
          String(n.maxEgressMbps),
          String(n.cidrs.length),
          n.isEnabled ? 'yes' : 'no',
          n.reasons[0]?.text ?? '-',
        ]),
      ]),
    );
}

export async function showNode(io: Io, client: CloudClient, name: string, options: { json?: boolean }): Promise<void> {
  const node = await client.showNode(name);
  io.stdout.write(options.json ? `${jsonText(node)}\n` : nodeText(node));
}

/** What the cloud took otherwise than it was sent. */
function tellWarnings(io: Io, node: CacheNode): void {
  for (const { path, message } of node.warnings ?? [])
    io.stderr.write(`warning: ${plainLine(`${path}: ${message}`)}\n`);
}

/** Name and value a line; pure. */
function nodeText(node: CacheNode): string {
  return alignedTable([
    ['name', node.name],
    ['state', node.stateText === node.state ? node.state : `${node.state}: ${node.stateText}`],
    ...node.reasons.map((r) => [
      'reason',
      `${r.code}: ${r.text}${r.sinceUtc === null ? '' : ` (since ${r.sinceUtc})`}`,
    ]),
    ['ip address', node.ipAddress ?? '-'],
    ['http port', String(node.httpPort)],
    ['max egress', `${node.maxEgressMbps} Mbit/s`],
    ['enabled', node.isEnabled ? 'yes' : 'no'],
    ...node.drives.map((d, i) => [`drive ${i + 1}`, `${d.path}, ${d.sizeGb} GB`]),
    ...(node.proxy ? [['proxy', node.proxy]] : []),
    ...(node.bgp?.sessions ?? []).map((session) => [
      'bgp neighbour',
      `${session.neighborAddress}, AS ${session.neighborAsn}${session.hasPassword ? ', with password' : ''}`,
    ]),
    ['prefixes', node.cidrs.length === 0 ? `none (${node.prefixSource})` : node.cidrs.join(', ')],
    ['cache node id', node.cacheNodeId],
    ['customer id', node.customerId],
    ['created', node.createdAtUtc],
  ]);
}

/** The command carries keys that work once: it is printed, never logged. */
export async function provisionNode(
  io: Io,
  client: CloudClient,
  name: string,
  options: { json?: boolean },
): Promise<void> {
  const provisioning = await client.provisionNode(name);
  if (options.json) io.stdout.write(`${jsonText(provisioning)}\n`);
  else io.stdout.write(`Run this on the server that becomes ${name} (it works once):\n\n${provisioning.command}\n`);
}
