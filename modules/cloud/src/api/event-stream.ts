// Server-sent events (WHATWG HTML 9.2): the timeline of all nodes, first what the reader missed, then what happens.
//
// INVARIANTS
// - Events reach a reader in the order of their seq, none twice: live ones wait in a buffer while missed ones are read.
// - A reader that does not read is cut off; it comes back with Last-Event-ID and misses nothing.
// - A stream ends when the login behind it ends.

import type { Request, Response } from 'express';
import { refusal } from '../errors.ts';
import type { TimelineEvent } from '../nodes/timeline.ts';
import { REACHES_ALL, type Reach } from '../people/node-reach.ts';
import { toEvent } from './event-json.ts';
import type { ApiParts } from './parts.ts';
import type { Call } from './route.ts';

const STREAMS_MAX = 200;
const KEEP_ALIVE_MS = 15_000;
const REPLAY_PAGE = 500;
/** A reader may miss this many events; beyond that it asks the timelines. */
const REPLAY_EVENTS_MAX = 10_000;
const UNREAD_BYTES_MAX = 1024 * 1024;
const RECONNECT_MS = 3_000;

let openStreams = 0;

export async function followEvents(parts: ApiParts, call: Call, request: Request, response: Response): Promise<void> {
  if (openStreams >= STREAMS_MAX) {
    throw refusal('CLOUD_STREAM_LIMIT', `Cannot open an event stream: ${openStreams} are open, at most ${STREAMS_MAX}`);
  }
  openStreams += 1;
  const nodeName = call.query.node as string | undefined;
  const writer = new EventWriter(response, nodeName, call.reach);
  const unsubscribe = parts.timeline.subscribe((event) => writer.live(event));
  const timer = setInterval(() => void keepAlive(parts, call, writer, response), KEEP_ALIVE_MS);
  timer.unref();
  response.once('close', () => {
    openStreams -= 1;
    clearInterval(timer);
    unsubscribe();
  });
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  response.write(`retry: ${RECONNECT_MS}\n\n`);
  const after = startOf(call, request);
  if (after !== undefined) await replay(parts, writer, after);
  writer.endReplay();
}

/** A browser that comes back says so in the header, and its URL still holds the old `after`. */
function startOf(call: Call, request: Request): number | undefined {
  const header = request.headers['last-event-id'];
  if (typeof header === 'string' && /^[0-9]{1,15}$/.test(header)) return Number(header);
  return call.query.after as number | undefined;
}

async function replay(parts: ApiParts, writer: EventWriter, after: number): Promise<void> {
  let from = after;
  for (let sent = 0; sent < REPLAY_EVENTS_MAX && !writer.isClosed; sent += REPLAY_PAGE) {
    const page = await parts.timeline.listAll({ after: from, limit: REPLAY_PAGE });
    for (const event of page) writer.send(event);
    if (page.length < REPLAY_PAGE) return;
    from = page.at(-1)?.seq ?? from;
    await writer.drained();
  }
}

async function keepAlive(parts: ApiParts, call: Call, writer: EventWriter, response: Response): Promise<void> {
  // A store that does not answer for a moment ends no stream.
  const { caller } = call;
  // A policy has no login that could end; its stream ends with the connection.
  const person = caller?.token ? await parts.people.personOf(caller.token).catch(() => call.person) : call.person;
  if (!person) {
    response.end();
    return;
  }
  // Scope and tags may have changed meanwhile.
  writer.reach = await parts.access.reachOf({ person }).catch(() => writer.reach);
  response.write(': alive\n\n');
}

class EventWriter {
  private readonly response: Response;
  private readonly nodeName: string | undefined;
  reach: Reach = REACHES_ALL;
  private waiting: TimelineEvent[] | undefined = [];
  private lastSeq = 0;

  constructor(response: Response, nodeName: string | undefined, reach: Reach) {
    this.reach = reach;
    this.response = response;
    this.nodeName = nodeName;
  }

  get isClosed(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  live(event: TimelineEvent): void {
    if (!this.waiting) this.send(event);
    else if (this.waiting.length < REPLAY_EVENTS_MAX) this.waiting.push(event);
    else this.response.destroy();
  }

  endReplay(): void {
    const waiting = this.waiting ?? [];
    this.waiting = undefined;
    for (const event of waiting) this.send(event);
  }

  send(event: TimelineEvent): void {
    if (this.isClosed || event.seq <= this.lastSeq) return;
    this.lastSeq = event.seq;
    if (this.nodeName !== undefined && event.nodeName !== this.nodeName) return;
    if (!this.reach(event.nodeName)) return;
    this.response.write(`id: ${event.seq}\nevent: ${event.kind}\ndata: ${JSON.stringify(toEvent(event))}\n\n`);
    if (this.response.writableLength > UNREAD_BYTES_MAX) this.response.destroy();
  }

  /** Resolves when the reader has taken what was written, or is gone. */
  drained(): Promise<void> {
    if (this.isClosed || !this.response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.response.off('drain', done);
        this.response.off('close', done);
        resolve();
      };
      this.response.once('drain', done);
      this.response.once('close', done);
    });
  }
}
