// Fetches images beside the reconcile loop: starts are answered at once, the outcome is a fact for the next plan.
//
// INVARIANTS
// - One fetch per image key at a time; start() of one under way does nothing.
// - A key that is forgotten while its fetch runs takes no result any more.

import { backoffDelayMs, type Clock, describeError, type Logger, Semaphore } from '@wayside/kit';
import type { ModuleSpec } from '@wayside/protocol';
import { type DesiredModule, type ImageState, imageKey } from '../plan/model.ts';

/** The engine bounds layer downloads itself; this bounds open requests to the daemon. */
const IMAGE_PULLS_PARALLEL_MAX = 8;
const PULL_RETRY_BASE_MS = 10_000;
const PULL_RETRY_MAX_MS = 300_000;
/** imagePullPolicy never: somebody brings the image by hand; to look for it costs next to nothing. */
const LOCAL_LOOK_RETRY_MS = 5_000;

export interface ImagePullsOptions {
  prepare: (spec: ModuleSpec) => Promise<void>;
  clock: Clock;
  logger: Logger;
  /** Something is known now that was not before. */
  onChange: () => void;
}

interface Entry {
  state: ImageState;
  failures: number;
}

export class ImagePulls {
  readonly #options: ImagePullsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #slots = new Semaphore(IMAGE_PULLS_PARALLEL_MAX);

  constructor(options: ImagePullsOptions) {
    this.#options = options;
  }

  states(): ReadonlyMap<string, ImageState> {
    return new Map([...this.#entries].map(([key, entry]) => [key, entry.state]));
  }

  /** Begins to fetch; returns at once. */
  start(module: DesiredModule, spec: ModuleSpec): void {
    const key = imageKey(module);
    const before = this.#entries.get(key);
    if (before?.state.state === 'pulling') return;
    const entry: Entry = {
      state: { state: 'pulling', sinceMs: this.#options.clock.nowMs() },
      failures: before?.failures ?? 0,
    };
    this.#entries.set(key, entry);
    void this.#fetch(module, spec, entry);
  }

  /** The image was not there after all. */
  forget(module: DesiredModule): void {
    const key = imageKey(module);
    if (this.#entries.get(key)?.state.state !== 'pulling') this.#entries.delete(key);
  }

  /** Keeps only these keys; failed ones may be tried again at once (a new deployment is a new chance). */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, entry] of this.#entries)
      if (!keys.has(key) || entry.state.state === 'failed') this.#entries.delete(key);
  }

  async #fetch(module: DesiredModule, spec: ModuleSpec, entry: Entry): Promise<void> {
    const { clock, logger, onChange } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      await this.#prepare(spec);
      entry.state = { state: 'ready' };
      entry.failures = 0;
      logger.info('Image is ready', {
        module: module.name,
        image: module.image,
        ms: Math.round(clock.monotonicMs() - startedMs),
      });
    } catch (error) {
      entry.failures += 1;
      const isLocal = spec.imagePullPolicy === 'Never';
      const delayMs = backoffDelayMs({
        attempt: entry.failures - 1,
        baseMs: isLocal ? LOCAL_LOOK_RETRY_MS : PULL_RETRY_BASE_MS,
        maxMs: isLocal ? LOCAL_LOOK_RETRY_MS : PULL_RETRY_MAX_MS,
      });
      entry.state = { state: 'failed', error: describeError(error), retryAtMs: clock.nowMs() + delayMs };
      const fields = { module: module.name, image: module.image, delayMs, error };
      if (entry.failures === 1 || !isLocal) logger.warn('Image cannot be fetched', fields);
    }
    onChange();
  }

  async #prepare(spec: ModuleSpec): Promise<void> {
    // A look at what lies on the node takes no time: it must not queue behind downloads.
    if (spec.imagePullPolicy === 'Never') return this.#options.prepare(spec);
    await this.#slots.run(async () => {
      try {
        await this.#options.prepare(spec);
      } catch (error) {
        // Without the registry the image that lies on the node is better than no module (iotedge.md 7, row 5).
        const isOnNode = await this.#options.prepare({ ...spec, imagePullPolicy: 'Never' }).then(
          () => true,
          () => false,
        );
        if (!isOnNode) throw error;
        this.#options.logger.warn('Registry is out of reach, the image on the node is used', {
          module: spec.name,
          image: spec.config.settings.image,
          error,
        });
      }
    });
  }
}
