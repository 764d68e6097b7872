// Puts desired properties in force and keeps the last good ones on disk: a node that starts without its cloud has its sessions.

import { join } from 'node:path';
import { type ConfigProblem, describeError, type Logger, readJsonFile, writeJsonFile } from '@wayside/kit';
import { type BgpSettings, parseDesired } from './desired.ts';

const DESIRED_FILE = 'desired.json';

export interface AppliedSettings {
  /** $version in force; null when none is. */
  version: number | null;
  problems: readonly ConfigProblem[];
}

export interface SettingsKeeperOptions {
  folder: string;
  logger: Logger;
  /** Rejects when the engine does not take them: then they are not in force. */
  apply(settings: BgpSettings): Promise<void>;
}

export class SettingsKeeper {
  readonly #options: SettingsKeeperOptions;
  /** Documents are taken one after another. */
  #lane: Promise<unknown> = Promise.resolve();
  applied: AppliedSettings = { version: null, problems: [] };

  constructor(options: SettingsKeeperOptions) {
    this.#options = options;
  }

  /** Puts the saved document in force; nothing when there is none. */
  restore(): Promise<void> {
    return this.#inTurn(async () => {
      const { folder, logger, apply } = this.#options;
      try {
        const saved = await readJsonFile(join(folder, DESIRED_FILE));
        if (saved === undefined) return;
        const { settings, problems } = parseDesired(saved);
        if (problems.length > 0) {
          const reason = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
          logger.warn('Saved settings are left out', { code: 'BGP_STATE_FILE_INVALID', reason });
          return;
        }
        await apply(settings);
        this.applied = { version: versionOf(saved), problems: [] };
      } catch (error) {
        logger.warn('Saved settings are left out', { code: 'BGP_STATE_FILE_INVALID', reason: describeError(error) });
      }
    });
  }

  /** A good document is in force and saved; a bad one changes nothing. */
  take(desired: unknown): Promise<AppliedSettings> {
    return this.#inTurn(() => this.#take(desired));
  }

  async #take(desired: unknown): Promise<AppliedSettings> {
    const { folder, logger, apply } = this.#options;
    const { settings, problems } = parseDesired(desired);
    if (problems.length === 0) {
      try {
        await apply(settings);
      } catch (error) {
        problems.push({ path: '', message: describeError(error) });
      }
    }
    if (problems.length > 0) {
      const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
      logger.error('Desired properties are not applied', { code: 'BGP_DESIRED_INVALID', problems: text });
      this.applied = { version: this.applied.version, problems };
      return this.applied;
    }
    this.applied = { version: versionOf(desired), problems: [] };
    logger.info('Desired properties applied', { version: this.applied.version, sessions: settings.sessions.length });
    // It holds the passwords: 0600, the default of the function.
    await writeJsonFile(join(folder, DESIRED_FILE), JSON.parse(JSON.stringify(desired)));
    return this.applied;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lane.then(work);
    this.#lane = turn.catch(() => {});
    return turn;
  }
}

function versionOf(desired: unknown): number | null {
  const version = (desired as { $version?: unknown } | null)?.$version;
  return typeof version === 'number' ? version : null;
}
