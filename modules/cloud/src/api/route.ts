// What a route of /api/v1 is. The router and the OpenAPI document are both made from the one list of them, so neither can forget the other.

import type { Request, Response } from 'express';
import type { Caller } from '../people/access.ts';
import type { Reach } from '../people/node-reach.ts';
import type { Person, Right } from '../people/roles.ts';

/** JSON Schema 2020-12, as OpenAPI 3.1 takes it. */
export type Schema = { [keyword: string]: unknown };

export interface Call {
  params: { [name: string]: string };
  /** Checked and converted by the route's query schema; defaults filled in. */
  query: { [name: string]: unknown };
  /** Checked by the route's body schema, unless the route reads it itself. */
  body: unknown;
  /** Who calls; undefined only on routes with right 'none'. */
  person: Person | undefined;
  /** The same with what it came with. */
  caller: Caller | undefined;
  /** Session token of the call, secret. */
  token: string | undefined;
  method: string;
  headers: Request['headers'];
  /** Holds for the nodes that the caller may name; a handler with reach `filtered` asks it for each. */
  reach: Reach;
  /** Address of the client, behind trusted proxies. */
  source: string;
}

/** `setCookie` = value of Set-Cookie. */
export type Answer = ({ json: unknown } | { text: string } | { empty: true }) & { setCookie?: string };

interface RouteBase {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** OpenAPI form, below /api/v1: `/nodes/{name}`. */
  path: string;
  right: Right | 'none';
  /**
   * What the call concerns: the `node` {name} of the path, all nodes (`fleet`), those that the caller reaches (`filtered`: the handler asks
   * call.reach), or the caller's `own` things. Default: `node` below /nodes/{name}, else `fleet`.
   */
  reach?: 'node' | 'fleet' | 'filtered' | 'own';
  /** How a change stands in the audit log; default: path, body and what the GET of the same path says before and after. */
  audit?: {
    /** Path-like: `users/ann`. */
    object?(call: Call): string;
    /** Bodies that hold nothing but secrets are not logged; nor are calls that change nothing. */
    leaveOut?: 'body' | 'call';
  };
  summary: string;
  /** Query parameters by name. */
  query?: { [name: string]: Schema };
  body?: {
    schema: Schema;
    /** `route`: the handler reads it itself and answers every problem in its own words. */
    checkedBy: 'schema' | 'route';
    bytesMax: number;
  };
  success: {
    status: number;
    description: string;
    contentType?:
      | 'application/json'
      | 'text/plain'
      | 'text/csv'
      | 'application/x-pem-file'
      | 'text/event-stream'
      | 'application/octet-stream';
    schema?: Schema;
  };
  /** HTTP statuses of its own refusals; those of the router come on top (openapi.ts). */
  refusals?: number[];
}

export interface CallRoute extends RouteBase {
  handle(call: Call): Promise<Answer>;
}

/** Writes its answer itself, for as long as it likes. */
export interface StreamRoute extends RouteBase {
  stream(call: Call, request: Request, response: Response): Promise<void>;
}

export type Route = CallRoute | StreamRoute;

export function json(value: unknown): Answer {
  return { json: value };
}
