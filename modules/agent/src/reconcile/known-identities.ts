// The module identities as the daemon last listed them. The daemon may have to ask the cloud for them, so the list is refreshed beside
// the loop; only the very first one is waited for, and not for long.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Identity } from '@wayside/protocol';

const IDENTITIES_AGE_MS_MAX = 300_000;
const FIRST_LIST_WAIT_MS_MAX = 2_000;
/** Before a failed list is asked for again. */
const LIST_RETRY_MS = 10_000;

export class KnownIdentities {
  readonly #engine: { listIdentities(): Promise<Identity[]> };
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onChange: () => void;
  #list: Identity[] | undefined;
  #dueAtMs = 0;
  #listing: Promise<void> | undefined;

  constructor(engine: { listIdentities(): Promise<Identity[]> }, clock: Clock, logger: Logger, onChange: () => void) {
    this.#engine = engine;
    this.#clock = clock;
    this.#logger = logger;
    this.#onChange = onChange;
  }

  /** undefined = not known yet. */
  async current(): Promise<readonly Identity[] | undefined> {
    if (this.#clock.monotonicMs() >= this.#dueAtMs) this.refresh();
    if (this.#list === undefined && this.#listing) {
      const done = new AbortController();
      const late = this.#clock.sleep(FIRST_LIST_WAIT_MS_MAX, done.signal).catch(() => undefined);
      await Promise.race([this.#listing, late]);
      done.abort();
    }
    return this.#list;
  }

  refresh(): void {
    this.#listing ??= this.#fetch().finally(() => {
      this.#listing = undefined;
    });
  }

  add(moduleId: string): void {
    this.#list?.push({ moduleId, managedBy: 'IotEdge', generationId: '', authType: 'sas' });
  }

  remove(moduleId: string): void {
    this.#list = this.#list?.filter((identity) => identity.moduleId !== moduleId);
  }

  async #fetch(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#dueAtMs = nowMs + LIST_RETRY_MS;
    try {
      const isFirst = this.#list === undefined;
      this.#list = await this.#engine.listIdentities();
      this.#dueAtMs = this.#clock.monotonicMs() + IDENTITIES_AGE_MS_MAX;
      if (isFirst) this.#onChange();
    } catch (error) {
      this.#logger.warn('Daemon does not list the module identities', { error: describeError(error) });
    }
  }
}
