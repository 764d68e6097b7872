// Routes that show what a node does: monitor, messages, timeline, cache figures, and the stream of events.

import { parseTimeArgument } from '@wayside/kit';
import { readMinutes } from '../health/cache-figures.ts';
import { monitorOf } from '../health/monitor.ts';
import { readTraffic, STEP_MS, TRAFFIC_RANGES, type TrafficKind, type TrafficRange } from '../health/traffic-slices.ts';
import { BODY_DEPTH_MAX, isWithinDepth } from '../hub-api/body-depth.ts';
import type { TelemetryMessage } from '../platform.ts';
import { toEvent } from './event-json.ts';
import { followEvents } from './event-stream.ts';
import { nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { type Call, json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
const DAY_MS = 86_400_000;

const limit: Schema = { type: 'integer', minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT };
const after: Schema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const moment: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: 100,
  description: 'RFC 3339, UNIX seconds, or a duration ago such as 90m.',
};

export function watchRoutes(parts: ApiParts): Route[] {
  return [
    monitorRoute(parts),
    telemetryRoute(parts),
    timelineRoute(parts),
    figuresRoute(parts),
    ...trafficRoutes(parts),
    eventsRoute(parts),
  ];
}

function monitorRoute({ db, nodes, watch, probes }: ApiParts): Route {
  return {
    method: 'get',
    path: '/nodes/{name}/monitor',
    right: 'read',
    summary: 'State, heartbeat, probe, deployment, modules and cache of a node in one document',
    success: { status: 200, description: 'As of now.', schema: ref('Monitor') },
    refusals: [404],
    handle: async (call) => {
      const node = await nodes.get(nameOf(call));
      return json(await monitorOf(db, node.name, await watch.look(node), probes.stateOf(node.name)));
    },
  };
}

function telemetryRoute({ nodes, platform, clock }: ApiParts): Route {
  return {
    method: 'get',
    path: '/nodes/{name}/telemetry',
    right: 'read',
    summary: 'Messages of the node in order: the oldest after a seq or time, or the newest',
    query: { module: { type: 'string', maxLength: 128 }, after, limit, since: moment },
    success: {
      status: 200,
      description: 'A page; `next` is the `after` of the following one.',
      schema: ref('Telemetry'),
    },
    refusals: [404],
    handle: async (call) => {
      const node = await nodes.get(nameOf(call));
      const query = call.query as { module?: string; after?: number; limit: number; since?: string };
      const messages = await platform.queryTelemetry(node.name, {
        limit: query.limit,
        ...(query.module === undefined ? {} : { moduleId: query.module }),
        ...(query.after === undefined ? {} : { afterSeq: query.after }),
        ...(query.since === undefined ? {} : { sinceMs: parseTimeArgument(query.since, clock.nowMs()).getTime() }),
      });
      return json({ messages: messages.map(toMessage), next: messages.at(-1)?.seq ?? query.after ?? 0 });
    },
  };
}

function timelineRoute({ nodes, timeline }: ApiParts): Route {
  return {
    method: 'get',
    path: '/nodes/{name}/timeline',
    right: 'read',
    summary: 'What happened to the node, in order: the oldest after a seq, or the newest',
    query: { after, limit },
    success: {
      status: 200,
      description: 'A page; `next` is the `after` of the following one.',
      schema: ref('Timeline'),
    },
    refusals: [404],
    handle: async (call) => {
      const node = await nodes.get(nameOf(call));
      const query = call.query as { after?: number; limit: number };
      const events = await timeline.list(node.name, query);
      return json({ events: events.map(toEvent), next: events.at(-1)?.seq ?? query.after ?? 0 });
    },
  };
}

function figuresRoute({ db, nodes, clock }: ApiParts): Route {
  return {
    method: 'get',
    path: '/nodes/{name}/cache-minutes',
    right: 'read',
    summary: 'Cache figures per minute, oldest first; default: the last 24 hours',
    query: { from: moment, to: moment },
    success: { status: 200, description: 'Minutes without a report are left out.', schema: ref('CacheMinutes') },
    refusals: [404],
    handle: async (call) => {
      const node = await nodes.get(nameOf(call));
      const { from, to } = call.query as { from?: string; to?: string };
      const nowMs = clock.nowMs();
      const toMs = to === undefined ? nowMs : parseTimeArgument(to, nowMs).getTime();
      const fromMs = from === undefined ? toMs - DAY_MS : parseTimeArgument(from, nowMs).getTime();
      const minutes = await readMinutes(db, node.name, { fromMs, toMs });
      return json({
        minutes: minutes.map((minute) => ({
          atUtc: new Date(minute.minuteAtMs).toISOString(),
          requests: minute.requests,
          hits: minute.hits,
          misses: minute.misses,
          errors5xx: minute.errors5xx,
          hitBytes: minute.hit_bytes,
          missBytes: minute.miss_bytes,
          egressBytes: minute.egress_bytes,
          ingressBytes: minute.ingress_bytes,
        })),
      });
    },
  };
}

function trafficRoutes({ db, nodes, clock }: ApiParts): Route[] {
  const query = {
    range: { enum: TRAFFIC_RANGES, default: '1d' },
    by: { enum: ['total', 'origin', 'contentClass'], default: 'total' },
  };
  const answer = async (call: Call, nodeName?: string) => {
    const { range, by } = call.query as { range: TrafficRange; by: TrafficKind };
    const traffic = await readTraffic(db, { nodeName, range, kind: by, nowMs: clock.nowMs() });
    return json({
      ...{ range, by, stepSecs: STEP_MS[traffic.step] / 1000 },
      ...{ fromUtc: new Date(traffic.fromMs).toISOString(), toUtc: new Date(traffic.toMs).toISOString() },
      points: traffic.points.map(({ atMs, ...point }) => ({ atUtc: new Date(atMs).toISOString(), ...point })),
    });
  };
  const success = { status: 200, description: 'Steps without traffic are left out.', schema: ref('Traffic') };
  return [
    {
      ...{ method: 'get', path: '/traffic', right: 'read', query, success },
      summary: 'Traffic of all nodes together, by minute, hour or day; by origin or content class',
      handle: (call) => answer(call),
    },
    {
      ...{ method: 'get', path: '/nodes/{name}/traffic', right: 'read', query, success, refusals: [404] },
      summary: 'Traffic of a node, by minute, hour or day; by origin or content class',
      handle: async (call) => answer(call, (await nodes.get(nameOf(call))).name),
    },
  ];
}

function eventsRoute(parts: ApiParts): Route {
  return {
    method: 'get',
    path: '/events',
    right: 'read',
    reach: 'filtered',
    summary:
      'Server-sent events: what happens to all nodes or one, from now on or from a seq (`after` or Last-Event-ID)',
    query: { after, node: { type: 'string', maxLength: 90 } },
    success: { status: 200, description: 'event: kind, id: seq, data: an event.', contentType: 'text/event-stream' },
    refusals: [503],
    stream: (call, request, response) => followEvents(parts, call, request, response),
  };
}

function toMessage(message: TelemetryMessage) {
  return {
    seq: message.seq,
    enqueuedAtUtc: new Date(message.enqueuedAtMs).toISOString(),
    moduleId: message.moduleId ?? null,
    properties: message.properties,
    systemProperties: message.systemProperties,
    body: readBody(message.body),
  };
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** JSON as JSON, other text as text, anything else as {base64}. */
export function readBody(body: Uint8Array): unknown {
  let text: string;
  try {
    text = strictUtf8.decode(body);
  } catch {
    return { base64: Buffer.from(body).toString('base64') };
  }
  try {
    const value: unknown = JSON.parse(text);
    // Written out again by recursion: one message must not make the whole page unreadable.
    return isWithinDepth(value, BODY_DEPTH_MAX) ? value : text;
  } catch {
    return text;
  }
}
