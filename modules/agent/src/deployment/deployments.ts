// Where deployments come from: the local backup first, the twin later. A document is parsed, backed up (encrypted), then handed on.

import { describeError, type Logger } from '@wayside/kit';
import { type JsonObject, jsonEqual, parseAgentDesired } from '@wayside/protocol';
import { toDesired } from '../plan/fingerprint.ts';
import type { Deployment } from '../reconcile/reconciler.ts';
import type { SealedFile } from './sealed-file.ts';

/** Content of the backup: desired properties as they came, `$version` included. */
export interface Backup {
  desired: JsonObject;
}

export interface DeploymentsOptions {
  /** undefined = nothing is kept over restarts. */
  backup: SealedFile<Backup> | undefined;
  parentHostname?: string;
  logger: Logger;
  onDeployment: (deployment: Deployment) => void;
}

export class Deployments {
  readonly #options: DeploymentsOptions;
  #current: JsonObject | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: DeploymentsOptions) {
    this.#options = options;
  }

  /** Hands the backup on. true when there was a usable one; throws when the daemon does not decrypt (try again). */
  async startFromBackup(): Promise<boolean> {
    const { backup, logger } = this.#options;
    const kept = await backup?.read();
    // The cloud may have answered while the daemon decrypted: newer news wins.
    if (kept === undefined || this.#current !== undefined) return false;
    const isUsable = this.#handOn(kept.desired);
    logger.info('Deployment read from the local backup', { version: versionOf(kept.desired), isUsable });
    return isUsable;
  }

  /** A whole desired section from the twin. Resolves when it is backed up and handed on. */
  async accept(desired: JsonObject): Promise<void> {
    if (this.#current !== undefined && jsonEqual(this.#current, desired)) return;
    this.#current = desired;
    const isUsable = this.#handOn(desired);
    if (!isUsable) return;
    const turn = this.#saving.then(() => this.#save(desired));
    this.#saving = turn;
    await turn;
  }

  /** Applying does not wait for the backup: a daemon that cannot encrypt must not keep a deployment from the node. */
  async #save(desired: JsonObject): Promise<void> {
    const { backup, logger } = this.#options;
    if (!backup || desired !== this.#current) return;
    await backup.write({ desired }).catch((error: unknown) => {
      logger.error('Deployment cannot be backed up', { error: describeError(error) });
    });
  }

  #handOn(document: JsonObject): boolean {
    const { parentHostname, onDeployment, logger } = this.#options;
    const version = versionOf(document);
    const result = parseAgentDesired(document, parentHostname === undefined ? {} : { parentHostname });
    if (!result.ok) {
      logger.error('Deployment cannot be used', { version, status: result.code, description: result.description });
      onDeployment({ version, failure: { code: result.code, description: result.description } });
      return false;
    }
    onDeployment({ version, parsed: result.desired, desired: toDesired(result.desired, version) });
    return true;
  }
}

function versionOf(document: JsonObject): number {
  return typeof document.$version === 'number' ? document.$version : 0;
}
