// Speaks the cache node face of the cloud (docs/contracts.md 6) and turns what goes wrong into CLI errors that carry the cloud's own code,
// text and problems.

import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { EdgeError } from '@wayside/kit';
import type { JsonObject, NodeMonitor, Problem } from '@wayside/protocol';
import got, { type Got, HTTPError, type Method, RequestError } from 'got';
import type { ErrorCode } from '../errors.ts';
import type { BgpFields } from './bgp-fields.ts';
import type { Session } from './session.ts';

const REQUEST_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const DOWNLOAD_MODE = 0o600;
/** A read is tried this often more when the network fails; a change never. */
const READ_RETRIES_MAX = 2;
/** A direct method may wait as long as its own time-outs (300 s each at most) say. */
const METHOD_GRACE_MS = 10_000;

export interface NodeFields {
  name: string;
  ipAddress: string | null;
  httpPort: number;
  summaryPort: number;
  maxEgressMbps: number;
  drives: { path: string; sizeGb: number }[];
  isEnabled: boolean;
  prefixSource: string;
  cidrs: string[];
  asn?: number | null;
  isDraining?: boolean;
  proxy?: string | null;
  proxyCertificatePath?: string | null;
  bgp?: BgpFields;
  updateRing?: object | null;
  customerId?: string;
}

export interface CacheNode extends NodeFields {
  warnings?: { path: string; message: string }[];
  cacheNodeId: string;
  customerId: string;
  state: string;
  stateText: string;
  reasons: { code: string; text: string; sinceUtc: string | null }[];
  createdAtUtc: string;
}

export interface Provisioning {
  command: string;
  customerId: string;
  cacheNodeId: string;
  customerKey: string;
  registrationKey: string;
}

export interface TelemetryMessage {
  seq: number;
  enqueuedAtUtc: string;
  moduleId: string | null;
  properties: JsonObject;
  systemProperties: JsonObject;
  body: unknown;
}

export interface TimelineEvent {
  seq: number;
  atUtc: string;
  kind: string;
  subject: string;
  text: string;
  details: unknown;
}

export interface MethodCall {
  methodName: string;
  payload?: unknown;
  responseTimeoutInSeconds?: number;
  connectTimeoutInSeconds?: number;
}

/** An error answer of the cloud, `problems` when it named several. */
export class CloudError extends EdgeError {
  readonly statusCode: number;
  readonly cloudCode: string;
  readonly problems: Problem[];

  constructor(code: ErrorCode, message: string, statusCode: number, cloudCode: string, problems: Problem[]) {
    super(code, message, { details: { statusCode, cloudCode }, source: 'upstream' });
    this.statusCode = statusCode;
    this.cloudCode = cloudCode;
    this.problems = problems;
  }
}

type Query = { [name: string]: string | number | undefined };

export class CloudClient {
  readonly url: string;
  readonly #http: Got;

  /** `token` and `ca` as in Session; without a token only what is open can be asked. */
  constructor(o: Pick<Session, 'url' | 'ca'> & { token?: string }) {
    this.url = o.url;
    this.#http = got.extend({
      prefixUrl: `${o.url}/api/v1`,
      timeout: { request: REQUEST_TIMEOUT_MS, connect: CONNECT_TIMEOUT_MS },
      retry: { limit: READ_RETRIES_MAX, methods: ['GET'] },
      followRedirect: false,
      ...(o.token === undefined ? {} : { headers: { authorization: `Bearer ${o.token}` } }),
      ...(o.ca === null ? {} : { https: { certificateAuthority: o.ca } }),
    });
  }

  createSession(username: string, password: string): Promise<{ token: string; expiresAtUtc: string }> {
    return this.#call('log in', 'POST', 'sessions', { json: { username, password } });
  }

  async listNodes(): Promise<CacheNode[]> {
    const answer = await this.#call<CacheNode[] | { nodes: CacheNode[] }>('list the nodes', 'GET', 'nodes');
    return Array.isArray(answer) ? answer : answer.nodes;
  }

  createNode(fields: Partial<NodeFields>): Promise<CacheNode> {
    return this.#call(`create node ${fields.name}`, 'POST', 'nodes', { json: fields });
  }

  showNode(name: string): Promise<CacheNode> {
    return this.#call(`show node ${name}`, 'GET', nodePath(name));
  }

  updateNode(name: string, fields: Partial<NodeFields>): Promise<CacheNode> {
    return this.#call(`change node ${name}`, 'PATCH', nodePath(name), { json: fields });
  }

  async deleteNode(name: string): Promise<void> {
    await this.#call(`delete node ${name}`, 'DELETE', nodePath(name));
  }

  provisionNode(name: string): Promise<Provisioning> {
    return this.#call(`provision node ${name}`, 'POST', nodePath(name, 'provisioning'), { json: {} });
  }

  manifest(name: string): Promise<JsonObject> {
    return this.#call(`read the manifest of node ${name}`, 'GET', nodePath(name, 'manifest'));
  }

  deployment(name: string): Promise<JsonObject> {
    return this.#call(`read the deployment of node ${name}`, 'GET', nodePath(name, 'deployment'));
  }

  deploy(name: string, manifest: unknown): Promise<{ desiredVersion: number; modules: string[] }> {
    return this.#call(`deploy to node ${name}`, 'PUT', nodePath(name, 'deployment'), { json: manifest });
  }

  monitor(name: string): Promise<NodeMonitor> {
    return this.#call(`monitor node ${name}`, 'GET', nodePath(name, 'monitor'));
  }

  telemetry(name: string, query: Query): Promise<{ messages: TelemetryMessage[]; next: number | string | null }> {
    return this.#call(`read the messages of node ${name}`, 'GET', nodePath(name, 'telemetry'), { query });
  }

  timeline(name: string, query: Query): Promise<{ events: TimelineEvent[]; next: number | string | null }> {
    return this.#call(`read the timeline of node ${name}`, 'GET', nodePath(name, 'timeline'), { query });
  }

  async moduleLogs(name: string, module: string, query: Query): Promise<string> {
    return this.#text(`read the logs of ${module} on node ${name}`, nodePath(name, 'modules', module, 'logs'), query);
  }

  /** `module` undefined: a method of the device itself. */
  invokeMethod(
    name: string,
    module: string | undefined,
    call: MethodCall,
  ): Promise<{ status: number; payload: unknown }> {
    const path = module === undefined ? nodePath(name, 'methods') : nodePath(name, 'modules', module, 'methods');
    const waitMs =
      ((call.responseTimeoutInSeconds ?? 30) + (call.connectTimeoutInSeconds ?? 0)) * 1000 + METHOD_GRACE_MS;
    return this.#call(`call method ${call.methodName} of node ${name}`, 'POST', path, {
      json: call,
      timeoutMs: waitMs,
    });
  }

  connectionStrings(): Promise<{ [name: string]: string }> {
    return this.#call('read the connection strings', 'GET', 'connection-strings');
  }

  /** GET of a JSON document; `path` below /api/v1, its parts encoded. */
  read<T>(what: string, path: string, query: Query = {}): Promise<T> {
    return this.#call(what, 'GET', path, { query });
  }

  readText(what: string, path: string, query: Query = {}): Promise<string> {
    return this.#text(what, path, query);
  }

  write<T>(what: string, method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, json: unknown): Promise<T> {
    return this.#call(what, method, path, { json });
  }

  /** Writes the answer to a file that only its owner may read; one that is there is not overwritten. */
  async download(what: string, path: string, file: string): Promise<void> {
    const target = await open(file, 'wx', DOWNLOAD_MODE).catch((cause) => {
      const message = `Cannot write ${file}: ${(cause as { code?: string }).code}`;
      throw new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, message, { cause, source: 'config' });
    });
    try {
      await pipeline(this.#http.stream(path, { timeout: { connect: CONNECT_TIMEOUT_MS } }), target.createWriteStream());
    } catch (error) {
      await rm(file, { force: true });
      throw this.#explain(what, error);
    }
  }

  async #call<T>(
    what: string,
    method: Method,
    path: string,
    o: { json?: unknown; query?: Query; timeoutMs?: number } = {},
  ): Promise<T> {
    try {
      const { body } = await this.#http(path, {
        method,
        ...(o.json === undefined ? {} : { json: o.json }),
        searchParams: present(o.query),
        ...(o.timeoutMs === undefined ? {} : { timeout: { request: o.timeoutMs, connect: CONNECT_TIMEOUT_MS } }),
      });
      return (body === '' ? undefined : JSON.parse(body)) as T;
    } catch (error) {
      throw this.#explain(what, error);
    }
  }

  async #text(what: string, path: string, query: Query): Promise<string> {
    try {
      return (
        await this.#http.get(path, { searchParams: present(query), timeout: { request: 2 * REQUEST_TIMEOUT_MS } })
      ).body;
    } catch (error) {
      throw this.#explain(what, error);
    }
  }

  #explain(what: string, error: unknown): EdgeError {
    if (error instanceof HTTPError) return explainAnswer(what, error.response.statusCode, error.response.body);
    const code = error instanceof RequestError ? error.code : '';
    const untrusted = isCertificateCode(code);
    return new EdgeError(
      (untrusted ? 'CLI_CLOUD_CERTIFICATE_UNTRUSTED' : 'CLI_CLOUD_UNREACHABLE') satisfies ErrorCode,
      untrusted
        ? `Cannot ${what}: the certificate of ${this.url} is not trusted (${code}); log in with --ca FILE or --pin sha256//...`
        : `Cannot ${what}: the cloud at ${this.url} does not answer`,
      { cause: error, details: { url: this.url, code }, source: 'upstream', retry: untrusted ? 'never' : 'backoff' },
    );
  }
}

function explainAnswer(what: string, statusCode: number, body: unknown): CloudError {
  let cloudCode = '';
  let message = '';
  let problems: Problem[] = [];
  try {
    const { error } = JSON.parse(String(body)) as {
      error?: { code?: string; message?: string; problems?: Problem[] };
    };
    cloudCode = error?.code ?? '';
    message = error?.message ?? '';
    problems = Array.isArray(error?.problems) ? error.problems : [];
  } catch {
    message = String(body).slice(0, 200);
  }
  const code: ErrorCode = statusCode === 401 ? 'CLI_NOT_LOGGED_IN' : 'CLI_CLOUD_REFUSED';
  const says = [cloudCode, message].filter((part) => part !== '').join(': ');
  return new CloudError(
    code,
    `Cannot ${what}: the cloud answered ${statusCode}${says === '' ? '' : `, ${says}`}`,
    statusCode,
    cloudCode,
    problems,
  );
}

function nodePath(name: string, ...rest: string[]): string {
  return ['nodes', name, ...rest].map((part) => encodeURIComponent(part)).join('/');
}

function present(query: Query = {}): { [name: string]: string | number } {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as {
    [name: string]: string | number;
  };
}

/** Codes of node:tls for a certificate that was refused. */
function isCertificateCode(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT/.test(code);
}
