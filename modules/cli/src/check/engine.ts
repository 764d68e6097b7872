// The container engine as the checks see it: inspect, run one short-lived container, execute one command. Adapter of dockerode.

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Docker, { type ContainerInspectInfo } from 'dockerode';
import { type Frame, FrameReader } from '../daemon/docker-frames.ts';

/** A diagnostics container that takes longer is removed. */
const RUN_TIMEOUT_MS = 30_000;
const EXEC_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 15_000;
/** A probe needs far less; a runaway one is ended by the kernel. */
const RUN_MEMORY_BYTES_MAX = 256 * 1024 * 1024;

export interface RunOptions {
  image: string;
  command: string[];
  env: { [name: string]: string };
  network: string;
  extraHosts: readonly string[];
  dns: readonly string[];
  binds: readonly string[];
  labels: { [name: string]: string };
}

export class Engine {
  readonly #docker: Docker;
  readonly uri: string;

  /** `uri`: unix:///var/run/docker.sock, tcp://host:port or http://host:port. */
  constructor(uri: string) {
    this.uri = uri;
    const socketPath = /^unix:\/\/(\/.*)$/.exec(uri)?.[1];
    if (socketPath !== undefined) this.#docker = new Docker({ socketPath, timeout: CALL_TIMEOUT_MS });
    else {
      const { hostname, port } = new URL(uri);
      this.#docker = new Docker({
        protocol: 'http',
        host: hostname,
        port: Number(port || 2375),
        timeout: CALL_TIMEOUT_MS,
      });
    }
  }

  version(): Promise<{ Version: string; ApiVersion: string }> {
    return this.#docker.version();
  }

  async info(): Promise<{ HttpsProxy?: string; NoProxy?: string; LoggingDriver?: string }> {
    return this.#docker.info();
  }

  /** undefined when there is no such container. */
  async inspect(name: string): Promise<ContainerInspectInfo | undefined> {
    return unlessMissing(this.#docker.getContainer(name).inspect());
  }

  /** Containers of one instance by label, stopped ones too. */
  async ofInstance(instance: string): Promise<ContainerInspectInfo[]> {
    const label = `io.wayside.instance=${instance === '' ? 'default' : instance}`;
    const found = await this.#docker.listContainers({ all: true, filters: { label: [label] } });
    const inspected = await Promise.all(found.map(({ Id }) => this.inspect(Id)));
    return inspected.filter((one) => one !== undefined);
  }

  /** Gateway address of a network: how a container reaches its host. */
  async gateway(network: string): Promise<string | undefined> {
    const found = await unlessMissing(this.#docker.getNetwork(network).inspect());
    return (found?.IPAM?.Config as { Gateway?: string }[] | undefined)?.[0]?.Gateway;
  }

  /** Runs a container to its end and gives what it wrote; it is removed in any case. */
  async run(o: RunOptions): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const container = await this.#docker.createContainer({
      Image: o.image,
      Cmd: o.command,
      Env: Object.entries(o.env).map(([name, value]) => `${name}=${value}`),
      Labels: o.labels,
      HostConfig: {
        NetworkMode: o.network,
        ExtraHosts: [...o.extraHosts],
        Dns: [...o.dns],
        Binds: [...o.binds],
        Memory: RUN_MEMORY_BYTES_MAX,
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      },
    });
    try {
      await container.start();
      const { StatusCode } = (await withTimeout(container.wait(), RUN_TIMEOUT_MS)) as { StatusCode: number };
      const log = await container.logs({ stdout: true, stderr: true });
      return { exitCode: StatusCode, ...split(log) };
    } finally {
      await container.remove({ force: true }).catch(() => undefined);
    }
  }

  /** Executes a command in a running container. */
  async exec(name: string, command: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const exec = await this.#docker.getContainer(name).exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    this.#docker.modem.demuxStream(stream, stdout, stderr);
    const ended = new Promise<void>((resolve, reject) => stream.once('end', resolve).once('error', reject));
    try {
      await withTimeout(ended, EXEC_TIMEOUT_MS);
    } finally {
      stream.destroy();
      stdout.end();
      stderr.end();
    }
    const { ExitCode } = await exec.inspect();
    return { exitCode: ExitCode ?? -1, stdout: await text(stdout), stderr: await text(stderr) };
  }
}

function split(log: Buffer): { stdout: string; stderr: string } {
  const frames = new FrameReader().push(log);
  const of = (target: Frame['target']): string =>
    Buffer.concat(frames.filter((frame) => frame.target === target).map((frame) => frame.bytes)).toString();
  return { stdout: of('stdout'), stderr: of('stderr') };
}

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not done within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
