// One HTTP call to the daemon over its unix socket (or http:// in tests): api-version, time limit, size limit, errors by our codes.

import { stat } from 'node:fs/promises';
import { EdgeError } from '@wayside/kit';
import got, { HTTPError, type Method, RequestError } from 'got';

const API_VERSION = '2022-08-03';
/** Largest JSON answer read; 200 modules with long createOptions are below 4 MiB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

export interface DaemonCall {
  method: Method;
  /** Path with encoded segments, e.g. /modules/edgeHub. */
  path: string;
  query?: { [name: string]: string | undefined };
  body?: unknown;
  timeoutMs: number;
  signal?: AbortSignal;
}

export class DaemonHttp {
  readonly #base: string;
  /** '' = no unix socket. */
  readonly #socketPath: string;

  /** `uri`: unix:///path/to/socket or http://host:port. */
  constructor(uri: string) {
    const url = new URL(uri);
    this.#socketPath = url.protocol === 'unix:' ? url.pathname : '';
    this.#base = this.#socketPath === '' ? uri.replace(/\/$/, '') : `http://unix:${url.pathname}:`;
  }

  /** Changes when somebody listens anew at the unix socket; '' when it is not there, or no unix socket. */
  async socketMark(): Promise<string> {
    if (this.#socketPath === '') return '';
    const facts = await stat(this.#socketPath).catch(() => undefined);
    return facts === undefined ? '' : `${facts.dev}:${facts.ino}:${facts.ctimeMs}`;
  }

  #url(call: DaemonCall): string {
    const query = new URLSearchParams({ 'api-version': API_VERSION });
    for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(name, value);
    return `${this.#base}${call.path}?${query}`;
  }

  /** Answer body as bytes. Throws AGENT_DAEMON_*. */
  async bytes(call: DaemonCall, bytesMax: number = ANSWER_BYTES_MAX): Promise<Buffer> {
    const what = `${call.method} ${call.path}`;
    const stop = new AbortController();
    const signal = call.signal ? AbortSignal.any([call.signal, stop.signal]) : stop.signal;
    const request = got(this.#url(call), {
      method: call.method,
      ...(call.body === undefined ? {} : { json: call.body }),
      enableUnixSockets: this.#socketPath !== '',
      retry: { limit: 0 },
      timeout: { request: call.timeoutMs },
      responseType: 'buffer',
      signal,
    });
    let isTooLarge = false;
    request.on('downloadProgress', (progress) => {
      if (progress.transferred <= bytesMax) return;
      isTooLarge = true;
      stop.abort();
    });
    try {
      return Buffer.from((await request).rawBody);
    } catch (error) {
      if (isTooLarge) throw answerInvalid(what, `more than ${bytesMax} bytes`);
      throw toEdgeError(what, error);
    }
  }

  async json<T>(call: DaemonCall): Promise<T> {
    const bytes = await this.bytes(call);
    try {
      return JSON.parse(bytes.toString('utf8')) as T;
    } catch (error) {
      throw answerInvalid(`${call.method} ${call.path}`, `${bytes.length} bytes that are no JSON`, error);
    }
  }

  async empty(call: DaemonCall): Promise<void> {
    await this.bytes(call);
  }

  /** Answer body as a stream, for bodies that need not fit into memory. */
  stream(call: DaemonCall): NodeJS.ReadableStream {
    return got.stream(this.#url(call), {
      method: call.method,
      enableUnixSockets: this.#socketPath !== '',
      retry: { limit: 0 },
      timeout: { request: call.timeoutMs },
      ...(call.signal ? { signal: call.signal } : {}),
    });
  }
}

function answerInvalid(what: string, found: string, cause?: unknown): EdgeError {
  return new EdgeError('AGENT_DAEMON_ANSWER_INVALID', `Cannot read the daemon's answer to ${what}: ${found}`, {
    source: 'upstream',
    cause,
  });
}

function toEdgeError(what: string, error: unknown): unknown {
  if (error instanceof HTTPError) {
    const status = error.response.statusCode;
    return new EdgeError('AGENT_DAEMON_REFUSED', `${reasonOf(error.response.body)} (${what} answered ${status})`, {
      source: 'upstream',
      details: { status },
      retry: status >= 500 ? 'backoff' : 'never',
    });
  }
  if (error instanceof RequestError)
    return new EdgeError('AGENT_DAEMON_UNREACHABLE', `Cannot ask the daemon (${what}): ${error.message}`, {
      source: 'upstream',
      retry: 'backoff',
    });
  return error;
}

function reasonOf(body: unknown): string {
  const text = Buffer.isBuffer(body) || body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : String(body);
  try {
    const message = (JSON.parse(text) as { message?: unknown }).message;
    if (typeof message === 'string' && message !== '') return message;
  } catch {
    // Not every server on the way answers JSON.
  }
  return text.slice(0, 300) || 'no reason given';
}
