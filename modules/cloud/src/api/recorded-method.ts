// Calls a direct method for a person and writes into the node's timeline who called what, and how it ended.

import type { Json } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import type { MethodRequest } from '../platform.ts';
import type { ApiParts } from './parts.ts';

const MESSAGE_CHARACTERS_MAX = 500;

export interface MethodTarget {
  nodeName: string;
  /** undefined = the device itself. */
  moduleId: string | undefined;
  by: string;
}

export async function recordedMethod(
  { platform, timeline }: Pick<ApiParts, 'platform' | 'timeline'>,
  { nodeName, moduleId, by }: MethodTarget,
  request: MethodRequest,
): Promise<{ status: number; payload: Json }> {
  const record = (outcome: string, status: number | null) =>
    timeline.record({
      nodeName,
      kind: 'method',
      subject: moduleId ?? '',
      text: `${by} called ${request.methodName} of ${moduleId ?? 'the device'}: ${outcome}`,
      details: { methodName: request.methodName, by, status },
    });
  try {
    const answer = await platform.invokeMethod(nodeName, moduleId, request);
    await record(String(answer.status), answer.status);
    return answer;
  } catch (error) {
    await record(error instanceof Error ? error.message : 'failed', null);
    throw error;
  }
}

/** What the module said is the caller's fault is one here, anything else it refused is the node's. */
export function methodRefused(what: string, { status, payload }: { status: number; payload: Json }): Error {
  const code = status === 400 || status === 404 || status === 409 ? 'CLOUD_REQUEST_INVALID' : 'CLOUD_METHOD_FAILED';
  return refusal(code, `Cannot ${what}: ${messageOf(payload) ?? `the node answered ${status}`}`);
}

/** edgeAgent says `{message}`, our modules `{error:{message}}`. */
function messageOf(payload: Json): string | undefined {
  const { message, error } = (payload ?? {}) as { message?: unknown; error?: { message?: unknown } };
  const said = typeof message === 'string' ? message : error?.message;
  return typeof said === 'string' ? said.slice(0, MESSAGE_CHARACTERS_MAX) : undefined;
}
