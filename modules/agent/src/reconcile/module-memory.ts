// What the agent remembers of each module over its own restarts: restart counts and marks (plain), the last definition that ran (sealed).
// Persist, then act: a restart is counted on disk before the container is started.

import { rename } from 'node:fs/promises';
import { describeError, type Logger, readJsonFile, writeJsonFile } from '@wayside/kit';
import type { SealedFile } from '../deployment/sealed-file.ts';
import { type DesiredModule, type ModuleHistory, NO_HISTORY } from '../plan/model.ts';
import type { LastDesired } from '../report/snapshot.ts';

/** Tries of the agent to replace itself by one definition. */
export interface AgentUpdate {
  fingerprint: string;
  count: number;
  lastAtMs: number;
}

interface StateFile {
  modules: { [name: string]: ModuleHistory };
  agentUpdate?: AgentUpdate;
  lastDesired?: LastDesired;
}

export type LastGoodFile = { [name: string]: DesiredModule };

export interface ModuleMemoryOptions {
  /** undefined = UsePersistentStorage is off: nothing is written. */
  statePath: string | undefined;
  lastGoodFile: SealedFile<LastGoodFile> | undefined;
  logger: Logger;
}

export class ModuleMemory {
  readonly #options: ModuleMemoryOptions;
  readonly #history = new Map<string, ModuleHistory>();
  readonly #lastGood = new Map<string, DesiredModule>();
  #agentUpdate: AgentUpdate | undefined;
  #lastDesired: LastDesired = { version: 0, code: 417, description: 'No deployment has been read yet' };
  /** Writes go one after the other, so that the last state wins on disk too. */
  #writing: Promise<void> = Promise.resolve();
  #lastGoodLoaded = false;

  constructor(options: ModuleMemoryOptions) {
    this.#options = options;
  }

  get history(): ReadonlyMap<string, ModuleHistory> {
    return this.#history;
  }

  get lastGood(): ReadonlyMap<string, DesiredModule> {
    return this.#lastGood;
  }

  get agentUpdate(): AgentUpdate | undefined {
    return this.#agentUpdate;
  }

  /** Outcome of the deployment last handled: it stands until the next one is settled, also over a restart of the agent. */
  get lastDesired(): LastDesired {
    return this.#lastDesired;
  }

  /** Reads the plain state. A damaged file is set aside. */
  async load(): Promise<void> {
    const { statePath, logger } = this.#options;
    if (statePath === undefined) return;
    try {
      const file = await readJsonFile<StateFile>(statePath);
      for (const [name, entry] of Object.entries(file?.modules ?? {})) this.#history.set(name, toHistory(entry));
      this.#agentUpdate = file?.agentUpdate;
      if (file?.lastDesired) this.#lastDesired = file.lastDesired;
    } catch (error) {
      logger.error('Remembered state is damaged, set aside', {
        code: 'AGENT_STATE_INVALID',
        path: statePath,
        error: describeError(error),
      });
      await rename(statePath, `${statePath}.damaged`).catch(() => undefined);
    }
  }

  /** Reads the last good definitions; needs the daemon. Throws when the daemon does not answer, so that it is tried again. */
  async loadLastGood(): Promise<void> {
    if (this.#lastGoodLoaded || !this.#options.lastGoodFile) return;
    const file = await this.#options.lastGoodFile.read();
    this.#lastGoodLoaded = true;
    for (const [name, module] of Object.entries(file ?? {}))
      if (!this.#lastGood.has(name)) this.#lastGood.set(name, module);
  }

  historyOf(name: string): ModuleHistory {
    return this.#history.get(name) ?? NO_HISTORY;
  }

  async countRestart(name: string, nowMs: number): Promise<void> {
    const before = this.historyOf(name);
    await this.#change(name, { restartCount: before.restartCount + 1, lastRestartAtMs: nowMs });
  }

  async resetRestarts(name: string): Promise<void> {
    await this.#change(name, { restartCount: 0 });
  }

  async mark(name: string, marks: Partial<Pick<ModuleHistory, 'stoppedOnPurpose' | 'completed'>>): Promise<void> {
    const before = this.historyOf(name);
    const isSame =
      (marks.stoppedOnPurpose ?? before.stoppedOnPurpose) === before.stoppedOnPurpose &&
      (marks.completed ?? before.completed) === before.completed;
    if (!isSame) await this.#change(name, marks);
  }

  async forget(name: string): Promise<void> {
    const hadGood = this.#lastGood.delete(name);
    if (this.#history.delete(name)) await this.#writeState();
    if (hadGood) await this.#writeLastGood();
  }

  async setLastGood(modules: DesiredModule[]): Promise<void> {
    for (const module of modules) this.#lastGood.set(module.name, module);
    if (modules.length > 0) await this.#writeLastGood();
  }

  async setLastDesired(lastDesired: LastDesired): Promise<void> {
    const { version, code, description } = this.#lastDesired;
    if (lastDesired.version === version && lastDesired.code === code && lastDesired.description === description) return;
    this.#lastDesired = lastDesired;
    await this.#writeState();
  }

  async recordAgentUpdate(fingerprint: string, nowMs: number): Promise<void> {
    const count = this.#agentUpdate?.fingerprint === fingerprint ? this.#agentUpdate.count + 1 : 1;
    this.#agentUpdate = { fingerprint, count, lastAtMs: nowMs };
    await this.#writeState();
  }

  async clearAgentUpdate(): Promise<void> {
    if (!this.#agentUpdate) return;
    this.#agentUpdate = undefined;
    await this.#writeState();
  }

  async #change(name: string, change: Partial<ModuleHistory>): Promise<void> {
    this.#history.set(name, { ...this.historyOf(name), ...change });
    await this.#writeState();
  }

  async #writeState(): Promise<void> {
    const { statePath } = this.#options;
    if (statePath === undefined) return;
    await this.#inTurn(async () => {
      const file: StateFile = {
        modules: Object.fromEntries(this.#history),
        agentUpdate: this.#agentUpdate,
        lastDesired: this.#lastDesired,
      };
      await writeJsonFile(statePath, file);
    });
  }

  async #writeLastGood(): Promise<void> {
    const { lastGoodFile } = this.#options;
    // Before the old file has been read it must not be replaced by a part of it.
    if (!lastGoodFile || !this.#lastGoodLoaded) return;
    await this.#inTurn(() => lastGoodFile.write(Object.fromEntries(this.#lastGood)));
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(write);
    this.#writing = turn.catch(() => undefined);
    await turn;
  }
}

function toHistory(entry: Partial<ModuleHistory> | null): ModuleHistory {
  const count = entry?.restartCount;
  const at = entry?.lastRestartAtMs;
  return {
    restartCount: typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : 0,
    lastRestartAtMs: typeof at === 'number' && Number.isFinite(at) ? at : null,
    stoppedOnPurpose: entry?.stoppedOnPurpose === true,
    completed: entry?.completed === true,
  };
}
