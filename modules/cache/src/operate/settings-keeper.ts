// Applies desired properties, and keeps the last good ones on a drive: a node that starts without its cloud serves the same origins.

import { join } from 'node:path';
import { type ConfigProblem, type Logger, readJsonFile, writeJsonFile } from '@wayside/kit';
import type { Drive } from '../store/drive.ts';
import { type DesiredSettings, parseDesired } from './desired.ts';

const DESIRED_FILE = 'desired.json';

export interface AppliedSettings {
  /** Desired version in force, null when none came yet. */
  version: number | null;
  problems: readonly ConfigProblem[];
}

export class SettingsKeeper {
  readonly #drives: readonly Drive[];
  readonly #apply: (settings: DesiredSettings) => void | Promise<void>;
  readonly #logger: Logger;
  applied: AppliedSettings = { version: null, problems: [] };

  constructor(drives: readonly Drive[], apply: (settings: DesiredSettings) => void | Promise<void>, logger: Logger) {
    this.#drives = drives;
    this.#apply = apply;
    this.#logger = logger;
  }

  /** Puts the saved document in force; nothing when there is none. */
  async restore(): Promise<void> {
    for (const drive of this.#drives) {
      const saved = await readJsonFile(join(drive.path, DESIRED_FILE)).catch(() => undefined);
      if (saved === undefined) continue;
      const { settings, problems } = parseDesired(saved);
      if (problems.length > 0) continue;
      await this.#apply(settings);
      this.applied = { version: versionOf(saved), problems: [] };
      return;
    }
  }

  /** A good document is in force and saved; a bad one changes nothing. */
  async take(desired: unknown): Promise<AppliedSettings> {
    const { settings, problems } = parseDesired(desired);
    if (problems.length > 0) {
      const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
      this.#logger.error('Desired properties are not applied', { code: 'CACHE_DESIRED_INVALID', problems: text });
      this.applied = { version: this.applied.version, problems };
      return this.applied;
    }
    await this.#apply(settings);
    this.applied = { version: versionOf(desired), problems: [] };
    this.#logger.info('Desired properties applied', {
      version: this.applied.version,
      origins: settings.origins.length,
    });
    const plain = JSON.parse(JSON.stringify(desired)) as object;
    for (const drive of this.#drives) {
      if (drive.isUp) await writeJsonFile(join(drive.path, DESIRED_FILE), plain).catch(() => {});
    }
    return this.applied;
  }
}

function versionOf(desired: unknown): number | null {
  const version = (desired as { $version?: unknown } | null)?.$version;
  return typeof version === 'number' ? version : null;
}
