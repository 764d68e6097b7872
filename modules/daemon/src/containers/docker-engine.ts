// The container engine over Docker's API (1.41 and later), by dockerode. Translates its errors into ours, once.

import type { Readable } from 'node:stream';
import { EdgeError } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import Docker from 'dockerode';
import type {
  ContainerEngine,
  EngineInfo,
  Labels,
  LocalImage,
  LogQuery,
  NetworkRequest,
  PullProgress,
} from './engine.ts';
import type { InspectedContainer } from './module-details.ts';
import type { RegistryAuth } from './module-spec.ts';
import { pullImage } from './pull-stream.ts';

/** Seconds a module gets between SIGTERM and SIGKILL when its image or options say nothing. */
const STOP_TIMEOUT_SECS = 10;

export class DockerEngine implements ContainerEngine {
  readonly #docker: Docker;

  constructor(socketPath: string) {
    this.#docker = new Docker({ socketPath });
  }

  async info(): Promise<EngineInfo> {
    const info = (await translated("read the engine's facts", this.#docker.info())) as { [key: string]: unknown };
    return {
      osType: String(info.OSType ?? 'linux'),
      architecture: String(info.Architecture ?? ''),
      serverVersion: String(info.ServerVersion ?? ''),
      kernelVersion: String(info.KernelVersion ?? ''),
      operatingSystem: String(info.OperatingSystem ?? ''),
      cpus: Number(info.NCPU ?? 0),
      totalMemory: Number(info.MemTotal ?? 0),
    };
  }

  async ensureNetwork({ name, ipv6, ipam, labels }: NetworkRequest): Promise<void> {
    if ((await this.inspectNetwork(name)) !== undefined) return;
    const config = ipam.map(({ gateway, subnet, ip_range }) => ({
      ...(gateway === undefined ? {} : { Gateway: gateway }),
      ...(subnet === undefined ? {} : { Subnet: subnet }),
      ...(ip_range === undefined ? {} : { IPRange: ip_range }),
    }));
    const options = { Name: name, CheckDuplicate: true, Driver: 'bridge', EnableIPv6: ipv6, Labels: labels };
    const IPAM = config.length === 0 ? {} : { IPAM: { Driver: 'default', Config: config } };
    await absorbing(
      409,
      translated(
        `create the network ${name}`,
        this.#docker.createNetwork({ ...options, ...IPAM } as Docker.NetworkCreateOptions),
      ),
    );
  }

  inspectNetwork(name: string): Promise<JsonObject | undefined> {
    return absorbing(
      404,
      translated(`inspect the network ${name}`, this.#docker.getNetwork(name).inspect()),
    ) as Promise<JsonObject | undefined>;
  }

  async containersWith(labels: Labels) {
    const filters = { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
    const list = await translated('list containers', this.#docker.listContainers({ all: true, filters }));
    return list.map(({ Id, Names, Labels, State, ImageID }) => ({
      id: Id,
      names: Names.map((name) => name.replace(/^\//, '')),
      labels: Labels,
      state: State,
      imageId: ImageID,
    }));
  }

  async inspect(nameOrId: string): Promise<InspectedContainer | undefined> {
    const found = await absorbing(
      404,
      translated(`inspect the container ${nameOrId}`, this.#docker.getContainer(nameOrId).inspect()),
    );
    return found === undefined ? undefined : inspected(found);
  }

  inspectRaw(nameOrId: string): Promise<JsonObject | undefined> {
    return absorbing(
      404,
      translated(`inspect the container ${nameOrId}`, this.#docker.getContainer(nameOrId).inspect()),
    ) as unknown as Promise<JsonObject | undefined>;
  }

  async create(containerName: string, body: JsonObject): Promise<void> {
    await translated(
      `create the container ${containerName}`,
      this.#docker.createContainer({ name: containerName, ...body }),
    );
  }

  async start(containerName: string): Promise<void> {
    await absorbing(
      304,
      translated(`start the container ${containerName}`, this.#docker.getContainer(containerName).start()),
    );
  }

  async stop(containerName: string): Promise<void> {
    const stop = this.#docker.getContainer(containerName).stop({ t: await this.#stopTimeout(containerName) });
    await absorbing(304, translated(`stop the container ${containerName}`, stop));
  }

  async restart(containerName: string): Promise<void> {
    const restart = this.#docker.getContainer(containerName).restart({ t: await this.#stopTimeout(containerName) });
    await translated(`restart the container ${containerName}`, restart);
  }

  async unpause(containerName: string): Promise<void> {
    await translated(`unpause the container ${containerName}`, this.#docker.getContainer(containerName).unpause());
  }

  async remove(containerName: string): Promise<boolean> {
    try {
      await this.stop(containerName);
    } catch (error) {
      // A dead or paused container cannot be stopped; forced removal takes it all the same.
      if (statusOf(error) === 404) return false;
    }
    const remove = this.#docker.getContainer(containerName).remove({ force: true, v: false });
    const done = remove.then(() => true);
    return (await absorbing(404, translated(`remove the container ${containerName}`, done))) ?? false;
  }

  async logs(containerName: string, query: LogQuery, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
    const options = {
      stdout: true,
      stderr: true,
      follow: query.follow,
      tail: query.tail ?? 'all',
      timestamps: query.timestamps,
      ...(query.since === undefined ? {} : { since: query.since }),
      ...(query.until === undefined ? {} : { until: query.until }),
    };
    // dockerode gathers logs without `follow` in memory; the modem itself streams both.
    const stream = await translated(
      `read the logs of ${containerName}`,
      dial<Readable>(this.#docker, {
        path: `/containers/${encodeURIComponent(containerName)}/logs?`,
        method: 'GET',
        isStream: true,
        options,
      }),
    );
    const stop = () => stream.destroy();
    signal.addEventListener('abort', stop, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', stop));
    if (signal.aborted) stop();
    return stream;
  }

  stats(id: string): Promise<JsonObject | undefined> {
    return absorbing(
      404,
      translated(`read the statistics of ${id}`, this.#docker.getContainer(id).stats({ stream: false })),
    ) as unknown as Promise<JsonObject | undefined>;
  }

  async image(reference: string): Promise<LocalImage | undefined> {
    const found = await absorbing(
      404,
      translated(`inspect the image ${reference}`, this.#docker.getImage(reference).inspect()),
    );
    return found === undefined ? undefined : { id: found.Id, repoDigests: found.RepoDigests ?? [] };
  }

  pull(reference: string, auth: RegistryAuth | undefined, onProgress: (progress: PullProgress) => void): Promise<void> {
    return translated(`pull the image ${reference}`, pullImage(this.#docker, reference, auth, onProgress));
  }

  async removeImage(id: string): Promise<void> {
    await absorbing(404, translated(`remove the image ${id}`, this.#docker.getImage(id).remove({ force: false })));
  }

  async watch(
    labels: Labels,
    onEvent: (event: { action: string; labels: Labels }) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const filters = {
      type: ['container' as const],
      label: Object.entries(labels).map(([name, value]) => `${name}=${value}`),
    };
    const stream = (await translated('watch containers', this.#docker.getEvents({ filters }))) as Readable;
    const stop = () => stream.destroy();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let rest = '';
    try {
      for await (const chunk of stream) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines.filter((text) => text.trim() !== '')) {
          const event = JSON.parse(line) as { Action?: string; Actor?: { Attributes?: Labels } };
          onEvent({ action: event.Action ?? '', labels: event.Actor?.Attributes ?? {} });
        }
      }
    } catch (error) {
      if (!signal.aborted) throw engineError('watch containers', error);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #stopTimeout(containerName: string): Promise<number> {
    const raw = await this.inspectRaw(containerName);
    const own = (raw?.Config as { StopTimeout?: number } | undefined)?.StopTimeout;
    return own ?? STOP_TIMEOUT_SECS;
  }
}

function inspected(found: Docker.ContainerInspectInfo): InspectedContainer {
  const { State, Config } = found;
  return {
    id: found.Id,
    containerName: found.Name.replace(/^\//, ''),
    state: State.Status,
    exitCode: State.ExitCode,
    startedAt: State.StartedAt,
    finishedAt: State.FinishedAt,
    error: State.Error,
    health: State.Health?.Status,
    imageId: found.Image,
    image: Config.Image,
    labels: Config.Labels ?? {},
    tty: Config.Tty,
    networks: Object.keys(found.NetworkSettings?.Networks ?? {}),
  };
}

interface DialRequest {
  path: string;
  method: string;
  isStream: boolean;
  options: object;
}

function dial<T>(docker: Docker, request: DialRequest): Promise<T> {
  const statusCodes = { 200: true, 404: 'no such container', 409: 'conflict', 500: 'server error' };
  return new Promise((resolve, reject) => {
    docker.modem.dial({ ...request, statusCodes }, (error: unknown, data: unknown) =>
      error ? reject(error) : resolve(data as T),
    );
  });
}

/** HTTP status that the engine gave, when the error has one. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof EdgeError) return error.details.status as number | undefined;
  return (error as { statusCode?: number } | null)?.statusCode;
}

async function translated<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw engineError(what, error);
  }
}

/** undefined instead of an error with this status. */
async function absorbing<T>(status: number, call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (statusOf(error) === status) return undefined;
    throw error;
  }
}

function engineError(what: string, error: unknown): EdgeError {
  if (error instanceof EdgeError) return error;
  const { statusCode, json, code, message } = error as {
    statusCode?: number;
    json?: { message?: string };
    code?: string;
    message?: string;
  };
  if (statusCode === undefined && (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EACCES')) {
    return new EdgeError(
      'DAEMON_ENGINE_UNREACHABLE',
      `Cannot ${what}: the container engine does not answer (${code})`,
      {
        cause: error,
        retry: 'backoff',
        source: 'upstream',
      },
    );
  }
  const words = json?.message ?? message ?? String(error);
  return new EdgeError('DAEMON_ENGINE_REFUSED', `Cannot ${what}: ${words}`, {
    retry: 'backoff',
    source: 'upstream',
    details: statusCode === undefined ? {} : { status: statusCode },
  });
}
