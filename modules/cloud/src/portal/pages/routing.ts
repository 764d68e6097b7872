// The routing explorer: which node an address gets and why; prefixes that wait for a decision.

import { ApiFailure } from '../api-client.ts';
import { type FormState, textField } from '../form.ts';
import { type Html, html, NOTHING, withQuery } from '../html.ts';
import { badge } from '../icons.ts';
import { nodeHref } from '../node-words.ts';
import { PORTAL } from '../portal-path.ts';
import { renderTable } from '../table.ts';
import type { Page, View, Visit } from '../visit.ts';
import { type PrefixAnswer, prefixTable, readPrefixes, reviewPages } from './prefixes.ts';

const BASE = `${PORTAL}/routing`;

/** Answer of GET /routing/lookup. */
interface LookupAnswer {
  address: string;
  site: string;
  node: string | null;
  cacheHost: string;
  prefix: string;
  ttlSecs: number;
  text: string;
  steps: { prefix: string; chosen: string; passedOver: { node: string; code: string; text: string }[] }[];
}

export const routingPages: Page[] = [
  {
    path: '/routing',
    right: 'read',
    get: async (visit) => ({ view: routingView(visit, await load(visit)) }),
  },
  ...reviewPages,
];

interface RoutingData {
  ip: string;
  lookup: LookupAnswer | undefined;
  failure: ApiFailure | undefined;
  waiting: PrefixAnswer[];
}

async function load(visit: Visit): Promise<RoutingData> {
  const ip = (visit.query.get('ip') ?? '').trim();
  const waiting = await readPrefixes(visit, { state: 'pending' });
  if (ip === '') return { ip, waiting, lookup: undefined, failure: undefined };
  try {
    const lookup = await visit.api.get<LookupAnswer>(withQuery('/routing/lookup', { ip }));
    return { ip, waiting, lookup, failure: undefined };
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status !== 400) throw error;
    return { ip, waiting, lookup: undefined, failure: error };
  }
}

function routingView(visit: Visit, { ip, lookup, failure, waiting }: RoutingData): View {
  const state: FormState = {
    values: new URLSearchParams({ ip }),
    problems: failure ? [{ path: 'ip', message: failure.message }] : [],
  };
  const table = prefixTable(visit, waiting, { id: 'waiting', withNode: true });
  const body = html`<section class="card" aria-labelledby="lookup-head"><h2 id="lookup-head">Why does this address get this cache node?</h2>
<form class="lookup" method="get" action="${BASE}">${textField({ name: 'ip', label: 'Client address', hint: 'Public IPv4 address of a client; IPv6 where the account allows it.', isRequired: true, isMono: true, maxLength: 100 }, state)}<button type="submit" class="button primary">Look up</button></form>
<div aria-live="polite">${lookup ? result(lookup) : NOTHING}</div></section>
<section class="card" aria-labelledby="waiting-head" data-part id="part-waiting"><div class="card-head"><h2 id="waiting-head">Prefixes in review</h2></div>
<p class="hint">A prefix waits when it overlaps one of another customer or when its space is exceedingly large.</p>
${renderTable(table, withQuery(BASE, { csv: table.id }))}</section>`;
  return { title: 'Routing', section: 'routing', body, tables: [table], live: {}, ...(failure ? { status: 400 } : {}) };
}

function result(lookup: LookupAnswer): Html {
  const head = lookup.node
    ? html`<p class="lead"><a href="${nodeHref(lookup.node)}">${lookup.node}</a> serves ${lookup.address}, at <code>${lookup.cacheHost}</code></p>`
    : html`<p class="lead">${lookup.text}</p>`;
  const steps = lookup.steps.map(
    (step) =>
      html`<li><p><code>${step.prefix}</code> ${step.chosen ? html`${badge('healthy', 'chosen')} <a href="${nodeHref(step.chosen)}">${step.chosen}</a>` : badge('off', 'no node takes clients')}</p>
${step.passedOver.length > 0 ? html`<ul class="passed">${step.passedOver.map((one) => html`<li><a href="${nodeHref(one.node)}">${one.node}</a> was passed over: ${one.text}</li>`)}</ul>` : ''}</li>`,
  );
  return html`<div class="lookup-result">${head}${lookup.node ? html`<p>${lookup.text}</p>` : ''}
<p class="hint">Site ${lookup.site}; the answer holds for ${lookup.ttlSecs} s.</p>
${steps.length > 0 ? html`<h3>Prefixes that match, the longest first</h3><ol class="lookup-steps">${steps}</ol>` : ''}</div>`;
}
