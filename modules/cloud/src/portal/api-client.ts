// Calls /api/v1 in process, in the name of the person who looks at the page: rights, checks, limits and audit are those of the API itself.
// A call travels as HTTP over a pair of streams, so whatever the application does to a request it does to these, too.

import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';

/** An answer that is larger than any list the API pages is a fault. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Logs and direct methods may take a minute by themselves. */
const CALL_TIMEOUT_MS = 330_000;

export interface ApiProblem {
  /** Field as the API names it, e.g. `drives[0].path`; '' = the whole. */
  path: string;
  message: string;
  code?: string;
}

/** What the API answered instead of success. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly code: string;
  readonly problems: readonly ApiProblem[];
  readonly details: { readonly [name: string]: unknown };

  constructor(status: number, body: unknown) {
    const error = (body as { error?: Partial<ErrorAnswer> } | null)?.error ?? {};
    super(error.message ?? `The API answered ${status}`);
    this.status = status;
    this.code = error.code ?? '';
    this.problems = error.problems ?? [];
    this.details = error.details ?? {};
  }
}

interface ErrorAnswer {
  code: string;
  message: string;
  problems: ApiProblem[];
  details: { [name: string]: unknown };
}

export interface Caller {
  /** Session token, secret; undefined = nobody. */
  token: string | undefined;
  /** Address of the browser's socket. */
  source: string;
  /** Headers of the browser's request that tell who is behind proxies, and with which program. */
  headers?: { [name: string]: string | string[] | undefined };
}

/** What the API reads of them is judged there: forwarded addresses count from trusted proxies alone. */
const HANDED_ON = ['x-forwarded-for', 'forwarded', 'user-agent'];

export interface RawAnswer {
  status: number;
  contentType: string;
  text: string;
}

/** The API as one caller has it. Every method throws ApiFailure. */
export interface Api {
  get<T>(path: string): Promise<T>;
  /** Text answers: logs, lists. */
  text(path: string): Promise<string>;
  send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T>;
}

/** Opens the way into `listener`; nothing listens on a port. */
export function createApiClient(listener: RequestListener): { for(caller: Caller): Api } {
  const server = createServer(listener);
  return {
    for: (caller) => {
      const call = (method: string, path: string, body?: unknown) => perform(server, caller, { method, path, body });
      return {
        get: async (path) => readJson(await call('GET', path)),
        text: async (path) => readText(await call('GET', path)),
        send: async (method, path, body) => readJson(await call(method, path, body)),
      };
    },
  };
}

function readJson<T>(answer: RawAnswer): T {
  const text = readText(answer);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function readText({ status, contentType, text }: RawAnswer): string {
  if (status >= 200 && status < 300) return text;
  throw new ApiFailure(status, contentType.includes('json') ? JSON.parse(text) : null);
}

function perform(
  server: Server,
  caller: Caller,
  call: { method: string; path: string; body?: unknown },
): Promise<RawAnswer> {
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
  const headers = {
    host: 'portal',
    ...handedOn(caller),
    ...(caller.token === undefined ? {} : { authorization: `Bearer ${caller.token}` }),
    ...(payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
  };
  return new Promise((resolve, reject) => {
    const createConnection = () => connect(server, caller.source);
    const options = { createConnection, method: call.method, path: `/api/v1${call.path}`, headers };
    const request = httpRequest({ ...options, timeout: CALL_TIMEOUT_MS }, (response) => {
      collect(response).then((text) => {
        const contentType = response.headers['content-type'] ?? '';
        resolve({ status: response.statusCode ?? 0, contentType, text });
      }, reject);
    });
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error(`The API did not answer within ${CALL_TIMEOUT_MS} ms`)));
    request.end(payload);
  });
}

function handedOn({ headers = {} }: Caller): { [name: string]: string | string[] } {
  return Object.fromEntries(HANDED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}

function connect(server: Server, source: string): Duplex {
  const [near, far] = duplexPair();
  // The routes read the caller's address of the socket.
  Object.defineProperty(far, 'remoteAddress', { value: source });
  server.emit('connection', far);
  return near;
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`The API answered more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
