// `bgp NODE`: the BGP sessions of a node, or the prefixes that it holds.

import type { BgpPrefix, BgpState } from '@wayside/protocol';
import type { Io } from '../io.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText, plainLines } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';

/** Largest page asked for at once. */
const PAGE_ROWS_MAX = 1000;

export interface NodeBgp {
  routesReceived: boolean;
  /** Routes the cloud has taken over. */
  routes: number;
  issue: string;
  state: BgpState | null;
}

export interface BgpPrefixOptions {
  contains?: string;
  coveredBy?: string;
  session?: string;
  limit: number;
  json?: boolean;
}

export async function showBgp(io: Io, client: CloudClient, node: string, options: { json?: boolean }): Promise<void> {
  const answer = await client.read<NodeBgp>(`read BGP of node ${node}`, `nodes/${encodeURIComponent(node)}/bgp`);
  io.stdout.write(options.json ? `${jsonText(answer)}\n` : bgpText(answer));
}

/** Sessions, then what is wrong; pure. */
export function bgpText({ routesReceived, routes, issue, state }: NodeBgp): string {
  const head = `BGP routes received: ${routesReceived ? 'True' : 'False'}, ${routes} in the cloud\n`;
  const troubles = [
    ...(issue === '' ? [] : [issue]),
    ...(state?.issues ?? []).map(({ code, text }) => `${text} [${code}]`),
  ];
  const tail = plainLines(troubles.map((text) => `${text}\n`).join(''));
  if (state === null) return `${head}The module bgp has not told of itself yet\n${tail}`;
  if (state.sessions.length === 0) return head + tail;
  const rows = state.sessions.map((one) => [
    ...[one.id, one.neighborAddress, String(one.neighborAsn), one.state],
    ...[one.sinceUtc, String(one.prefixes.accepted), String(one.prefixes.filtered), String(one.prefixes.limit)],
    one.held === null ? '-' : (one.held.untilUtc ?? 'until the cause is gone'),
  ]);
  const columns = ['SESSION', 'NEIGHBOR', 'AS', 'STATE', 'SINCE', 'ACCEPTED', 'FILTERED', 'LIMIT', 'HELD UNTIL'];
  return head + alignedTable([columns, ...rows]) + tail;
}

export async function listBgpPrefixes(
  io: Io,
  client: CloudClient,
  node: string,
  { limit, json, ...conditions }: BgpPrefixOptions,
): Promise<void> {
  const rows: BgpPrefix[] = [];
  let after: string | undefined;
  while (rows.length < limit) {
    const page: { prefixes: BgpPrefix[]; next: string | null } = await client.read(
      `list the BGP prefixes of node ${node}`,
      `nodes/${encodeURIComponent(node)}/bgp/prefixes`,
      { ...conditions, after, limit: Math.min(PAGE_ROWS_MAX, limit - rows.length) },
    );
    rows.push(...page.prefixes);
    if (page.next === null) break;
    after = page.next;
  }
  if (json) {
    io.stdout.write(`${jsonText(rows)}\n`);
    return;
  }
  const lines = rows.map((row) => [
    row.prefix,
    row.session,
    row.med === null ? '-' : String(row.med),
    row.asPath || '-',
  ]);
  io.stdout.write(alignedTable([['PREFIX', 'SESSION', 'MED', 'AS PATH'], ...lines]));
}
