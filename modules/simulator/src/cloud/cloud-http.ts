// HTTPS calls to the cloud that trust its CA only; JSON in, JSON out, every refusal with what the cloud said.

import { Agent } from 'node:https';
import { EdgeError } from '@wayside/kit';
import got, { type Method } from 'got';

const REQUEST_TIMEOUT_MS = 60_000;
/** Of a request whose connection was reset. */
const RETRIES_MAX = 2;
/** Sockets kept open to the cloud, all callers together. */
const SOCKETS_MAX = 16;
const MESSAGE_CHARS_MAX = 300;

export interface CloudCall {
  method: Method;
  path: string;
  json?: unknown;
  headers?: { [name: string]: string };
  /** Own address to dial from; such a call gets a connection of its own. */
  localAddress?: string;
}

export class CloudHttp {
  readonly base: string;
  readonly #ca: string;
  readonly #agent: Agent;

  /** `base` = https base without a path, `ca` = PEM. */
  constructor(base: string, ca: string) {
    this.base = base;
    this.#ca = ca;
    this.#agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, ca });
  }

  /** Status and body, whatever the status; `undefined` for a body that is no JSON. SIMULATOR_CLOUD_REFUSED without an answer. */
  async ask(call: CloudCall): Promise<{ status: number; body: unknown }> {
    const own =
      call.localAddress === undefined ? undefined : new Agent({ ca: this.#ca, localAddress: call.localAddress });
    try {
      const answer = await got(`${this.base}${call.path}`, {
        method: call.method,
        agent: { https: own ?? this.#agent },
        https: { certificateAuthority: this.#ca },
        headers: call.headers ?? {},
        // A server may close a kept connection at the moment it is used again.
        retry: {
          limit: RETRIES_MAX,
          methods: ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'],
          errorCodes: ['ECONNRESET'],
          statusCodes: [],
        },
        throwHttpErrors: false,
        timeout: { request: REQUEST_TIMEOUT_MS },
        ...(call.json === undefined ? {} : { json: call.json }),
      });
      return { status: answer.statusCode, body: parseBody(answer.body) };
    } catch (cause) {
      throw refused(call, (cause as Error).message, cause);
    } finally {
      own?.destroy();
    }
  }

  /** The body of an answer with one of the wanted statuses. SIMULATOR_CLOUD_REFUSED otherwise. */
  async call<T>(call: CloudCall, wanted: readonly number[]): Promise<T> {
    const { status, body } = await this.ask(call);
    if (wanted.includes(status)) return body as T;
    throw refused(call, `it answered ${status} ${messageOf(body)}, wanted ${wanted.join(' or ')}`, undefined);
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messageOf(body: unknown): string {
  const { error, Message } = (body ?? {}) as { error?: { code?: unknown; message?: unknown }; Message?: unknown };
  const text = error === undefined ? String(Message ?? 'without a reason') : `${error.code}: ${error.message}`;
  return text.slice(0, MESSAGE_CHARS_MAX);
}

function refused({ method, path }: CloudCall, why: string, cause: unknown): EdgeError {
  // The query may hold what is no business of a log.
  const text = `Cannot ${method} ${path.split('?')[0]} of the cloud: ${why}`;
  return new EdgeError('SIMULATOR_CLOUD_REFUSED', text, { cause, source: 'upstream', retry: 'backoff' });
}
