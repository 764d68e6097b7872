// Asks a node's data port for the health object, as a client would (connected-cache.md 2.3): DNS, upstream, disk and port in one go.

import { describeError } from '@wayside/kit';
import got, { type Got, HTTPError, RequestError, TimeoutError } from 'got';
import type { ProbeResult } from './probe-verdict.ts';

export const PROBE_TIMEOUT_MS = 5_000;
/** Clients make range requests; a first piece proves as much as the whole 969,710 bytes. */
const PROBE_RANGE_BYTES = 4_096;
const PROBE_BODY_BYTES_MAX = 1_048_576;
const HEALTH_PATH = '/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com';

const client: Got = got.extend({
  headers: { 'user-agent': 'wayside-cloud-probe', range: `bytes=0-${PROBE_RANGE_BYTES - 1}` },
  timeout: { request: PROBE_TIMEOUT_MS },
  retry: { limit: 0 },
  // A redirect is no cached answer, and would let a node steer the cloud's requests.
  followRedirect: false,
  decompress: false,
  responseType: 'buffer',
});

function healthUrl(ipAddress: string, httpPort: number): string {
  return `http://${ipAddress}:${httpPort}${HEALTH_PATH}`;
}

/** Never throws: what went wrong is in the result. */
export async function probeDataPort(ipAddress: string, httpPort: number, signal?: AbortSignal): Promise<ProbeResult> {
  const atMs = Date.now();
  const startedMs = performance.now();
  try {
    const response = await limitedGet(healthUrl(ipAddress, httpPort), signal);
    const durationMs = Math.round(performance.now() - startedMs);
    const fault = answerFault(response.statusCode, response.headers['content-type'], response.rawBody.length);
    return { atMs, ok: fault === null, httpStatus: response.statusCode, durationMs, error: fault };
  } catch (error) {
    const httpStatus = error instanceof HTTPError ? error.response.statusCode : null;
    return { atMs, ok: false, httpStatus, durationMs: null, error: probeErrorText(error) };
  }
}

/** A data port is not trusted: it may answer without end. */
async function limitedGet(url: string, signal: AbortSignal | undefined) {
  const tooLarge = new AbortController();
  const stop = signal ? AbortSignal.any([signal, tooLarge.signal]) : tooLarge.signal;
  const request = client(url, { signal: stop });
  request.on('downloadProgress', ({ transferred }) => {
    if (transferred > PROBE_BODY_BYTES_MAX) {
      tooLarge.abort(new Error(`answered with more than ${PROBE_BODY_BYTES_MAX} bytes`));
    }
  });
  return request;
}

function answerFault(status: number, type: string | undefined, bytes: number): string | null {
  if (status !== 200 && status !== 206) return `answered ${status}, wanted 200 or 206`;
  if (!type?.startsWith('image/')) return `answered with content type ${type ?? 'none'}, wanted image/gif`;
  return bytes > 0 ? null : 'answered with an empty body';
}

function probeErrorText(error: unknown): string {
  if (error instanceof HTTPError) return `answered ${error.response.statusCode}, wanted 200 or 206`;
  if (error instanceof TimeoutError) return `no answer within ${PROBE_TIMEOUT_MS} ms`;
  if (error instanceof RequestError && error.code === 'ECONNREFUSED') return 'connection refused';
  return describeError(error);
}
