// The module identities of this node: from the cloud when it answers, from the local cache otherwise.
//
// INVARIANTS
// - A module in the cache with registered = true has the keys derived from the master identity key in the cloud.
// - A change is on disk before its caller gets the answer. Changes run one after the other; reads take no lock.
// - Signing needs the cache only.

import { type Clock, describeError, EdgeError, isEdgeError, type Logger, Semaphore } from '@wayside/kit';
import type { Identity } from '@wayside/protocol';
import { deriveModuleKeys, type ModuleKeys } from '../keys/derive.ts';
import type { CloudModule, ModuleRegistry } from './cloud-registry.ts';
import { type KnownModule, loadKnownModules, saveKnownModules } from './identity-file.ts';

/** managedBy of identities that the daemon makes itself; the agent's own value. */
export const MANAGED_BY_EDGE = 'IotEdge';
/** After a failed call the list is answered from the cache for this long, so that the agent's loop does not wait each time. */
const CLOUD_PAUSE_MS = 15_000;

export interface ModuleIdentitiesOptions {
  file: string;
  /** `{iothubHostname}/{deviceId}`. */
  device: string;
  masterIdentityKey: Buffer;
  registry: ModuleRegistry;
  preferCache: boolean;
  clock: Clock;
  log: Logger;
}

export class ModuleIdentities {
  readonly #o: ModuleIdentitiesOptions;
  readonly #known: Map<string, KnownModule>;
  readonly #changes = new Semaphore(1);
  #cloudPausedUntilMs = Number.NEGATIVE_INFINITY;

  private constructor(o: ModuleIdentitiesOptions, known: Map<string, KnownModule>) {
    this.#o = o;
    this.#known = known;
  }

  static async open(o: ModuleIdentitiesOptions): Promise<ModuleIdentities> {
    return new ModuleIdentities(o, await loadKnownModules(o.file, o.device));
  }

  /** The cached identity; undefined when this node never had it. */
  known(moduleId: string): KnownModule | undefined {
    return this.#known.get(moduleId);
  }

  /** Keys of a cached identity; throws DAEMON_IDENTITY_UNKNOWN. */
  keysOf(moduleId: string): ModuleKeys {
    const known = this.#known.get(moduleId);
    if (known === undefined) throw unknownIdentity(moduleId);
    return deriveModuleKeys(this.#o.masterIdentityKey, moduleId, known.generationId);
  }

  /** The cloud's list, cached on the way; the cached list when the cloud is away. */
  async list(): Promise<Identity[]> {
    const paused = this.#o.clock.monotonicMs() < this.#cloudPausedUntilMs;
    if (!paused && !(this.#o.preferCache && this.#known.size > 0)) {
      try {
        await this.#changes.run(async () => this.#adopt(await this.#o.registry.list()));
      } catch (error) {
        if (!isCloudError(error)) throw error;
        this.#pauseCloud();
        this.#o.log.warn('Identities come from the local cache', { reason: describeError(error) });
      }
    }
    return [...this.#known.values()].map(identityOf);
  }

  /** The identity with its keys registered: from the cache when it is there, else made in the cloud. */
  async ensure(moduleId: string, managedBy: string = MANAGED_BY_EDGE): Promise<KnownModule> {
    const known = this.#known.get(moduleId);
    if (known?.registered) return known;
    return this.#changes.run(async () => {
      const now = this.#known.get(moduleId);
      if (now?.registered) return now;
      const found = (await this.#o.registry.get(moduleId)) ?? (await this.#o.registry.create(moduleId, managedBy));
      return this.#register(found.moduleId, found.generationId, found.managedBy || managedBy);
    });
  }

  /** Creates it in the cloud, or takes the one that is there. Answers when the cloud has the keys and the cache is on disk. */
  async create(moduleId: string, managedBy: string): Promise<Identity> {
    return identityOf(await this.ensure(moduleId, managedBy));
  }

  /** Sets owner and keys again, in the cloud and in the cache. */
  async update(moduleId: string, managedBy: string): Promise<Identity> {
    return this.#changes.run(async () => {
      const found = await this.#o.registry.get(moduleId);
      if (found === undefined) {
        await this.#forget(moduleId);
        throw unknownIdentity(moduleId);
      }
      return identityOf(await this.#register(moduleId, found.generationId, managedBy || found.managedBy));
    });
  }

  async remove(moduleId: string): Promise<void> {
    await this.#changes.run(async () => {
      await this.#o.registry.remove(moduleId);
      await this.#forget(moduleId);
    });
  }

  /** Registers the keys of every cached identity again; for a cloud that lost or changed them. */
  async registerAll(): Promise<void> {
    for (const moduleId of [...this.#known.keys()]) {
      try {
        await this.update(moduleId, '');
      } catch (error) {
        if (!isEdgeError(error, 'DAEMON_IDENTITY_UNKNOWN')) throw error;
        this.#o.log.warn('The cloud no longer has a module identity', { moduleId });
      }
    }
  }

  async #register(moduleId: string, generationId: string, managedBy: string): Promise<KnownModule> {
    const keys = deriveModuleKeys(this.#o.masterIdentityKey, moduleId, generationId);
    const set = await this.#o.registry.setKeys(moduleId, managedBy, {
      primary: keys.primary.toString('base64'),
      secondary: keys.secondary.toString('base64'),
    });
    if (set.generationId !== generationId) {
      throw new EdgeError(
        'DAEMON_CLOUD_REFUSED',
        `Cannot register ${moduleId}: its generation became ${set.generationId} meanwhile, wanted ${generationId}`,
        { source: 'upstream', retry: 'backoff' },
      );
    }
    const module: KnownModule = { moduleId, managedBy, generationId, registered: true };
    this.#known.set(moduleId, module);
    await this.#save();
    return module;
  }

  async #forget(moduleId: string): Promise<void> {
    if (this.#known.delete(moduleId)) await this.#save();
  }

  /** Takes over what the cloud lists. Modules whose keys the cloud lost or changed are registered again, beside the answer. */
  async #adopt(listed: CloudModule[]): Promise<void> {
    const before = JSON.stringify([...this.#known.values()]);
    const lost: string[] = [];
    const next = listed.map((module): KnownModule => {
      const { moduleId, managedBy, generationId } = module;
      const cached = this.#known.get(moduleId);
      const registered = cached?.generationId === generationId && cached.registered && this.#keysFit(module);
      if (cached?.registered && !registered) lost.push(moduleId);
      return { moduleId, managedBy, generationId, registered };
    });
    this.#known.clear();
    for (const module of next) this.#known.set(module.moduleId, module);
    if (JSON.stringify(next) !== before) await this.#save();
    for (const moduleId of lost) void this.#heal(moduleId);
  }

  async #heal(moduleId: string): Promise<void> {
    try {
      await this.ensure(moduleId);
      this.#o.log.warn('Keys of a module were changed in the cloud and are registered again', { moduleId });
    } catch (error) {
      this.#o.log.warn('Keys of a module could not be registered again', { moduleId, reason: describeError(error) });
    }
  }

  #keysFit({ moduleId, generationId, primaryKey }: CloudModule): boolean {
    if (primaryKey === undefined) return true;
    const { primary } = deriveModuleKeys(this.#o.masterIdentityKey, moduleId, generationId);
    return primary.toString('base64') === primaryKey;
  }

  #save(): Promise<void> {
    return saveKnownModules(this.#o.file, this.#o.device, this.#known.values());
  }

  #pauseCloud(): void {
    this.#cloudPausedUntilMs = this.#o.clock.monotonicMs() + CLOUD_PAUSE_MS;
  }
}

function identityOf({ moduleId, managedBy, generationId }: KnownModule): Identity {
  return { moduleId, managedBy, generationId, authType: 'sas' };
}

/** Anything the cloud did or failed to do is survived; faults of this machine (a full disk) are not. */
function isCloudError(error: unknown): boolean {
  return isEdgeError(error) && error.source === 'upstream';
}

function unknownIdentity(moduleId: string): EdgeError {
  return new EdgeError(
    'DAEMON_IDENTITY_UNKNOWN',
    `Cannot use the identity of ${moduleId}: neither the local cache nor the cloud has it`,
    {
      source: 'downstream',
      details: { moduleId },
    },
  );
}
