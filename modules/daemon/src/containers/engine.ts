// What the daemon asks of a container engine. One adapter (DockerEngine) answers; everything else in the daemon sees only this.

import type { JsonObject } from '@wayside/protocol';
import type { InspectedContainer } from './module-details.ts';
import type { RegistryAuth } from './module-spec.ts';

export interface EngineInfo {
  osType: string;
  architecture: string;
  serverVersion: string;
  kernelVersion: string;
  operatingSystem: string;
  cpus: number;
  /** Bytes. */
  totalMemory: number;
}

export interface LocalImage {
  /** sha256:... */
  id: string;
  /** Empty when the image was built on this machine and never came from a registry. */
  repoDigests: string[];
}

export interface LogQuery {
  follow: boolean;
  /** Lines from the end; undefined = all. */
  tail: number | undefined;
  /** UNIX seconds. */
  since: number | undefined;
  until: number | undefined;
  timestamps: boolean;
}

export interface PullProgress {
  /** One line of the engine, e.g. "Downloading 3f4d..: 12 MB/30 MB". */
  status: string;
}

export interface NetworkRequest {
  name: string;
  ipv6: boolean;
  ipam: { gateway?: string; subnet?: string; ip_range?: string }[];
  labels: { [name: string]: string };
}

export type Labels = { [name: string]: string };

export interface ContainerEngine {
  info(): Promise<EngineInfo>;
  /** Makes the network when it is missing. */
  ensureNetwork(request: NetworkRequest): Promise<void>;
  inspectNetwork(name: string): Promise<JsonObject | undefined>;

  /** Ids or names of containers that carry all of these labels, running or not. */
  containersWith(
    labels: Labels,
  ): Promise<{ id: string; names: string[]; labels: Labels; state: string; imageId: string }[]>;
  /** undefined = no such container. */
  inspect(nameOrId: string): Promise<InspectedContainer | undefined>;
  /** Docker's own document, for the support bundle. */
  inspectRaw(nameOrId: string): Promise<JsonObject | undefined>;
  create(containerName: string, body: JsonObject): Promise<void>;
  start(containerName: string): Promise<void>;
  /** Also fine when it is stopped already. */
  stop(containerName: string): Promise<void>;
  restart(containerName: string): Promise<void>;
  unpause(containerName: string): Promise<void>;
  /** Stops and removes; false = there was none. */
  remove(containerName: string): Promise<boolean>;
  /** Bytes as the engine sends them: frames of 8 bytes header + payload, or plain text for a container with a terminal. */
  logs(containerName: string, query: LogQuery, signal: AbortSignal): Promise<NodeJS.ReadableStream>;
  stats(id: string): Promise<JsonObject | undefined>;

  image(reference: string): Promise<LocalImage | undefined>;
  /** Resolves when the image is there; rejects when the engine says no or says nothing for too long. */
  pull(reference: string, auth: RegistryAuth | undefined, onProgress: (progress: PullProgress) => void): Promise<void>;
  /** Without force: an image in use stays, which is an error. */
  removeImage(id: string): Promise<void>;

  /** Calls back on container events with these labels until the signal aborts; rejects when the connection breaks. */
  watch(
    labels: Labels,
    onEvent: (event: { action: string; labels: Labels }) => void,
    signal: AbortSignal,
  ): Promise<void>;
}
