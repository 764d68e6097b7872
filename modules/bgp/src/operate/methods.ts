// Direct methods of the module (docs/contracts.md 9): name and payload to status and answer.

import { describeError, EdgeError } from '@wayside/kit';
import type { BgpState } from '@wayside/protocol';
import type { Collector } from '../collect/collector.ts';
import type { RouteStream } from '../report/route-stream.ts';
import { findPrefixes } from './explorer.ts';

export const METHOD_NAMES = ['sessions', 'prefixes', 'resync', 'restartSession'] as const;
export type MethodName = (typeof METHOD_NAMES)[number];

export interface MethodAnswer {
  status: number;
  payload: object;
}

export interface MethodParts {
  collector: Collector;
  stream: RouteStream;
  state(): BgpState;
}

const STATUS: { [code: string]: number } = {
  BGP_REQUEST_INVALID: 400,
  BGP_SESSION_UNKNOWN: 404,
  BGP_ENGINE_SILENT: 503,
};

/** Never rejects: an error is an answer. */
export async function answerMethod(parts: MethodParts, name: MethodName, payload: unknown): Promise<MethodAnswer> {
  try {
    return { status: 200, payload: await callMethod(parts, name, payload) };
  } catch (error) {
    const code = error instanceof EdgeError ? error.code : 'BGP_REQUEST_INVALID';
    return { status: STATUS[code] ?? 500, payload: { error: { code, message: describeError(error) } } };
  }
}

async function callMethod(parts: MethodParts, name: MethodName, payload: unknown): Promise<object> {
  switch (name) {
    case 'sessions':
      return parts.state();
    case 'prefixes':
      return findPrefixes(parts.collector.tables, payload);
    case 'resync':
      return { epoch: parts.stream.resync() };
    case 'restartSession': {
      const session = (payload as { session?: unknown } | null)?.session;
      if (typeof session !== 'string') {
        throw new EdgeError('BGP_REQUEST_INVALID', 'Cannot restart a session: session is absent, wanted its id', {
          source: 'downstream',
        });
      }
      await parts.collector.restartSession(session);
      return { session };
    }
  }
}
