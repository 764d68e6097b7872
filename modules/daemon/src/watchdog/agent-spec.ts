// The specification edgeAgent is run with: from [agent] of config.toml at first, then what the last deployment put. Kept on disk with the
// last one that worked, so that a broken update of the agent can be taken back by the daemon alone.

import { readJsonFile, writeJsonFile } from '@wayside/kit';
import type { ModuleSpec } from '@wayside/protocol';
import { digest } from '../provision/device-identity.ts';

interface SpecFile {
  version: 1;
  current: ModuleSpec;
  /** current has run well. */
  confirmed: boolean;
  /** The last confirmed one before current. */
  previous: ModuleSpec | null;
  /** Digest of [agent] in config.toml: an operator who changes it there wants it used. */
  configDigest: string;
}

export class AgentSpec {
  readonly #path: string;
  #file: SpecFile;

  private constructor(path: string, file: SpecFile) {
    this.#path = path;
    this.#file = file;
  }

  /** What is on disk; `fromConfig` when nothing is, or when config.toml changed since. */
  static async open(path: string, fromConfig: ModuleSpec): Promise<AgentSpec> {
    const configDigest = digest(JSON.stringify(fromConfig));
    const saved = await readJsonFile<SpecFile>(path);
    if (saved?.version === 1 && saved.configDigest === configDigest) return new AgentSpec(path, saved);
    return new AgentSpec(path, { version: 1, current: fromConfig, confirmed: false, previous: null, configDigest });
  }

  get current(): ModuleSpec {
    return this.#file.current;
  }

  get confirmed(): boolean {
    return this.#file.confirmed;
  }

  /** On disk when it resolves. The same specification again changes nothing. */
  async put(spec: ModuleSpec): Promise<void> {
    if (JSON.stringify(spec) === JSON.stringify(this.#file.current)) return;
    const { current, confirmed, previous } = this.#file;
    await this.#save({ ...this.#file, current: spec, confirmed: false, previous: confirmed ? current : previous });
  }

  /** Call when edgeAgent has run well with the current specification. */
  async confirm(): Promise<void> {
    if (!this.#file.confirmed) await this.#save({ ...this.#file, confirmed: true, previous: null });
  }

  /** Back to the last one that worked; false when there is none. */
  async rollBack(): Promise<boolean> {
    const { previous, confirmed } = this.#file;
    if (confirmed || previous === null) return false;
    await this.#save({ ...this.#file, current: previous, confirmed: true, previous: null });
    return true;
  }

  async #save(file: SpecFile): Promise<void> {
    await writeJsonFile(this.#path, file);
    this.#file = file;
  }
}
