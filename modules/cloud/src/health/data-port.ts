// Asks a node's data port for the health object, as a client would (connected-cache.md 2.3): DNS, upstream, disk and port in one go.
// Thousands of nodes are asked every few seconds, so this stands on node:http alone: one request, no redirect, no retry, no reuse.

import { type IncomingMessage, request } from 'node:http';
import { describeError } from '@wayside/kit';
import type { ProbeResult } from './probe-verdict.ts';

export const PROBE_TIMEOUT_MS = 5_000;
/** Clients make range requests; a first piece proves as much as the whole 969,710 bytes. */
const PROBE_RANGE_BYTES = 4_096;
/** A data port is not trusted: it may answer without end. */
const PROBE_BODY_BYTES_MAX = 1_048_576;
const HEALTH_PATH = '/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com';

interface Answer {
  status: number;
  type: string | undefined;
  bytes: number;
}

/** Never throws: what went wrong is in the result. A redirect is no cached answer, and would let a node steer the cloud's requests. */
export async function probeDataPort(ipAddress: string, httpPort: number, signal?: AbortSignal): Promise<ProbeResult> {
  const atMs = Date.now();
  const startedMs = performance.now();
  try {
    const answer = await ask(ipAddress, httpPort, signal);
    const durationMs = Math.round(performance.now() - startedMs);
    const fault = answerFault(answer);
    return { atMs, ok: fault === null, httpStatus: answer.status, durationMs, error: fault };
  } catch (error) {
    return { atMs, ok: false, httpStatus: null, durationMs: null, error: probeErrorText(error) };
  }
}

function ask(ipAddress: string, httpPort: number, signal: AbortSignal | undefined): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const call = request(
    {
      ...{ host: ipAddress, port: httpPort, path: HEALTH_PATH, agent: false, signal },
      headers: { 'user-agent': 'wayside-cloud-probe', range: `bytes=0-${PROBE_RANGE_BYTES - 1}` },
    },
    (response) => readAnswer(response).then(resolve, reject),
  );
  // From the dial to the last byte: one that trickles is as late as one that is silent.
  const timer = setTimeout(() => call.destroy(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)), PROBE_TIMEOUT_MS);
  call.once('error', reject);
  call.once('close', () => {
    clearTimeout(timer);
    reject(new Error('the connection was closed without an answer'));
  });
  call.end();
  return promise;
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > PROBE_BODY_BYTES_MAX) throw new Error(`answered with more than ${PROBE_BODY_BYTES_MAX} bytes`);
  }
  return { status: response.statusCode ?? 0, type: response.headers['content-type'], bytes };
}

function answerFault({ status, type, bytes }: Answer): string | null {
  if (status !== 200 && status !== 206) return `answered ${status}, wanted 200 or 206`;
  if (!type?.startsWith('image/')) return `answered with content type ${type ?? 'none'}, wanted image/gif`;
  return bytes > 0 ? null : 'answered with an empty body';
}

function probeErrorText(error: unknown): string {
  if ((error as NodeJS.ErrnoException | null)?.code === 'ECONNREFUSED') return 'connection refused';
  return describeError(error);
}
