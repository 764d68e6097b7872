// How each kind of step is carried out. A mapped type: a step without an executor does not compile. Steps know nothing of retries.

import { type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import type { ContainerEngine } from '../daemon/management-client.ts';
import type { DesiredModule, Step } from '../plan/model.ts';
import type { ImagePulls } from './image-pulls.ts';
import type { ModuleMemory } from './module-memory.ts';
import { type SpecContext, toModuleSpec } from './module-spec.ts';

/** The daemon answers before it replaces edgeAgent; alive after this long, the update did not happen. */
const AGENT_UPDATE_GRACE_MS = 60_000;

/** A new version that dies this soon after its start has failed; the old one comes back. */
const UPDATE_WATCH_MS = 2_000;
const UPDATE_WATCH_PERIOD_MS = 250;

export interface StepPorts {
  engine: ContainerEngine;
  pulls: ImagePulls;
  memory: ModuleMemory;
  clock: Clock;
  logger: Logger;
  /** Version and credentials of the deployment that is being applied. */
  specContext: SpecContext;
}

export type StepExecutors = {
  [K in Step['kind']]: (step: Extract<Step, { kind: K }>, ports: StepPorts, signal: AbortSignal) => Promise<void>;
};

export const EXECUTORS: StepExecutors = {
  async prepareImage({ module }, { pulls, specContext }) {
    pulls.start(module, toModuleSpec(module, specContext));
  },

  async updateAgent({ module }, { engine, memory, clock, specContext }, signal) {
    await memory.recordAgentUpdate(module.fingerprint, clock.nowMs());
    await engine.replaceModule(toModuleSpec(module, specContext));
    await clock.sleep(AGENT_UPDATE_GRACE_MS, signal);
    throw new EdgeError(
      'AGENT_UPDATE_FAILED',
      `Cannot update edgeAgent to ${module.image}: the daemon has not replaced it within ${AGENT_UPDATE_GRACE_MS} ms`,
      { source: 'upstream', retry: 'backoff' },
    );
  },

  async createIdentity({ moduleId }, { engine }) {
    await engine.createIdentity(moduleId);
  },

  async deleteIdentity({ moduleId }, { engine }) {
    await engine.deleteIdentity(moduleId);
  },

  async create({ module }, { engine, pulls, specContext }) {
    try {
      await engine.createModule(toModuleSpec(module, specContext));
    } catch (error) {
      // The image may have been removed from the node since it was fetched.
      pulls.forget(module);
      throw error;
    }
  },

  async replace({ name, module }, ports, signal) {
    const { engine, pulls, memory, logger, specContext } = ports;
    // PUT removes the old container whatever its state; stopping first lets it end its work.
    await engine.stopModule(name).catch((error: unknown) => {
      logger.warn('Module did not stop before its update', { module: name, error });
    });
    await memory.mark(name, { stoppedOnPurpose: true });
    try {
      await engine.replaceModule(toModuleSpec(module, specContext));
      if (module.status === 'running') {
        await startAgain(name, ports);
        await watchStart(module, ports, signal);
      }
    } catch (error) {
      pulls.forget(module);
      throw await rollBack(module, error, ports);
    }
  },

  async restore({ name }, ports) {
    const older = ports.memory.lastGood.get(name);
    if (!older)
      throw new EdgeError('AGENT_RESTORE_IMPOSSIBLE', `Cannot bring back ${name}: no version that ran is remembered`);
    await bringBack(older, ports);
  },

  async start({ name, countsAsRestart }, ports) {
    if (countsAsRestart) await ports.memory.countRestart(name, ports.clock.nowMs());
    await startAgain(name, ports);
  },

  async restart({ name }, ports) {
    await ports.memory.countRestart(name, ports.clock.nowMs());
    await ports.memory.mark(name, { stoppedOnPurpose: true });
    await ports.engine.stopModule(name);
    await startAgain(name, ports);
  },

  async stop({ name, onPurpose }, { engine, memory }) {
    if (onPurpose) await memory.mark(name, { stoppedOnPurpose: true });
    await engine.stopModule(name);
  },

  async remove({ name, forget }, { engine, memory }) {
    await engine.removeModule(name);
    if (forget) await memory.forget(name);
  },

  async resetRestarts({ name }, { memory }) {
    await memory.resetRestarts(name);
  },
};

async function startAgain(name: string, { engine, memory }: StepPorts): Promise<void> {
  await engine.startModule(name);
  await memory.mark(name, { stoppedOnPurpose: false, completed: false });
}

/** Throws when the container ends with an error within UPDATE_WATCH_MS. Without an older version there is nothing to go back to, so nothing is watched. */
async function watchStart(module: DesiredModule, ports: StepPorts, signal: AbortSignal): Promise<void> {
  const { engine, memory, clock } = ports;
  const older = memory.lastGood.get(module.name);
  if (!older || older.fingerprint === module.fingerprint) return;
  const untilMs = clock.monotonicMs() + UPDATE_WATCH_MS;
  while (clock.monotonicMs() < untilMs && !signal.aborted) {
    await clock.sleep(UPDATE_WATCH_PERIOD_MS, signal).catch(() => undefined);
    const container = (await engine.listModules()).find((each) => each.name === module.name);
    if (container?.state === 'failed' || container?.state === 'dead')
      throw new EdgeError(
        'AGENT_UPDATE_FAILED',
        `it ended with exit code ${container.exitCode ?? 'unknown'} within ${UPDATE_WATCH_MS} ms of its start`,
        { source: 'upstream' },
      );
  }
}

/** Makes the last version that ran run again; answers the error that the update ends with. */
async function rollBack(module: DesiredModule, cause: unknown, ports: StepPorts): Promise<EdgeError> {
  const { name, image } = module;
  const reason = describeError(cause);
  const older = ports.memory.lastGood.get(name);
  if (!older || older.fingerprint === module.fingerprint)
    return new EdgeError(
      'AGENT_UPDATE_FAILED',
      `Cannot update ${name} to ${image}: ${reason}; no older version is known`,
      {
        cause,
        retry: 'backoff',
      },
    );
  try {
    await bringBack(older, ports);
  } catch (error) {
    const text = `Cannot update ${name} to ${image}: ${reason}; cannot go back to ${older.image}: ${describeError(error)}`;
    return new EdgeError('AGENT_UPDATE_FAILED', text, { cause, retry: 'backoff' });
  }
  ports.logger.warn('Update failed, the last version that ran is back', { module: name, image, back: older.image });
  return new EdgeError(
    'AGENT_UPDATE_ROLLED_BACK',
    `Cannot update ${name} to ${image}: ${reason}; ${older.image} runs again`,
    { cause, retry: 'backoff' },
  );
}

async function bringBack(older: DesiredModule, ports: StepPorts): Promise<void> {
  const spec = toModuleSpec(older, ports.specContext);
  // Whether the failed update left a container behind is not known: PUT takes one away, POST needs none.
  try {
    await ports.engine.replaceModule(spec);
  } catch {
    await ports.engine.createModule(spec);
  }
  if (older.status === 'running') await startAgain(older.name, ports);
}
