// Everything that happened to a node, newest first, in pages.

import { plural } from '../format.ts';
import { type Html, html, withQuery } from '../html.ts';
import { nodeHref } from '../node-words.ts';
import type { Table } from '../table.ts';
import { timeElement } from '../time.ts';
import type { Page, Visit } from '../visit.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';

const PAGE_EVENTS = 100;
/** Most the API answers at once. */
const EVENTS_MAX = 1_000;

/** An event as /nodes/{name}/timeline answers it. */
export interface EventAnswer {
  seq: number;
  atUtc: string;
  kind: string;
  subject: string;
  text: string;
  details: { [name: string]: unknown };
}

const KINDS: readonly string[] = [
  'state',
  'module',
  'deployment',
  'connection',
  'daemon',
  'probe',
  'drive',
  'routing',
  'update',
  'method',
  'registration',
  'node',
];

export const timelinePages: Page[] = [
  {
    path: '/nodes/:name/timeline',
    right: 'read',
    get: async (visit) => {
      const node = await loadNode(visit);
      const kind = KINDS.find((one) => one === visit.query.get('kind')) ?? '';
      const events = await load(visit, kind);
      const table = eventTable(node.name, events);
      const href = `${nodeHref(node.name)}/timeline`;
      const filters = ['', ...KINDS].map(
        (one) =>
          html`<option value="${one}"${one === kind ? html` selected` : ''}>${one === '' ? 'everything' : one}</option>`,
      );
      const body = html`<form class="search" method="get" action="${href}"><label for="kind">Show</label><select id="kind" name="kind" data-submit>${filters}</select><button type="submit" class="button plain">Show</button></form>
<p class="result-count">${plural(events.length, 'event')}, newest first${events.length >= EVENTS_MAX ? ` (the newest ${EVENTS_MAX} of the node)` : ''}</p>
<section class="card" data-part id="part-events" aria-label="Events">${eventList(visit.query.has('all') ? events : events.slice(0, PAGE_EVENTS))}</section>
<p class="table-foot">${events.length > PAGE_EVENTS && !visit.query.has('all') ? html`<a class="button plain" href="${withQuery(href, { kind, all: 1 })}">Show all ${events.length}</a> ` : ''}<a class="quiet" href="${withQuery(href, { kind, csv: table.id })}" download>Download CSV</a></p>`;
      return { view: nodeView(visit, node, 'timeline', { body, tables: [table] }) };
    },
  },
];

async function load(visit: Visit, kind: string): Promise<EventAnswer[]> {
  const { events } = await visit.api.get<{ events: EventAnswer[] }>(apiPath(visit, `/timeline?limit=${EVENTS_MAX}`));
  return events.filter((event) => kind === '' || event.kind === kind).reverse();
}

/** `events`: newest first. */
export function eventList(events: readonly EventAnswer[]): Html {
  if (events.length === 0) return html`<div class="empty"><p>Nothing has happened yet.</p></div>`;
  const items = events.map(
    (event) =>
      html`<li id="event-${event.seq}" class="event ${toneOf(event)}"><span class="event-time">${timeElement(event.atUtc)}</span><span class="event-kind">${event.kind}</span><span class="event-text">${event.text}${by(event)}</span></li>`,
  );
  return html`<ol class="events">${items}</ol>`;
}

function by({ details, text }: EventAnswer): Html | '' {
  const who = details.by;
  return typeof who === 'string' && who !== '' && !text.includes(who) ? html` <span class="hint">by ${who}</span>` : '';
}

const BAD = /-> (?:Unhealthy|failed|dead|unhealthy|backoff)|does not answer|failed|lost/;
const GOOD = /-> (?:Healthy|running)|answers$/;

function toneOf({ text }: EventAnswer): string {
  return BAD.test(text) ? 'fault' : GOOD.test(text) ? 'healthy' : '';
}

function eventTable(node: string, events: readonly EventAnswer[]): Table<EventAnswer> {
  return {
    id: 'timeline',
    caption: `Timeline of ${node}`,
    rows: events,
    empty: 'Nothing has happened yet.',
    columns: [
      { label: 'Time (UTC)', csv: (event) => event.atUtc },
      { label: 'Kind', csv: (event) => event.kind },
      { label: 'Subject', csv: (event) => event.subject },
      { label: 'Text', csv: (event) => event.text },
      { label: 'By', csv: (event) => (typeof event.details.by === 'string' ? event.details.by : '') },
    ],
  };
}
