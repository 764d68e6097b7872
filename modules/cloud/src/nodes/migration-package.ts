// The migration package (connected-cache.md 1.17, scoring row 64): nodes with ids, keys, fields, passwords and their own deployments, and the accounts they
// belong to, as one JSON document. Another cloud, or this one after a loss, takes them in; each server then runs the command of its
// node once more and goes on as the same node, with the content on its drives.
//
// INVARIANTS
// - A package holds secrets: only an administrator gets or gives one.
// - What is taken in is read by the same rules as the forms; a node that breaks them is refused with every problem, the others are not.

import { isEdgeError } from '@wayside/kit';
import { type JsonObject, jsonEqual, type ModulesContent, readEnvelope } from '@wayside/protocol';
import type { Account, AccountSettings } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import { refusal } from '../errors.ts';
import type { Actor, Platform } from '../platform.ts';
import { fieldsOf } from './node-fields.ts';
import type { NodeFields } from './node-record.ts';
import type { NodeRegistry } from './node-registry.ts';

export const PACKAGE_FORMAT = 'wayside-migration';
export const PACKAGE_VERSION = 1;
/** Nodes of one package. */
export const PACKAGE_NODES_MAX = 1_000;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface PackagedNode {
  fields: NodeFields;
  /** By id of the BGP session. Secrets. */
  bgpPasswords: { [sessionId: string]: string };
  cacheNodeId: string;
  customerId: string;
  /** Secret. */
  customerKey: string;
  /** What is deployed where somebody wrote it; null = it is made from the fields. */
  deployment: ModulesContent | null;
}

export interface MigrationPackage {
  format: typeof PACKAGE_FORMAT;
  version: typeof PACKAGE_VERSION;
  exportedAtUtc: string;
  accounts: (AccountSettings & { customerId: string; name: string })[];
  nodes: PackagedNode[];
}

export interface ImportedNode {
  name: string;
  result: 'created' | 'updated' | 'refused';
  /** '' unless it was refused. */
  reason: string;
  problems: { path: string; message: string }[];
}

export interface MigrationParts {
  platform: Pick<Platform, 'getContent'>;
  accounts: Accounts;
  nodes: NodeRegistry;
}

/** Of the nodes named, of those of one account, or of all. CLOUD_NODE_NOT_FOUND, CLOUD_REQUEST_INVALID when there are too many. */
export async function packNodes(
  { platform, accounts, nodes }: MigrationParts,
  wanted: { nodes?: readonly string[]; customerId?: string },
  nowMs: number,
): Promise<MigrationPackage> {
  const all = wanted.nodes ? await Promise.all(wanted.nodes.map((name) => nodes.get(name))) : await nodes.list();
  const records = all.filter((node) => wanted.customerId === undefined || node.customerId === wanted.customerId);
  if (records.length > PACKAGE_NODES_MAX)
    throw refusal('CLOUD_REQUEST_INVALID', `Cannot pack ${records.length} nodes: at most ${PACKAGE_NODES_MAX} at once`);
  const packed: PackagedNode[] = [];
  for (const node of records) {
    const content = await platform.getContent(node.name).catch(() => ({}));
    const isOwn =
      Object.keys(content).length > 0 && !jsonEqual(content as JsonObject, nodes.manifestOf(node) as JsonObject);
    packed.push({
      fields: fieldsOf(node),
      bgpPasswords: node.bgpPasswords,
      cacheNodeId: node.cacheNodeId,
      customerId: node.customerId,
      customerKey: node.customerKey,
      deployment: isOwn ? content : null,
    });
  }
  const ids = new Set([...records.map((node) => node.customerId), ...(wanted.customerId ? [wanted.customerId] : [])]);
  return {
    ...{ format: PACKAGE_FORMAT, version: PACKAGE_VERSION, exportedAtUtc: new Date(nowMs).toISOString() },
    accounts: [...ids].map((id) => toPackaged(accounts.get(id))),
    nodes: packed,
  };
}

/** Node by node; an account that is not there is made with its id. `replace`: nodes that are there already take the fields of the package. */
export async function takeInNodes(
  parts: MigrationParts,
  input: unknown,
  options: { replace: boolean; nowMs: number; by: Actor },
): Promise<ImportedNode[]> {
  const { accounts, nodes } = readPackage(input);
  for (const { customerId, ...account } of accounts)
    if (!parts.accounts.find(customerId)) await parts.accounts.create(account, customerId);
  const results: ImportedNode[] = [];
  for (const node of nodes) results.push(await takeIn(parts, node, options));
  return results;
}

async function takeIn(
  parts: MigrationParts,
  packed: PackagedNode,
  { replace, nowMs, by }: { replace: boolean; nowMs: number; by: Actor },
): Promise<ImportedNode> {
  const { name } = packed.fields;
  try {
    const known = await parts.nodes.find(name);
    const isSame = known?.cacheNodeId === packed.cacheNodeId;
    const input = formOf(packed);
    if (known && !isSame) throw refusal('CLOUD_NODE_CONFLICT', `the name is in use by cache node ${known.cacheNodeId}`);
    if (known && !replace) throw refusal('CLOUD_NODE_CONFLICT', 'it is here already');
    const { cacheNodeId, customerId, customerKey } = packed;
    if (known) await parts.nodes.change(name, input, by);
    else await parts.nodes.create({ ...input, customerId }, by, { cacheNodeId, customerKey, importedAtMs: nowMs });
    if (packed.deployment) await parts.nodes.deploy(name, packed.deployment, by);
    return { name, result: known ? 'updated' : 'created', reason: '', problems: [] };
  } catch (error) {
    if (!isEdgeError(error)) throw error;
    const problems = error.details.problems as { path: string; message: string }[] | undefined;
    const shown = (problems ?? []).map(({ path, message }) => ({ path, message }));
    return { name, result: 'refused', reason: error.message, problems: shown };
  }
}

/** What the form would have sent. */
function formOf({ fields, bgpPasswords }: PackagedNode): JsonObject {
  const sessions = (fields.bgp?.sessions ?? []).map((session) => ({
    ...session,
    password: Object.hasOwn(bgpPasswords, session.id) ? bgpPasswords[session.id] : null,
  }));
  return { ...fields, bgp: { ...fields.bgp, sessions } } as unknown as JsonObject;
}

function readPackage(input: unknown): MigrationPackage {
  const { format, version, accounts, nodes } = (input ?? {}) as Partial<MigrationPackage>;
  if (format !== PACKAGE_FORMAT || version !== PACKAGE_VERSION)
    throw unusable(
      `format and version are ${JSON.stringify([format, version])}, wanted "${PACKAGE_FORMAT}" ${PACKAGE_VERSION}`,
    );
  if (!Array.isArray(accounts) || !Array.isArray(nodes)) throw unusable('accounts and nodes must be lists');
  if (nodes.length > PACKAGE_NODES_MAX) throw unusable(`${nodes.length} nodes, at most ${PACKAGE_NODES_MAX}`);
  for (const [index, node] of nodes.entries()) {
    const fault = nodeFault(node);
    if (fault) throw unusable(`nodes[${index}]: ${fault}`);
  }
  for (const [index, account] of accounts.entries())
    if (!GUID.test(String(account?.customerId))) throw unusable(`accounts[${index}].customerId is no GUID`);
  return input as MigrationPackage;
}

function nodeFault(node: Partial<PackagedNode> | null): string | undefined {
  if (typeof node?.fields !== 'object' || node.fields === null || typeof node.fields.name !== 'string')
    return 'fields.name is missing';
  if (typeof node.bgpPasswords !== 'object' || node.bgpPasswords === null) return 'bgpPasswords is no object';
  for (const key of ['cacheNodeId', 'customerId', 'customerKey'] as const)
    if (!GUID.test(String(node[key]))) return `${key} is no GUID`;
  if (node.deployment === null) return undefined;
  const envelope = readEnvelope({ modulesContent: node.deployment });
  return 'problems' in envelope ? `deployment: ${envelope.problems[0]?.message}` : undefined;
}

function unusable(why: string): Error {
  return refusal('CLOUD_REQUEST_INVALID', `Cannot take in the migration package: ${why}`);
}

function toPackaged({ createdAtMs: _at, ...account }: Account): MigrationPackage['accounts'][number] {
  return account;
}
