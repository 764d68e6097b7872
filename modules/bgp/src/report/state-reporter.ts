// Sends the state of the module: at once when a session or an issue changed, else in a fixed interval.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import { BGP_STATE_INTERVAL_SECS, type BgpState } from '@wayside/protocol';

export interface StateReporterOptions {
  clock: Clock;
  logger: Logger;
  state(): BgpState;
  send(state: BgpState): Promise<void>;
}

export class StateReporter {
  readonly #options: StateReporterOptions;
  #sent = '';
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #isSending = false;

  constructor(options: StateReporterOptions) {
    this.#options = options;
  }

  /** To be called after every round and change; one message is under way at most. */
  note(): void {
    if (this.#isSending) return;
    const { clock, logger, send } = this.#options;
    const state = this.#options.state();
    const essence = essenceOf(state);
    const isDue = clock.monotonicMs() - this.#sentAtMs >= BGP_STATE_INTERVAL_SECS * 1000;
    if (essence === this.#sent && !isDue) return;
    this.#isSending = true;
    send(state)
      .then(
        () => {
          this.#sent = essence;
          this.#sentAtMs = clock.monotonicMs();
        },
        // The next round tries again, with the state of then.
        (error) => logger.debug('State was not taken', { code: 'BGP_MESSAGE_FAILED', reason: describeError(error) }),
      )
      .finally(() => {
        this.#isSending = false;
      });
  }
}

/** What makes a message at once: not the counters, which always move. */
export function essenceOf({ engine, appliedVersion, stream, sessions, issues }: BgpState): string {
  return JSON.stringify({
    engine,
    appliedVersion,
    stream,
    issues: issues.map(({ code, session }) => [code, session]),
    sessions: sessions.map(({ id, state, sinceUtc, downs, held }) => [id, state, sinceUtc, downs, held]),
  });
}
