// Passes one response of an origin to one client, unstored: status by the client's kind, headers without hop-by-hop ones, the body as it comes.

import type { EgressBudget } from '../deliver/egress-budget.ts';
import type { TrafficCounters } from '../operate/traffic-counters.ts';
import type { OpenResponse } from '../origin/origin-gate.ts';
import { keptHeaders } from '../store/object-meta.ts';
import { type ByteRange, contentRange, resolveRanges } from './byte-range.ts';
import { CappedWriter } from './capped-writer.ts';
import type { ClientRequest } from './client-request.ts';
import { statusForClient } from './failure-status.ts';
import { refuse } from './refusal.ts';
import { type CacheResult, passedHeaders, passedMarks } from './response-head.ts';

/** Answers that have no body whatever their headers say (RFC 9112 6.3). */
export function isBodyless(status: number, method: string | undefined): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}

export interface PassingDeps {
  counters: TrafficCounters;
  /** Bodies that are not stored are under the egress cap like all others. */
  budget: EgressBudget;
}

export function passResponse(
  { counters, budget }: PassingDeps,
  client: ClientRequest,
  response: OpenResponse,
  result: CacheResult,
): void {
  const { request, response: out, origin } = client;
  const { status, headers } = response.head;
  if (out.destroyed) {
    response.abort();
    return;
  }
  const shown = statusForClient(status, request.headers['user-agent'], origin);
  if (shown !== status) {
    response.abort();
    out.writeHead(shown, ['X-Origin-Status', String(status), 'Content-Length', '0', ...passedMarks(result)]);
    out.end();
    return;
  }
  const head = passedHeaders(keptHeaders(headers, origin.semantics, status));
  const length = /^\d+$/.test(headers['content-length'] ?? '') ? Number(headers['content-length']) : undefined;
  const part = partOf(client, status, length);
  if (part !== undefined) head.push('Content-Range', contentRange(part, length as number));
  else if (status === 206 && headers['content-range'] !== undefined)
    head.push('Content-Range', headers['content-range']);
  const bytes = part === undefined ? length : part.end - part.start;
  if (bytes !== undefined && status !== 204) head.push('Content-Length', String(bytes));
  const hasBody = !isBodyless(status, request.method);
  const share = hasBody ? budget.admit(request.socket.remoteAddress ?? '') : null;
  if (hasBody && share === null) {
    response.abort();
    counters.overloads.egress += 1;
    refuse(out, 503);
    return;
  }
  out.writeHead(part === undefined ? status : 206, [...head, ...passedMarks(result)]);
  if (share === null) {
    response.attach({ onData() {}, onEnd() {}, onError() {} });
    out.end();
    return;
  }
  pump(counters, client, response, part, new CappedWriter(out, share, response));
}

/** The part of a whole answer that a range request gets: a 200 would be taken for the range by some clients (connected-cache 3.8 b). */
function partOf({ request, ranges }: ClientRequest, status: number, length: number | undefined): ByteRange | undefined {
  if (status !== 200 || length === undefined || request.method !== 'GET' || ranges === undefined) return undefined;
  // Whether If-Range holds is the origin's to say: its 200 is a no.
  if (request.headers['if-range'] !== undefined) return undefined;
  const resolved = resolveRanges(ranges, length);
  return resolved.length === 1 ? resolved[0] : undefined;
}

function pump(
  counters: TrafficCounters,
  { response: out, origin }: ClientRequest,
  response: OpenResponse,
  part: ByteRange | undefined,
  writer: CappedWriter,
): void {
  let skip = part?.start ?? 0;
  let left = part === undefined ? Number.POSITIVE_INFINITY : part.end - part.start;
  out.once('close', () => response.abort());
  response.attach({
    onData: (received) => {
      const from = Math.min(skip, received.length);
      skip -= from;
      const piece = received.subarray(from, Math.min(received.length, from + left));
      if (piece.length === 0) return;
      left -= piece.length;
      counters.addBytes(origin, 0, piece.length);
      writer.write(piece);
      if (left === 0) {
        response.abort();
        writer.end();
      }
    },
    onEnd: () => writer.end(),
    onError: () => out.destroy(),
  });
}
