// A container engine in memory, as strict as Docker: no image, no container; no identity, no module; one name, one container.

import { EdgeError } from '@wayside/kit';
import type { Identity, ModuleSpec } from '@wayside/protocol';
import type { ContainerEngine } from '../src/daemon/management-client.ts';
import { LABEL_FINGERPRINT } from '../src/plan/fingerprint.ts';
import type { ObservedModule } from '../src/plan/model.ts';

export interface EngineCall {
  call: string;
  name: string;
  image?: string;
}

export interface ModelEngineOptions {
  nowMs: () => number;
  /** Images that a registry has. */
  registry: Set<string>;
  /** Asked before each call; throw to fail it. */
  fault?: (call: EngineCall) => void;
  /** Images whose containers get this health when they start. */
  healthOf?: (image: string) => ObservedModule['health'];
}

function refused(text: string): EdgeError {
  return new EdgeError('AGENT_DAEMON_REFUSED', text, { source: 'upstream' });
}

export class ModelEngine implements ContainerEngine {
  readonly containers = new Map<string, ObservedModule>();
  readonly identities = new Set<string>(['$edgeAgent', '$edgeHub']);
  readonly images = new Set<string>();
  readonly calls: EngineCall[] = [];
  readonly specs = new Map<string, ModuleSpec>();
  readonly #options: ModelEngineOptions;

  constructor(options: ModelEngineOptions) {
    this.#options = options;
  }

  async listModules(): Promise<ObservedModule[]> {
    return [...this.containers.values()].map((each) => ({ ...each }));
  }

  async listIdentities(): Promise<Identity[]> {
    return [...this.identities].map((moduleId) => ({
      moduleId,
      managedBy: 'IotEdge',
      generationId: '1',
      authType: 'sas',
    }));
  }

  async createIdentity(moduleId: string): Promise<void> {
    this.#note('createIdentity', moduleId);
    this.identities.add(moduleId);
  }

  async deleteIdentity(moduleId: string): Promise<void> {
    this.#note('deleteIdentity', moduleId);
    if (!this.identities.delete(moduleId)) throw refused(`no identity ${moduleId}`);
  }

  async prepareImage(spec: ModuleSpec): Promise<void> {
    const { image } = spec.config.settings;
    this.#note('prepareImage', spec.name, image);
    if (spec.imagePullPolicy === 'On-Create' && this.#options.registry.has(image)) this.images.add(image);
    if (!this.images.has(image)) throw refused(`pull access denied for ${image}`);
  }

  async createModule(spec: ModuleSpec): Promise<void> {
    this.#note('createModule', spec.name, spec.config.settings.image);
    if (this.containers.has(spec.name)) throw refused(`the name ${spec.name} is in use`);
    this.#create(spec);
  }

  async replaceModule(spec: ModuleSpec): Promise<void> {
    this.#note('replaceModule', spec.name, spec.config.settings.image);
    this.containers.delete(spec.name);
    this.#create(spec);
  }

  async startModule(name: string): Promise<void> {
    const container = this.#get(name);
    this.#note('startModule', name, container.image);
    container.state = 'running';
    container.startedAtMs = this.#options.nowMs();
    container.health = this.#options.healthOf?.(container.image);
  }

  async stopModule(name: string): Promise<void> {
    const container = this.#get(name);
    this.#note('stopModule', name, container.image);
    this.end(name, 0);
  }

  async removeModule(name: string): Promise<void> {
    this.#note('removeModule', name, this.#get(name).image);
    this.containers.delete(name);
  }

  /** The process of a module ends. */
  end(name: string, exitCode: number): void {
    const container = this.#get(name);
    if (container.state !== 'running') return;
    container.state = exitCode === 0 ? 'stopped' : 'failed';
    container.exitCode = exitCode;
    container.exitedAtMs = this.#options.nowMs();
  }

  #create(spec: ModuleSpec): void {
    const { image, createOptions } = spec.config.settings;
    const moduleId = spec.name === 'edgeHub' || spec.name === 'edgeAgent' ? `$${spec.name}` : spec.name;
    if (!this.images.has(image)) throw refused(`no such image ${image}`);
    if (!this.identities.has(moduleId)) throw refused(`no identity ${moduleId}`);
    const labels = createOptions.Labels as { [name: string]: string };
    if (labels[LABEL_FINGERPRINT] === undefined) throw refused('no fingerprint label');
    this.specs.set(spec.name, spec);
    this.containers.set(spec.name, {
      name: spec.name,
      image,
      imageHash: `sha256:${image}`,
      labels,
      state: 'stopped',
      description: 'created',
    });
  }

  #get(name: string): ObservedModule {
    const container = this.containers.get(name);
    if (!container) throw refused(`no such container ${name}`);
    return container;
  }

  #note(call: string, name: string, image?: string): void {
    const entry = { call, name, ...(image === undefined ? {} : { image }) };
    this.#options.fault?.(entry);
    this.calls.push(entry);
  }
}
