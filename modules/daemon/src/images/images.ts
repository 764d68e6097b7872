// Brings images to this machine and keeps account of them. Pulls of one image are shared, a failed pull falls back to a local copy,
// and an image that was built here is never asked of a registry, where the name could belong to somebody else.

import { type Clock, describeError, EdgeError, type Logger, Semaphore } from '@wayside/kit';
import type { ModuleSpec } from '@wayside/protocol';
import type { ContainerEngine } from '../containers/engine.ts';
import { registryAuth } from '../containers/module-spec.ts';
import { planImageCleanup } from './cleanup-plan.ts';
import { type ImageUsage, loadImageUsage, saveImageUsage } from './image-file.ts';

/** prepareupdate pulls, the create call after it need not ask the registry again within this time. */
export const PULL_FRESH_MS = 10 * 60 * 1000;
/** Pulls at one time; further ones wait, so that a slow line is not shared by all of them. */
const PULLS_AT_ONCE_MAX = 3;
/** Progress is logged no more often than this. */
const PROGRESS_LOG_MS = 10_000;

export interface ImagesOptions {
  engine: ContainerEngine;
  file: string;
  clock: Clock;
  log: Logger;
}

/** What ensure() found; `warning` when the registry could not be asked and the local image is used. */
export interface ImageReady {
  id: string;
  warning: string | undefined;
}

export class Images {
  readonly #o: ImagesOptions;
  #usage: ImageUsage;
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #pulledAtMs = new Map<string, number>();
  readonly #places = new Semaphore(PULLS_AT_ONCE_MAX);
  readonly #writes = new Semaphore(1);

  private constructor(o: ImagesOptions, usage: ImageUsage) {
    this.#o = o;
    this.#usage = usage;
  }

  static async open(o: ImagesOptions): Promise<Images> {
    return new Images(o, await loadImageUsage(o.file));
  }

  /** The image of the specification is on this machine when this resolves. */
  async ensure(spec: ModuleSpec): Promise<ImageReady> {
    const reference = spec.config.settings.image;
    const local = await this.#o.engine.image(reference);
    if (spec.imagePullPolicy === 'Never') {
      if (local === undefined) throw pullError(reference, 'it is not on this machine and imagePullPolicy is Never');
      return { id: local.id, warning: undefined };
    }
    if (
      local !== undefined &&
      (local.repoDigests.length === 0 || reference.includes('@sha256:') || this.#isFresh(reference))
    ) {
      return { id: local.id, warning: undefined };
    }
    try {
      await this.#pullOnce(spec);
    } catch (error) {
      if (local === undefined) throw pullError(reference, describeError(error), error);
      const warning = `Image ${reference} could not be pulled, the local one is used: ${describeError(error)}`;
      this.#o.log.warn(warning);
      return { id: local.id, warning };
    }
    const pulled = await this.#o.engine.image(reference);
    if (pulled === undefined) throw pullError(reference, 'the engine pulled it but does not have it');
    await this.#notePulled(pulled.id, reference);
    return { id: pulled.id, warning: undefined };
  }

  /** Remembers what a module runs now, so that the version before it is kept. */
  async noteModule(name: string, imageId: string): Promise<void> {
    const before = this.#usage.modules[name];
    if (before?.current === imageId) return;
    await this.#change((usage) => ({
      ...usage,
      modules: { ...usage.modules, [name]: { current: imageId, previous: before?.current } },
    }));
  }

  async forgetModule(name: string): Promise<void> {
    if (this.#usage.modules[name] === undefined) return;
    await this.#change((usage) => {
      const { [name]: _gone, ...modules } = usage.modules;
      return { ...usage, modules };
    });
  }

  /** Removes pulled images that nothing needs any more; answers how many went. */
  async cleanUp(inUse: ReadonlySet<string>, ageMs: number): Promise<number> {
    const plan = planImageCleanup({ usage: this.#usage, inUse, nowMs: this.#o.clock.nowMs(), ageMs });
    await this.#change(() => plan.next);
    let removed = 0;
    for (const image of plan.remove) {
      try {
        await this.#o.engine.removeImage(image.id);
        removed += 1;
        this.#o.log.info('Image removed, unused for long', { image: image.reference, id: image.id });
      } catch (error) {
        this.#o.log.warn('Image could not be removed', { image: image.reference, reason: describeError(error) });
        await this.#change((usage) => ({ ...usage, pulled: [...usage.pulled, image] }));
      }
    }
    return removed;
  }

  #isFresh(reference: string): boolean {
    const atMs = this.#pulledAtMs.get(reference);
    return atMs !== undefined && this.#o.clock.monotonicMs() - atMs < PULL_FRESH_MS;
  }

  #pullOnce(spec: ModuleSpec): Promise<void> {
    const { image, auth } = spec.config.settings;
    const key = `${image} ${auth ?? ''}`;
    const running = this.#pulls.get(key);
    if (running !== undefined) return running;
    const pull = this.#places.run(() => this.#pull(image, auth)).finally(() => this.#pulls.delete(key));
    this.#pulls.set(key, pull);
    return pull;
  }

  async #pull(reference: string, auth: string | undefined): Promise<void> {
    const { engine, clock, log } = this.#o;
    const startMs = clock.monotonicMs();
    let loggedMs = startMs;
    log.info('Pulling image', { image: reference });
    await engine.pull(reference, registryAuth(auth), ({ status }) => {
      const nowMs = clock.monotonicMs();
      if (nowMs - loggedMs < PROGRESS_LOG_MS) return;
      loggedMs = nowMs;
      log.info('Pulling image', { image: reference, progress: status });
    });
    this.#pulledAtMs.set(reference, clock.monotonicMs());
    log.info('Image pulled', { image: reference, ms: Math.round(clock.monotonicMs() - startMs) });
  }

  #notePulled(id: string, reference: string): Promise<void> {
    const image = { id, reference, lastUsedMs: this.#o.clock.nowMs() };
    return this.#change((usage) => ({ ...usage, pulled: [...usage.pulled.filter((other) => other.id !== id), image] }));
  }

  #change(next: (usage: ImageUsage) => ImageUsage): Promise<void> {
    return this.#writes.run(async () => {
      const usage = next(this.#usage);
      await saveImageUsage(this.#o.file, usage);
      this.#usage = usage;
    });
  }
}

function pullError(reference: string, reason: string, cause?: unknown): EdgeError {
  return new EdgeError('DAEMON_IMAGE_PULL_FAILED', `Cannot get the image ${reference}: ${reason}`, {
    cause,
    retry: 'backoff',
    source: 'upstream',
  });
}
