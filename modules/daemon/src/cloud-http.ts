// HTTPS to the cloud: one place for the CA, the proxy, time limits and retries. Answers are handed back whatever their status.

import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import { EdgeError } from '@wayside/kit';
import got, { type Got, RequestError } from 'got';

/** Largest answer read, bytes: a module list of a device is a few KiB. */
const CLOUD_ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export interface CloudHttpOptions {
  /** Accepted besides the system's roots; PEM. */
  caPem: string | undefined;
  timeoutMs: number;
  /** Further tries of GET, PUT and DELETE after a network error or 429, 502, 503, 504. */
  retries: number;
  proxy: { https: string; no: string };
  userAgent: string;
}

export interface CloudRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: string;
  headers?: { [name: string]: string };
  json?: unknown;
}

export interface CloudResponse {
  status: number;
  /** Parsed JSON, or undefined when the body is none. */
  body: unknown;
}

export class CloudHttp {
  readonly #got: Got;

  constructor(o: CloudHttpOptions) {
    const proxyEnv = o.proxy.https === '' ? undefined : { HTTPS_PROXY: o.proxy.https, NO_PROXY: o.proxy.no };
    this.#got = got.extend({
      timeout: { request: o.timeoutMs },
      retry: { limit: o.retries, methods: ['GET', 'PUT', 'DELETE'], statusCodes: [429, 502, 503, 504] },
      https: o.caPem === undefined ? {} : { certificateAuthority: [...rootCertificates, o.caPem] },
      agent: { https: new Agent({ keepAlive: false, ...(proxyEnv === undefined ? {} : { proxyEnv }) }) },
      headers: { 'user-agent': o.userAgent },
      throwHttpErrors: false,
      followRedirect: false,
      responseType: 'text',
    });
  }

  /** Any answer resolves; no answer rejects with DAEMON_CLOUD_UNREACHABLE. */
  async request({ method, url, headers, json }: CloudRequest): Promise<CloudResponse> {
    try {
      const tooLarge = new AbortController();
      const call = this.#got(url, {
        method,
        headers,
        signal: tooLarge.signal,
        ...(json === undefined ? {} : { json }),
      });
      call.on('downloadProgress', ({ transferred }) => {
        if (transferred > CLOUD_ANSWER_BYTES_MAX) tooLarge.abort();
      });
      const { statusCode, body } = await call;
      return { status: statusCode, body: parse(body) };
    } catch (error) {
      const host = new URL(url).host;
      const reason = error instanceof RequestError ? `${error.code} ${error.message}` : String(error);
      throw new EdgeError('DAEMON_CLOUD_UNREACHABLE', `Cannot reach the cloud at ${host}: ${reason}`, {
        cause: error,
        source: 'upstream',
        retry: 'backoff',
        details: { host },
      });
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
