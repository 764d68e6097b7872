// Holds the answer to a change of the IoT Hub face back until the change stands in the audit log, with what was there before and after.

import type { Json, JsonObject } from '@wayside/protocol';
import type { Request, Response } from 'express';
import type { AuditLog, Outcome } from '../audit/audit-log.ts';
import { difference } from '../audit/difference.ts';
import type { HubPlatform } from '../create-platform.ts';
import type { Call } from '../identity/rights.ts';

/** Answers from here on are refusals: of the caller (not logged), or failures of the cloud. */
const REFUSED_STATUS_MIN = 400;
const FAILED_STATUS_MIN = 500;

export interface AuditedRequest {
  request: Request;
  response: Response;
  platform: Pick<HubPlatform, 'registry' | 'twins' | 'getContent' | 'logger'>;
  audit: Pick<AuditLog, 'record'>;
  call: Call;
  who: { actor: string; credential: string; address: string };
}

/** Reads the state before the change; the rest happens when the handler ends its answer. */
export async function auditAnswer(audited: AuditedRequest): Promise<void> {
  const { request, response, platform } = audited;
  const path = request.path;
  const before = await stateOf(platform, request);
  const end = response.end.bind(response) as (...parameters: unknown[]) => Response;
  let isEnding = false;
  response.end = ((...parameters: unknown[]) => {
    if (isEnding) return response;
    isEnding = true;
    void write(audited, path, before)
      .catch(() =>
        platform.logger.error('A change could not be written to the audit log', { path, call: audited.call }),
      )
      .finally(() => end(...parameters));
    return response;
  }) as Response['end'];
}

async function write(
  { request, response, platform, audit, call, who }: AuditedRequest,
  path: string,
  before: Json | undefined,
) {
  const status = response.statusCode;
  if (status >= REFUSED_STATUS_MIN && status < FAILED_STATUS_MIN) return;
  const outcome: Outcome = status >= FAILED_STATUS_MIN ? 'failed' : 'done';
  const isDeleted = request.method === 'DELETE';
  const after = isDeleted ? undefined : await stateOf(platform, request);
  const isKnown = before !== undefined || after !== undefined;
  const changes = isKnown ? difference(before, after) : difference(undefined, plainBody(request.body));
  await audit.record({ ...who, action: `hub.${call}`, object: objectOf(path), outcome, status, changes });
}

/** Twins, identities and deployments by the path of the request; undefined for calls that are about none or many. */
async function stateOf(platform: AuditedRequest['platform'], request: Request): Promise<Json | undefined> {
  const { deviceId, moduleId } = request.params as { deviceId?: string; moduleId?: string };
  if (deviceId === undefined) return undefined;
  const path = request.path;
  if (path.endsWith('/applyConfigurationContent')) {
    return (await platform.getContent(deviceId).catch(() => undefined)) as Json | undefined;
  }
  if (/^\/twins\/[^/]+(\/modules\/[^/]+)?$/.test(path)) {
    const twin = await platform.twins.get(deviceId, moduleId);
    return twin && { tags: twin.tags, desired: twin.desired };
  }
  if (/^\/devices\/[^/]+(\/modules\/[^/]+)?$/.test(path)) {
    const { registry } = platform;
    const identity = await (moduleId === undefined
      ? registry.getDevice(deviceId)
      : registry.getModule(deviceId, moduleId));
    if (!identity) return undefined;
    const {
      etag: _etag,
      connected: _connected,
      connectionUpdatedAtMs: _at,
      lastActivityAtMs: _last,
      ...rest
    } = identity;
    return rest as unknown as JsonObject;
  }
  return undefined;
}

/** `/twins/a%20b` -> `twins/a b`, without a trailing slash. */
function objectOf(path: string): string {
  const text = path.replace(/^\/|\/$/g, '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function plainBody(body: unknown): Json | undefined {
  return typeof body === 'object' && body !== null && !Buffer.isBuffer(body)
    ? (JSON.parse(JSON.stringify(body)) as Json)
    : undefined;
}
