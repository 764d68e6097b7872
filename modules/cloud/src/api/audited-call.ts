// Runs a route that changes something and writes what it changed into the audit log before anybody is answered.

import type { Json } from '@wayside/protocol';
import type { AuditLog, Outcome } from '../audit/audit-log.ts';
import { difference } from '../audit/difference.ts';
import type { Caller } from '../people/access.ts';
import { toErrorAnswer } from './error-response.ts';
import { operationId } from './openapi.ts';
import type { Answer, Call, CallRoute, Route } from './route.ts';

/** Of a node: they change by themselves while it is being changed. */
const VOLATILE_FIELDS: readonly string[] = ['state', 'stateText', 'reasons', 'warnings'];
/** A refusal by a caller's own fault is no event; one of the cloud or of a node is. */
const FAILED_STATUS_MIN = 500;

export type AuditSink = Pick<AuditLog, 'record'>;

/** Is it a change at all? */
export function isAudited(route: Route): boolean {
  return route.method !== 'get' && route.right !== 'none' && route.audit?.leaveOut !== 'call';
}

/** `routes` = all of them: the GET of the same path tells what was there before and after. */
export async function runAudited(
  route: CallRoute,
  call: Call,
  { audit, routes }: { audit: AuditSink; routes: readonly Route[] },
): Promise<Answer> {
  const twin = route.method === 'post' ? undefined : stateRouteOf(route, routes);
  const before = twin && (await stateOf(twin, call));
  let answer: Answer;
  try {
    answer = await route.handle(call);
  } catch (error) {
    const { status } = toErrorAnswer(error);
    if (status >= FAILED_STATUS_MIN)
      await record(audit, route, call, { outcome: 'failed', status, before: undefined, after: bodyOf(route, call) });
    throw error;
  }
  const after = twin ? (route.method === 'delete' ? undefined : await stateOf(twin, call)) : bodyOf(route, call);
  await record(audit, route, call, { outcome: 'done', status: route.success.status, before, after });
  return answer;
}

/** A call that was refused for want of a right or scope. */
export async function recordRefused(
  audit: AuditSink,
  route: Route,
  call: Pick<Call, 'params' | 'body'>,
  caller: Caller,
  status: number,
) {
  await audit.record({
    ...callerFields(caller),
    action: operationId(route),
    object: pathOf(route, call),
    outcome: 'refused',
    status,
    changes: [],
  });
}

/** How the log names a caller. */
export function callerFields(caller: Caller): { actor: string; credential: string; address: string } {
  const kind = caller.credential === 'bearer' || caller.credential === 'cookie' ? 'session' : caller.credential;
  const credential = caller.credential === 'token' ? `token:${caller.credentialId}` : kind;
  return { actor: caller.person.username, credential, address: caller.address };
}

async function record(
  audit: AuditSink,
  route: Route,
  call: Call,
  o: { outcome: Outcome; status: number; before: Json | undefined; after: Json | undefined },
): Promise<void> {
  if (!call.caller) return;
  await audit.record({
    ...callerFields(call.caller),
    action: operationId(route),
    object: route.audit?.object?.(call) ?? pathOf(route, call),
    ...{ outcome: o.outcome, status: o.status, changes: difference(o.before, o.after) },
  });
}

function stateRouteOf(route: Route, routes: readonly Route[]): CallRoute | undefined {
  return routes.find((one): one is CallRoute => one.path === route.path && one.method === 'get' && 'handle' in one);
}

/** undefined: there is nothing, or it cannot be read. */
async function stateOf(route: CallRoute, call: Call): Promise<Json | undefined> {
  const answer = await route.handle({ ...call, method: 'GET', query: {}, body: undefined }).catch(() => undefined);
  if (!answer || !('json' in answer)) return undefined;
  const plain = plainJson(answer.json);
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) return plain;
  return Object.fromEntries(Object.entries(plain).filter(([name]) => !VOLATILE_FIELDS.includes(name)));
}

function bodyOf(route: Route, call: Call): Json | undefined {
  return call.body === undefined || route.audit?.leaveOut === 'body' ? undefined : plainJson(call.body);
}

/** Dates and absent fields as the wire would have them. */
function plainJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value ?? null)) as Json;
}

/** `/nodes/{name}` -> `nodes/edge1`; what is made in a collection is named by its body. */
function pathOf(route: Pick<Route, 'path' | 'method'>, call: Pick<Call, 'params' | 'body'>): string {
  const path = route.path.slice(1).replace(/\{(\w+)\}/g, (_whole, name: string) => call.params[name] ?? '');
  const { name, username } = (call.body ?? {}) as { name?: unknown; username?: unknown };
  const made = route.method === 'post' && !route.path.includes('{') ? (name ?? username) : undefined;
  return typeof made === 'string' ? `${path}/${made}` : path;
}
