// The identities this hub may serve, kept encrypted on disk so that clients can be authenticated while the cloud is away (iotedge.md 3.8).

import { randomBytes } from 'node:crypto';
import { clientIdOf, type Identity } from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Settings } from '../store/settings.ts';
import type { WorkloadClient } from '../workload/workload-client.ts';
import type { ScopeClient } from './scope-client.ts';
import { identityKey, type ServiceIdentity } from './service-identity.ts';

/** An unknown client makes us ask the cloud for it, but not again before this. */
const IDENTITY_REFRESH_SPACING_MS = 10_000;
/** Identities remembered as just asked for; a flood of made-up names costs no more memory. */
const ASKED_MAX = 1_000;
const INITIALIZATION_VECTOR_BYTES = 16;

type Vault = Pick<WorkloadClient, 'encrypt' | 'decrypt'>;

export class ScopeCache {
  readonly #client: Pick<ScopeClient, 'all' | 'one'>;
  readonly #vault: Vault;
  readonly #settings: Pick<Settings, 'get' | 'set'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #askedAtMs = new Map<string, number>();
  #identities = new Map<string, ServiceIdentity>();
  #refreshing: Promise<boolean> | undefined;
  /** Told after every change of the set. */
  onChanged: () => void = () => undefined;

  constructor(o: {
    client: Pick<ScopeClient, 'all' | 'one'>;
    vault: Vault;
    settings: Pick<Settings, 'get' | 'set'>;
    clock: Clock;
    logger: Logger;
  }) {
    this.#client = o.client;
    this.#vault = o.vault;
    this.#settings = o.settings;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  get size(): number {
    return this.#identities.size;
  }

  find(identity: Identity): ServiceIdentity | undefined {
    return this.#identities.get(clientIdOf(identity));
  }

  /** Takes the stored copy; a copy that cannot be decrypted is as good as none. */
  async load(): Promise<void> {
    const stored = this.#settings.get('scope');
    if (stored === undefined) return;
    try {
      const { iv, ciphertext } = JSON.parse(stored) as { iv: string; ciphertext: string };
      const plain = await this.#vault.decrypt(Buffer.from(ciphertext, 'base64'), Buffer.from(iv, 'base64'));
      const identities = JSON.parse(plain.toString('utf8')) as ServiceIdentity[];
      this.#identities = new Map(identities.map((identity) => [identityKey(identity), identity]));
      this.#logger.info('Identities taken from the stored copy', { identities: identities.length });
    } catch (error) {
      this.#logger.error('Stored identities are unreadable', {
        code: 'HUB_SCOPE_UNREADABLE',
        error: describeError(error),
      });
    }
  }

  /** Reads the whole scope from the cloud. false when that failed; the set stays as it was. Calls at the same time share one run. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refreshAll().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Reads one identity from the cloud, at most every IDENTITY_REFRESH_SPACING_MS. false when it was not asked for or did not answer. */
  async refreshOne(identity: Identity): Promise<boolean> {
    const key = clientIdOf(identity);
    const nowMs = this.#clock.monotonicMs();
    const askedAtMs = this.#askedAtMs.get(key);
    if (askedAtMs !== undefined && nowMs - askedAtMs < IDENTITY_REFRESH_SPACING_MS) return false;
    this.#askedAtMs.delete(key);
    this.#askedAtMs.set(key, nowMs);
    if (this.#askedAtMs.size > ASKED_MAX) this.#askedAtMs.delete(this.#askedAtMs.keys().next().value!);
    try {
      const found = await this.#client.one(identity.deviceId, identity.moduleId);
      const next = new Map(this.#identities);
      // What the cloud does not name any more is gone.
      next.delete(key);
      for (const item of found) next.set(identityKey(item), item);
      await this.#take(next);
      return true;
    } catch (error) {
      this.#logger.warn('Identity not refreshed', { client: key, error: describeError(error) });
      return false;
    }
  }

  async #refreshAll(): Promise<boolean> {
    try {
      const identities = await this.#client.all();
      await this.#take(new Map(identities.map((identity) => [identityKey(identity), identity])));
      return true;
    } catch (error) {
      this.#logger.warn('Identities not refreshed', { error: describeError(error) });
      return false;
    }
  }

  async #take(next: Map<string, ServiceIdentity>): Promise<void> {
    const before = JSON.stringify([...this.#identities.values()]);
    const after = JSON.stringify([...next.values()]);
    this.#identities = next;
    if (before === after) return;
    this.#logger.info('Identities changed', { identities: next.size });
    this.onChanged();
    try {
      const iv = randomBytes(INITIALIZATION_VECTOR_BYTES);
      const ciphertext = await this.#vault.encrypt(Buffer.from(after), iv);
      await this.#settings.set(
        'scope',
        JSON.stringify({ iv: iv.toString('base64'), ciphertext: ciphertext.toString('base64') }),
      );
    } catch (error) {
      this.#logger.error('Identities could not be stored', { error: describeError(error) });
    }
  }
}
