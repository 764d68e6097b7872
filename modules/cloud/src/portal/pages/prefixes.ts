// Lists of prefixes that nodes claim, with their reviews and an administrator's decision.

import { actionButton } from '../form.ts';
import { type Html, html, withQuery } from '../html.ts';
import { badge, type Tone } from '../icons.ts';
import { nodeHref } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import type { Column, Table } from '../table.ts';
import { timeElement } from '../time.ts';
import { field, type Page, type Visit } from '../visit.ts';

/** Shown at most; the whole list is a CSV of the API. */
const PREFIXES_SHOWN = 500;

/** An entry of GET /routing/prefixes. */
export interface PrefixAnswer {
  node: string;
  source: 'manual' | 'bgp';
  prefix: string;
  state: 'approved' | 'pending' | 'rejected';
  feedback: string;
  originAsn: number | null;
  sinceUtc: string;
  inForce: boolean;
}

export const reviewPages: Page[] = [
  {
    path: '/routing/review',
    right: 'admin',
    post: async (visit) => {
      const [node, prefix, decision] = ['node', 'prefix', 'decision'].map((name) => field(visit.form, name));
      await visit.api.send('POST', '/routing/reviews', { node, prefix, decision });
      return { redirect: `${PORTAL}/routing?done=reviewed` };
    },
  },
];

export async function readPrefixes(visit: Visit, filter: { node?: string; state?: string }): Promise<PrefixAnswer[]> {
  const query = withQuery('/routing/prefixes', { ...filter, limit: PREFIXES_SHOWN });
  return (await visit.api.get<{ prefixes: PrefixAnswer[] }>(query)).prefixes;
}

const STATE_WORDS: { readonly [state in PrefixAnswer['state']]: { tone: Tone; label: string } } = {
  approved: { tone: 'healthy', label: 'Approved' },
  pending: { tone: 'attention', label: 'In review' },
  rejected: { tone: 'fault', label: 'Rejected' },
};

export function prefixTable(
  visit: Visit,
  rows: readonly PrefixAnswer[],
  options: { id: string; withNode: boolean },
): Table<PrefixAnswer> {
  const node: Column<PrefixAnswer> = {
    label: 'Cache node',
    cell: (row) => html`<a href="${nodeHref(row.node)}/routing">${row.node}</a>`,
    csv: (row) => row.node,
  };
  const columns: Column<PrefixAnswer>[] = [
    { label: 'Prefix', isHead: true, cell: (row) => html`<code>${row.prefix}</code>`, csv: (row) => row.prefix },
    ...(options.withNode ? [node] : []),
    { label: 'Source', cell: (row) => source(row), csv: (row) => row.source },
    {
      label: 'Review',
      cell: (row) =>
        html`${badge(STATE_WORDS[row.state].tone, STATE_WORDS[row.state].label)}${row.feedback ? html`<span class="row-reason">${row.feedback}</span>` : ''}`,
      csv: (row) => row.state,
    },
    { label: 'Feedback', csv: (row) => row.feedback },
    {
      label: 'Origin ASN',
      isMinor: true,
      isNumber: true,
      cell: (row) => row.originAsn ?? '–',
      csv: (row) => row.originAsn,
    },
    { label: 'Since', isMinor: true, cell: (row) => timeElement(row.sinceUtc), csv: (row) => row.sinceUtc },
  ];
  if (visit.may('admin')) columns.push({ label: 'Decision', cell: (row) => decisions(visit, row) });
  return {
    id: options.id,
    caption: options.withNode ? 'Prefixes in review' : 'Prefixes of the cache node',
    columns,
    rows,
    empty: options.withNode ? html`<p>No prefix waits for a decision.</p>` : html`<p>No prefixes yet.</p>`,
  };
}

function source(row: PrefixAnswer): string {
  return `${row.source === 'bgp' ? 'BGP' : 'manual'}${row.inForce ? '' : ', not in force'}`;
}

function decisions(visit: Visit, row: PrefixAnswer): Html {
  const button = (decision: string, label: string) =>
    actionButton(
      visit,
      `${PORTAL}/routing/review`,
      html`${label}<span class="visually-hidden"> ${row.prefix} of ${row.node}</span>`,
      {
        values: { node: row.node, prefix: row.prefix, decision },
      },
    );
  return html`<div class="row-actions">${row.state === 'approved' ? '' : button('approved', 'Approve')}${row.state === 'rejected' ? '' : button('rejected', 'Reject')}</div>`;
}
