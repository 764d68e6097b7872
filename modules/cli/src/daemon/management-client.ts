// Speaks the management API of the node daemon (iotedge.md 4.4) over its unix socket or over HTTP, and turns what goes wrong into CLI errors.

import type { Readable } from 'node:stream';
import { EdgeError } from '@wayside/kit';
import type { ModuleDetails, SystemInfo, SystemResources } from '@wayside/protocol';
import got, { type Got, HTTPError, RequestError } from 'got';
import type { ErrorCode } from '../errors.ts';

/** api-version the original's command uses. */
const API_VERSION = '2020-07-07';
/** A stop of a module may take the engine's ten seconds and more. */
const REQUEST_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface LogsQuery {
  /** Number of lines, or all. */
  tail: number | 'all';
  sinceSecs?: number | undefined;
  untilSecs?: number | undefined;
  follow: boolean;
}

export interface BundleQuery {
  sinceSecs?: number | undefined;
  untilSecs?: number | undefined;
  iothubHostname?: string | undefined;
  edgeRuntimeOnly: boolean;
}

export class ManagementClient {
  readonly url: string;
  readonly #http: Got;

  /** `url`: unix:///path/to/mgmt.sock or http://host:port. */
  constructor(url: string) {
    this.url = url;
    const unixPath = /^unix:\/\/(\/.*)$/.exec(url)?.[1];
    this.#http = got.extend({
      prefixUrl: unixPath === undefined ? url : `http://unix:${unixPath}:`,
      enableUnixSockets: unixPath !== undefined,
      retry: { limit: 0 },
      timeout: { connect: CONNECT_TIMEOUT_MS },
      searchParams: { 'api-version': API_VERSION },
    });
  }

  async listModules(): Promise<ModuleDetails[]> {
    return (await this.#json<{ modules: ModuleDetails[] }>('list modules', 'modules')).modules;
  }

  async stopModule(name: string): Promise<void> {
    await this.#post(`stop module ${name}`, `modules/${encodeURIComponent(name)}/stop`);
  }

  async startModule(name: string): Promise<void> {
    await this.#post(`start module ${name}`, `modules/${encodeURIComponent(name)}/start`);
  }

  systemInfo(): Promise<SystemInfo> {
    return this.#json<SystemInfo>('read the system information', 'systeminfo');
  }

  systemResources(): Promise<SystemResources> {
    return this.#json<SystemResources>('read the system resources', 'systeminfo/resources');
  }

  /** Docker's multiplexed log stream; ends when `signal` aborts. */
  logs(name: string, query: LogsQuery, signal?: AbortSignal): Promise<Readable> {
    return this.#stream(
      `read the logs of module ${name}`,
      `modules/${encodeURIComponent(name)}/logs`,
      {
        follow: query.follow,
        tail: String(query.tail),
        since: query.sinceSecs,
        until: query.untilSecs,
        timestamps: false,
      },
      signal,
    );
  }

  /** Bytes of a zip. */
  supportBundle(query: BundleQuery, signal?: AbortSignal): Promise<Readable> {
    return this.#stream(
      'make a support bundle',
      'systeminfo/supportbundle',
      {
        since: query.sinceSecs,
        until: query.untilSecs,
        iothub_hostname: query.iothubHostname,
        edge_runtime_only: query.edgeRuntimeOnly,
      },
      signal,
    );
  }

  async #json<T>(what: string, path: string): Promise<T> {
    return this.#translate(what, async () =>
      JSON.parse((await this.#http.get(path, { timeout: { request: REQUEST_TIMEOUT_MS } })).body),
    );
  }

  async #post(what: string, path: string): Promise<void> {
    await this.#translate(what, () => this.#http.post(path, { timeout: { request: REQUEST_TIMEOUT_MS } }));
  }

  async #stream(
    what: string,
    path: string,
    query: { [name: string]: string | number | boolean | undefined },
    signal?: AbortSignal,
  ): Promise<Readable> {
    const searchParams = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
    const stream = this.#http.stream(path, {
      searchParams: { 'api-version': API_VERSION, ...(searchParams as Record<string, string>) },
      ...(signal === undefined ? {} : { signal }),
    });
    await this.#translate(
      what,
      () =>
        new Promise<void>((resolve, reject) => {
          stream.once('response', () => resolve());
          stream.once('error', reject);
        }),
    );
    return stream;
  }

  async #translate<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw this.#explain(what, error);
    }
  }

  #explain(what: string, error: unknown): EdgeError {
    if (error instanceof HTTPError)
      return new EdgeError(
        'CLI_DAEMON_REFUSED' satisfies ErrorCode,
        `Cannot ${what}: the daemon answered ${error.response.statusCode}`,
        {
          cause: new Error(messageOf(error.response.body)),
          details: { statusCode: error.response.statusCode },
          source: 'upstream',
        },
      );
    const code = error instanceof RequestError ? error.code : '';
    const advice = ADVICE[code] ?? 'see that the daemon runs and that --host names its management endpoint';
    return new EdgeError(
      'CLI_DAEMON_UNREACHABLE' satisfies ErrorCode,
      `Cannot ${what}: no daemon answers at ${this.url}; ${advice}`,
      {
        cause: error,
        details: { url: this.url, code },
        source: 'upstream',
      },
    );
  }
}

const ADVICE: { [code: string]: string | undefined } = {
  ENOENT:
    'the socket is missing: this machine has no node yet (run the provisioning command), or it is another instance (--instance NAME or WAYSIDE_INSTANCE)',
  ECONNREFUSED: 'the daemon is stopped: start its container (docker start wayside-daemon, with -NAME for an instance)',
  EACCES: 'this user may not open the socket: run as root (sudo)',
  EPERM: 'this user may not open the socket: run as root (sudo)',
};

/** Text of a daemon's error body `{"message":"..."}`. */
function messageOf(body: unknown): string {
  const text = typeof body === 'string' ? body : Buffer.isBuffer(body) ? body.toString('utf8') : '';
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not JSON: the text itself is the best there is.
  }
  return text.trim() === '' ? 'no further text' : text.trim();
}
