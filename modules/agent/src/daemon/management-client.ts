// The daemon's management API as the agent uses it (iotedge.md 4.4): containers, identities, system figures, logs.

import type { Identity, ModuleDetails, ModuleSpec, SystemInfo, SystemResources } from '@wayside/protocol';
import type { ObservedModule } from '../plan/model.ts';
import type { DaemonHttp } from './daemon-http.ts';

/** A list must come at once: the reconcile loop waits for it. */
const LIST_TIMEOUT_MS = 20_000;
/** A pull of several GB over a slow line; it runs beside the loop. */
const PULL_TIMEOUT_MS = 60 * 60_000;
const SUPPORT_BUNDLE_TIMEOUT_MS = 10 * 60_000;
/** Largest log that is read into memory for one answer or upload. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;

export interface LogQuery {
  /** Lines from the end; absent = all. */
  tail?: number;
  /** UNIX seconds. */
  since?: number;
  until?: number;
}

/** The part of the management API that steps use; tests put a model engine here. */
export interface ContainerEngine {
  listModules(signal?: AbortSignal): Promise<ObservedModule[]>;
  listIdentities(signal?: AbortSignal): Promise<Identity[]>;
  createIdentity(moduleId: string): Promise<void>;
  deleteIdentity(moduleId: string): Promise<void>;
  /** Resolves when the image is on the node. */
  prepareImage(spec: ModuleSpec): Promise<void>;
  createModule(spec: ModuleSpec): Promise<void>;
  /** Removes the container of that name and makes a new one; for edgeAgent the answer comes before the work. */
  replaceModule(spec: ModuleSpec): Promise<void>;
  startModule(name: string): Promise<void>;
  stopModule(name: string): Promise<void>;
  removeModule(name: string): Promise<void>;
}

export class ManagementClient implements ContainerEngine {
  readonly #http: DaemonHttp;
  readonly #timeoutMs: number;

  /** timeoutMs: ManagementApiTimeoutSecs. */
  constructor(http: DaemonHttp, timeoutMs: number) {
    this.#http = http;
    this.#timeoutMs = timeoutMs;
  }

  async listModules(signal?: AbortSignal): Promise<ObservedModule[]> {
    const answer = await this.#http.json<{ modules: ModuleDetails[] }>({
      method: 'GET',
      path: '/modules',
      timeoutMs: Math.min(LIST_TIMEOUT_MS, this.#timeoutMs),
      signal,
    });
    return answer.modules.map(toObserved);
  }

  async listIdentities(signal?: AbortSignal): Promise<Identity[]> {
    const answer = await this.#http.json<{ identities: Identity[] }>({
      method: 'GET',
      path: '/identities/',
      timeoutMs: Math.min(LIST_TIMEOUT_MS, this.#timeoutMs),
      signal,
    });
    return answer.identities;
  }

  async createIdentity(moduleId: string): Promise<void> {
    await this.#http.json({
      method: 'POST',
      path: '/identities',
      body: { moduleId, managedBy: 'IotEdge' },
      timeoutMs: this.#timeoutMs,
    });
  }

  async deleteIdentity(moduleId: string): Promise<void> {
    const path = `/identities/${encodeURIComponent(moduleId)}`;
    await this.#http.empty({ method: 'DELETE', path, timeoutMs: this.#timeoutMs });
  }

  async prepareImage(spec: ModuleSpec): Promise<void> {
    const path = `${modulePath(spec.name)}/prepareupdate`;
    await this.#http.empty({ method: 'POST', path, body: spec, timeoutMs: PULL_TIMEOUT_MS });
  }

  async createModule(spec: ModuleSpec): Promise<void> {
    await this.#http.empty({ method: 'POST', path: '/modules', body: spec, timeoutMs: this.#timeoutMs });
  }

  async replaceModule(spec: ModuleSpec): Promise<void> {
    await this.#http.empty({
      method: 'PUT',
      path: modulePath(spec.name),
      query: spec.name === 'edgeAgent' ? { start: 'true' } : {},
      body: spec,
      timeoutMs: this.#timeoutMs,
    });
  }

  async startModule(name: string): Promise<void> {
    await this.#http.empty({ method: 'POST', path: `${modulePath(name)}/start`, timeoutMs: this.#timeoutMs });
  }

  async stopModule(name: string): Promise<void> {
    await this.#http.empty({ method: 'POST', path: `${modulePath(name)}/stop`, timeoutMs: this.#timeoutMs });
  }

  /** One call, because edgeAgent cannot start itself after it stopped itself. */
  async restartModule(name: string): Promise<void> {
    await this.#http.empty({ method: 'POST', path: `${modulePath(name)}/restart`, timeoutMs: this.#timeoutMs });
  }

  async removeModule(name: string): Promise<void> {
    await this.#http.empty({ method: 'DELETE', path: modulePath(name), timeoutMs: this.#timeoutMs });
  }

  /** Raw log stream with Docker's frame headers; see log-frames.ts. */
  async logs(name: string, query: LogQuery, signal?: AbortSignal): Promise<Buffer> {
    return this.#http.bytes(
      {
        method: 'GET',
        path: `${modulePath(name)}/logs`,
        query: {
          follow: 'false',
          timestamps: 'false',
          tail: query.tail === undefined ? 'all' : String(query.tail),
          since: query.since === undefined ? undefined : String(query.since),
          until: query.until === undefined ? undefined : String(query.until),
        },
        timeoutMs: this.#timeoutMs,
        signal,
      },
      LOG_BYTES_MAX,
    );
  }

  /** See DaemonHttp.socketMark(). */
  socketMark(): Promise<string> {
    return this.#http.socketMark();
  }

  async systemInfo(): Promise<SystemInfo> {
    return this.#http.json<SystemInfo>({ method: 'GET', path: '/systeminfo', timeoutMs: LIST_TIMEOUT_MS });
  }

  async systemResources(): Promise<SystemResources> {
    return this.#http.json<SystemResources>({
      method: 'GET',
      path: '/systeminfo/resources',
      timeoutMs: this.#timeoutMs,
    });
  }

  /** Zip bytes as a stream. */
  supportBundle(query: { [name: string]: string | undefined }, signal?: AbortSignal): NodeJS.ReadableStream {
    return this.#http.stream({
      method: 'GET',
      path: '/systeminfo/supportbundle',
      query,
      timeoutMs: SUPPORT_BUNDLE_TIMEOUT_MS,
      signal,
    });
  }
}

function modulePath(name: string): string {
  return `/modules/${encodeURIComponent(name)}`;
}

const STATES = new Set(['running', 'stopped', 'failed', 'dead']);

/** Wire shape -> what the planner reads. Unknown state words become `unknown`. */
function toObserved(details: ModuleDetails): ObservedModule {
  const { status, config } = details;
  const state = status.runtimeStatus.status.toLowerCase();
  const labels = config.settings.createOptions?.Labels;
  const exitCode = Number(status.exitStatus?.statusCode);
  return {
    name: details.name,
    image: config.settings.image,
    imageHash: config.settings.imageHash ?? '',
    labels: isStringMap(labels) ? labels : {},
    state: STATES.has(state) ? (state as ObservedModule['state']) : 'unknown',
    description: status.runtimeStatus.description ?? '',
    health: status.runtimeStatus.health,
    startedAtMs: toMs(status.startTime),
    exitedAtMs: toMs(status.exitStatus?.exitTime),
    exitCode: status.exitStatus && Number.isInteger(exitCode) ? exitCode : undefined,
  };
}

function isStringMap(value: unknown): value is { [name: string]: string } {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string');
}

/** Docker's zero time (year 1) stands for "never". */
function toMs(time: string | undefined): number | undefined {
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
