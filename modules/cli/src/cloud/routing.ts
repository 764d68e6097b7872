// `route`, `prefixes`, `review`, `account`, `steer`: which node serves which clients, and what tells the clients.

import type { Io } from '../io.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText, plainLines } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';
import { type UpdateRingOptions, updateRingField } from './updates.ts';

/** Largest page asked for at once. */
const PAGE_ROWS_MAX = 1000;

export interface RouteAnswer {
  address: string;
  site: string;
  node: string | null;
  cacheHost: string;
  prefix: string;
  ttlSecs: number;
  text: string;
  steps: { prefix: string; chosen: string; passedOver: { node: string; code: string; text: string }[] }[];
}

export interface Prefix {
  node: string;
  source: string;
  prefix: string;
  state: string;
  code: string;
  feedback: string;
  originAsn: number | null;
  sinceUtc: string;
  inForce: boolean;
}

export interface Account {
  customerId: string;
  name: string;
  asn: number | null;
  downstreamAsns: number[];
  ipv6: boolean;
  privatePrefixes: boolean;
  review: string;
  ttlSecs: number;
  nodes: string[];
}

export interface PrefixOptions {
  node?: string;
  source?: string;
  state?: string;
  limit: number;
  json?: boolean;
}

export interface AccountOptions extends UpdateRingOptions {
  name?: string;
  asn?: number;
  downstream?: number[];
  ipv6?: boolean;
  private?: boolean;
  review?: string;
  ttl?: number;
  moduleVersion?: string;
  critical?: string[];
}

export async function route(io: Io, client: CloudClient, ip: string, options: { json?: boolean }): Promise<void> {
  const answer = await client.read<RouteAnswer>(`look up ${ip}`, 'routing/lookup', { ip });
  io.stdout.write(options.json ? `${jsonText(answer)}\n` : routeText(answer));
}

/** The answer, then each prefix with what was passed over; pure. */
export function routeText(answer: RouteAnswer): string {
  const host = answer.node === null ? '' : ` (${answer.cacheHost})`;
  const head = `${answer.text}${host}, for ${answer.ttlSecs} s\n`;
  const rows = answer.steps.flatMap((step) => [
    [step.prefix, step.chosen === '' ? '-' : step.chosen, step.chosen === '' ? 'no node can take it' : 'chosen'],
    ...step.passedOver.map((one) => ['', one.node, `${one.code}: ${one.text}`]),
  ]);
  return rows.length === 0 ? plainLines(head) : plainLines(head) + alignedTable([['PREFIX', 'NODE', 'WHY'], ...rows]);
}

export async function listPrefixes(io: Io, client: CloudClient, options: PrefixOptions): Promise<void> {
  const rows: Prefix[] = [];
  let after: string | undefined;
  while (rows.length < options.limit) {
    const limit = Math.min(PAGE_ROWS_MAX, options.limit - rows.length);
    const { node, source, state } = options;
    const page: { prefixes: Prefix[]; next: string | null } = await client.read(
      'list the prefixes',
      'routing/prefixes',
      {
        ...{ node, source, state, after, limit },
      },
    );
    rows.push(...page.prefixes);
    if (page.next === null) break;
    after = page.next;
  }
  if (options.json) io.stdout.write(`${jsonText(rows)}\n`);
  else
    io.stdout.write(
      alignedTable([
        ['NODE', 'SOURCE', 'PREFIX', 'STATE', 'ORIGIN AS', 'NOTE'],
        ...rows.map((row) => [
          ...[row.node, row.inForce ? row.source : `${row.source} (not in force)`, row.prefix, row.state],
          ...[row.originAsn === null ? '-' : String(row.originAsn), row.feedback === '' ? '-' : row.feedback],
        ]),
      ]),
    );
}

const DECISIONS: { [word: string]: string } = { approve: 'approved', reject: 'rejected', reset: 'none' };
export const REVIEW_WORDS = Object.keys(DECISIONS);

export async function review(
  io: Io,
  client: CloudClient,
  word: string,
  node: string,
  prefix: string,
  text: string,
): Promise<void> {
  const decision = DECISIONS[word] ?? word;
  await client.write(`${word} ${prefix} of node ${node}`, 'POST', 'routing/reviews', { node, prefix, decision, text });
  io.stdout.write(
    `${prefix === '*' ? 'The IP space' : prefix} of node ${node}: ${decision === 'none' ? 'reset' : decision}\n`,
  );
}

export async function listAccounts(io: Io, client: CloudClient, options: { json?: boolean }): Promise<void> {
  const { accounts } = await client.read<{ accounts: Account[] }>('list the accounts', 'accounts');
  if (options.json) io.stdout.write(`${jsonText(accounts)}\n`);
  else
    io.stdout.write(
      alignedTable([
        ['NAME', 'CUSTOMER ID', 'AS', 'DOWNSTREAM', 'IPV6', 'PRIVATE', 'REVIEW', 'TTL', 'NODES'],
        ...accounts.map((one) => [
          ...[one.name, one.customerId, one.asn === null ? '-' : String(one.asn), one.downstreamAsns.join(',') || '-'],
          ...[one.ipv6 ? 'yes' : 'no', one.privatePrefixes ? 'yes' : 'no', one.review, `${one.ttlSecs} s`],
          one.nodes.join(',') || '-',
        ]),
      ]),
    );
}

/** Options -> fields of the cloud; what is not given is left as it is. */
function accountFields(options: AccountOptions): { [field: string]: unknown } {
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.asn === undefined ? {} : { asn: options.asn === 0 ? null : options.asn }),
    ...(options.downstream === undefined ? {} : { downstreamAsns: options.downstream.filter((asn) => asn > 0) }),
    ...(options.ipv6 === undefined ? {} : { ipv6: options.ipv6 }),
    ...(options.private === undefined ? {} : { privatePrefixes: options.private }),
    ...(options.review === undefined ? {} : { review: options.review }),
    ...(options.ttl === undefined ? {} : { ttlSecs: options.ttl }),
    ...(options.moduleVersion === undefined ? {} : { moduleVersion: options.moduleVersion || null }),
    ...(options.critical === undefined ? {} : { criticalVersions: options.critical }),
    ...updateRingField(options),
  };
}

export async function createAccount(io: Io, client: CloudClient, name: string, options: AccountOptions): Promise<void> {
  const fields = accountFields({ ...options, name });
  const { customerId } = await client.write<Account>(`create account ${name}`, 'POST', 'accounts', fields);
  io.stdout.write(`Created account ${name}: ${customerId}\n`);
}

export async function setAccount(
  io: Io,
  client: CloudClient,
  customerId: string,
  options: AccountOptions,
): Promise<void> {
  const fields = accountFields(options);
  await client.write(`change account ${customerId}`, 'PATCH', `accounts/${encodeURIComponent(customerId)}`, fields);
  io.stdout.write(`Changed account ${customerId}: ${Object.keys(fields).join(', ')}\n`);
}

/** Prints a file for a DHCP or DNS server, as it is. */
export async function steer(
  io: Io,
  client: CloudClient,
  kind: 'dhcp' | 'dns',
  query: { server: string; nodes?: string | undefined; groupId?: string | undefined; customerId?: string | undefined },
): Promise<void> {
  io.stdout.write(plainLines(await client.readText(`write the ${kind} file`, `steering/${kind}`, query)));
}
