// The modules of this node as containers: create, replace, start, stop, remove, list. Knows identities, images and sockets, so that a
// container never exists without its identity, its image and the directory of its socket.
//
// INVARIANTS
// - Changes of one module run one after the other; different modules do not wait for each other.
// - The directory with the workload socket is there before the container is created or started, and stays while it exists.
// - Containers without this node's labels are never touched.

import { chown, mkdir } from 'node:fs/promises';
import { describeError, EdgeError, type Logger, Semaphore } from '@wayside/kit';
import type { ModuleDetails, ModuleSpec } from '@wayside/protocol';
import type { NetworkConfig } from '../config.ts';
import type { ModuleIdentities } from '../identities/module-identities.ts';
import type { Images } from '../images/images.ts';
import { type Layout, MODULE_USER_ID } from '../layout.ts';
import { containerName, isSystemModule, moduleIdOf } from '../module-names.ts';
import { containerBody } from './create-options.ts';
import type { ContainerEngine, LogQuery } from './engine.ts';
import { instanceLabel, LABEL_COMPONENT, LABEL_INSTANCE, LABEL_MODULE } from './labels.ts';
import { type InspectedContainer, moduleDetails } from './module-details.ts';
import type { NodeFacts } from './node-facts.ts';

/** Inspections at one time while listing. */
const INSPECTIONS_AT_ONCE_MAX = 8;

/** Opens and closes the workload socket of a module. */
export interface WorkloadSockets {
  open(name: string): Promise<void>;
  close(name: string): Promise<void>;
}

export interface ModulesOptions {
  engine: ContainerEngine;
  identities: ModuleIdentities;
  images: Images;
  sockets: WorkloadSockets;
  facts: NodeFacts;
  network: NetworkConfig;
  layout: Layout;
  log: Logger;
}

export interface Changed {
  details: ModuleDetails;
  /** Something that did not stop the work but that the caller should know. */
  warning: string | undefined;
}

export class Modules {
  readonly #o: ModulesOptions;
  readonly #locks = new Map<string, Semaphore>();
  readonly #inspections = new Semaphore(INSPECTIONS_AT_ONCE_MAX);

  constructor(o: ModulesOptions) {
    this.#o = o;
  }

  /** Labels of every module container of this node. */
  get labels(): { [name: string]: string } {
    return { [LABEL_INSTANCE]: instanceLabel(this.#o.facts.instance), [LABEL_COMPONENT]: 'module' };
  }

  async list(): Promise<ModuleDetails[]> {
    const found = await this.inspectAll();
    return found
      .map((container) => moduleDetails(nameOf(container), container))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async inspectAll(): Promise<InspectedContainer[]> {
    const containers = await this.#o.engine.containersWith(this.labels);
    const found = await Promise.all(
      containers.map(({ id }) => this.#inspections.run(() => this.#o.engine.inspect(id))),
    );
    // Between list and inspect a container may go away.
    return found.filter((container) => container !== undefined);
  }

  async get(name: string): Promise<ModuleDetails> {
    return moduleDetails(name, await this.#own(name));
  }

  /** The container of a module; undefined when there is none; throws when the name belongs to somebody else. */
  async find(name: string): Promise<InspectedContainer | undefined> {
    const found = await this.#o.engine.inspect(this.#container(name));
    // The engine also takes the first characters of an id: a module named "f3" must not meet the container f3a1...
    if (found === undefined || found.containerName !== this.#container(name)) return undefined;
    if (!this.#isOurs(found)) {
      throw new EdgeError(
        'DAEMON_CONTAINER_FOREIGN',
        `Cannot use the container ${found.containerName}: it does not carry the labels of this node`,
        {
          source: 'downstream',
          details: { container: found.containerName },
        },
      );
    }
    return found;
  }

  async create(spec: ModuleSpec): Promise<Changed> {
    return this.#locked(spec.name, async () => {
      if ((await this.find(spec.name)) !== undefined) {
        throw new EdgeError('DAEMON_MODULE_EXISTS', `Cannot create the module ${spec.name}: it exists`, {
          source: 'downstream',
        });
      }
      const warning = await this.#make(spec, {});
      return { details: await this.get(spec.name), warning };
    });
  }

  /** Removes the container, makes it from the new specification and starts it if asked. The image is here before the old one goes. */
  async replace(spec: ModuleSpec, o: { start: boolean; labels?: { [name: string]: string } }): Promise<Changed> {
    return this.#locked(spec.name, async () => {
      await this.find(spec.name);
      const ready = await this.#o.images.ensure(spec);
      await this.#o.identities.ensure(moduleIdOf(spec.name));
      const old = await this.find(spec.name);
      if (old !== undefined) await this.#o.engine.remove(old.id);
      await this.#make(spec, o.labels ?? {});
      if (o.start) await this.#o.engine.start(this.#container(spec.name));
      return { details: await this.get(spec.name), warning: ready.warning };
    });
  }

  /** Pulls the image that a later create or replace will want. */
  async prepareUpdate(spec: ModuleSpec): Promise<string | undefined> {
    return (await this.#o.images.ensure(spec)).warning;
  }

  async start(name: string): Promise<void> {
    await this.#locked(name, async () => {
      const found = await this.#own(name);
      await this.#prepareDirectories(name);
      if (found.state === 'paused') await this.#o.engine.unpause(found.id);
      else await this.#o.engine.start(found.id);
    });
  }

  async stop(name: string): Promise<void> {
    await this.#locked(name, async () => this.#o.engine.stop((await this.#own(name)).id));
  }

  async restart(name: string): Promise<void> {
    await this.#locked(name, async () => {
      const found = await this.#own(name);
      await this.#prepareDirectories(name);
      await this.#o.engine.restart(found.id);
    });
  }

  /** The container goes; identity, storage and volumes stay. */
  async remove(name: string): Promise<void> {
    await this.#locked(name, async () => {
      await this.#o.engine.remove((await this.#own(name)).id);
      await this.#o.sockets.close(name);
      await this.#o.images.forgetModule(name);
    });
  }

  /** Removes every module container of this node; for a node that got another identity. Volumes and storage stay. */
  async removeAll(): Promise<void> {
    const names = (await this.inspectAll()).map(nameOf);
    await Promise.all(names.map((name) => this.remove(name)));
  }

  async logs(
    name: string,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<{ stream: NodeJS.ReadableStream; tty: boolean }> {
    const found = await this.#own(name);
    return { stream: await this.#o.engine.logs(found.id, query, signal), tty: found.tty };
  }

  /** Sockets of all existing modules, e.g. after a restart of the daemon. */
  async openSockets(): Promise<void> {
    const containers = await this.#o.engine.containersWith(this.labels);
    const names = containers.map(({ labels }) => labels[LABEL_MODULE]).filter((name) => name !== undefined);
    // One socket that cannot be opened must not keep the others, and edgeAgent, from starting.
    const opened = await Promise.allSettled(names.map((name) => this.#o.sockets.open(name)));
    opened.forEach((result, index) => {
      if (result.status === 'fulfilled') return;
      this.#o.log.error('Workload socket could not be opened', {
        module: names[index],
        reason: describeError(result.reason),
      });
    });
  }

  async #make(spec: ModuleSpec, labels: { [name: string]: string }): Promise<string | undefined> {
    const { engine, identities, images, facts, network } = this.#o;
    const { name } = spec;
    const identity = await identities.ensure(moduleIdOf(name));
    const ready = await images.ensure(spec);
    await this.#prepareDirectories(name);
    await engine.ensureNetwork({
      ...network,
      labels: { [LABEL_INSTANCE]: instanceLabel(facts.instance), [LABEL_COMPONENT]: 'network' },
    });
    const body = containerBody({ spec, name, generationId: identity.generationId, facts });
    await engine.create(this.#container(name), { ...body, Labels: { ...(body.Labels as object), ...labels } });
    await images.noteModule(name, ready.id);
    return ready.warning;
  }

  async #prepareDirectories(name: string): Promise<void> {
    await this.#o.sockets.open(name);
    if (!isSystemModule(name)) return;
    const directory = this.#o.layout.storageDir(name);
    await mkdir(directory, { recursive: true, mode: 0o750 });
    await chown(directory, MODULE_USER_ID, MODULE_USER_ID);
  }

  async #own(name: string): Promise<InspectedContainer> {
    const found = await this.find(name);
    if (found !== undefined) return found;
    throw new EdgeError('DAEMON_NOT_FOUND', `Cannot find the module ${name}: no such container on this node`, {
      source: 'downstream',
    });
  }

  #isOurs({ labels }: InspectedContainer): boolean {
    return Object.entries(this.labels).every(([name, value]) => labels[name] === value);
  }

  #container(name: string): string {
    return containerName(name, this.#o.facts.instance);
  }

  #locked<T>(name: string, fn: () => Promise<T>): Promise<T> {
    const lock = this.#locks.get(name) ?? new Semaphore(1);
    this.#locks.set(name, lock);
    return lock.run(fn).finally(() => {
      if (lock.running === 0 && lock.waiting === 0) this.#locks.delete(name);
    });
  }
}

function nameOf({ labels, containerName: fallback }: InspectedContainer): string {
  return labels[LABEL_MODULE] ?? fallback;
}
