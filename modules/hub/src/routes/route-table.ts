// A set of routes, compiled: message -> the endpoints it goes to, one copy each, with the best priority and its time to live.

import { EdgeError } from '@wayside/kit';
import type { HubRouteDefinition } from '@wayside/protocol';
import type { HubMessage } from '../message.ts';
import { type EvaluationContext, evaluate } from './evaluate.ts';
import type { Expression } from './expression.ts';
import { parseRoute, type Sink } from './parser.ts';

export interface Destination {
  readonly sink: Sink;
  readonly priority: number;
  /** Seconds; 0 = never expires. */
  readonly timeToLiveSecs: number;
}

interface CompiledRoute extends Destination {
  readonly prefix: string;
  readonly condition: Expression | undefined;
  readonly endpoint: string;
}

/** Name of a sink's queue, as metrics show it: `iothub` or `{device}/{module}/{input}` without the device. */
function endpointName(sink: Sink): string {
  return sink.kind === 'upstream' ? 'iothub' : `${sink.moduleId}/${sink.input}`;
}

export class RouteTable {
  readonly #routes: readonly CompiledRoute[];

  /** Throws EdgeError HUB_ROUTE_INVALID for the first bad route: a set is taken whole or not at all. */
  constructor(definitions: readonly HubRouteDefinition[], globalTimeToLiveSecs: number) {
    this.#routes = definitions.map((definition) => compile(definition, globalTimeToLiveSecs));
  }

  get size(): number {
    return this.#routes.length;
  }

  /** Names of every endpoint some route leads to. */
  get endpoints(): Set<string> {
    return new Set(this.#routes.map((route) => route.endpoint));
  }

  /** Every endpoint that some matching route leads to. [] = no route. */
  destinations(message: HubMessage): Destination[] {
    const context: EvaluationContext = { message };
    const source = canonicalSource(message.source);
    const found = new Map<string, CompiledRoute>();
    for (const route of this.#routes) {
      if (!source.startsWith(route.prefix)) continue;
      const best = found.get(route.endpoint);
      if (best && best.priority <= route.priority) continue;
      if (route.condition && evaluate(route.condition, context) !== true) continue;
      found.set(route.endpoint, route);
    }
    return [...found.values()];
  }
}

function compile(definition: HubRouteDefinition, globalTimeToLiveSecs: number): CompiledRoute {
  try {
    const { source, condition, sink } = parseRoute(definition.route);
    const timeToLiveSecs =
      definition.timeToLiveSecs > 0 ? definition.timeToLiveSecs : Math.max(0, globalTimeToLiveSecs);
    return {
      sink,
      condition,
      endpoint: endpointName(sink),
      prefix: canonicalSource(source),
      priority: definition.priority,
      timeToLiveSecs,
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EdgeError('HUB_ROUTE_INVALID', `Error parsing route ${definition.name} - ${why}`, {
      cause,
      details: { route: definition.name },
      source: 'config',
    });
  }
}

/** Trailing `*`, then trailing `/` removed, one `/` appended: a prefix compare then works by whole segments. */
function canonicalSource(source: string): string {
  return `${source.replace(/\*$/, '').replace(/\/$/, '')}/`.toLowerCase();
}
