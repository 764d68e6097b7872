// One run at a time; the newest wish wins; user actions jump the queue.
//
// INVARIANTS
// - run() and actions never overlap: each starts after the one before has settled.
// - At most one wish waits. A newer wish takes its place; the older one's promise settles with the run of the newer.
// - Actions go before the waiting wish, in the order they came. They do not cancel the run under way.
// - Only `interrupt` and close() abort a run; a run that ignores its signal delays the next one, it is never overtaken.
// - Neither run() nor an action may await request() or act() of the same instance: it would wait for itself.

import { EdgeError } from './edge-error.ts';

/** Waiting user actions before act() refuses. */
export const ACTIONS_WAITING_MAX = 100;

interface Wish<W> {
  value: W;
  settled: PromiseWithResolvers<void>;
}

export class SingleFlight<W> {
  readonly #run: (wish: W, signal: AbortSignal) => Promise<void>;
  #wish: Wish<W> | undefined;
  readonly #actions: (() => Promise<void>)[] = [];
  #current: AbortController | undefined;
  #busy = false;
  #closed = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(run: (wish: W, signal: AbortSignal) => Promise<void>) {
    this.#run = run;
  }

  /** True while a run or an action is under way. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Settles with the run that carries this wish or a newer one. `interrupt` aborts the run under way. */
  request(value: W, options: { interrupt?: boolean } = {}): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    const settled = this.#wish?.settled ?? Promise.withResolvers<void>();
    // A wish may be made without waiting for it: its failure must not end the process.
    settled.promise.catch(() => undefined);
    this.#wish = { value, settled };
    if (options.interrupt) this.#current?.abort(new DOMException('A newer wish took over', 'AbortError'));
    this.#pump();
    return settled.promise;
  }

  /** Runs a user's action before the waiting wish; answers its result. Rejects with KIT_QUEUE_FULL when too many wait. */
  act<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#actions.length >= ACTIONS_WAITING_MAX) {
      return Promise.reject(
        new EdgeError(
          'KIT_QUEUE_FULL',
          `Cannot queue the action: ${this.#actions.length} wait, at most ${ACTIONS_WAITING_MAX} may`,
          {
            retry: 'backoff',
          },
        ),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#actions.push(() =>
      this.#guarded((signal) => (this.#closed ? Promise.reject(closedError()) : action(signal))).then(resolve, reject),
    );
    this.#pump();
    return promise;
  }

  /** Aborts the run under way, refuses what waits, resolves when nothing runs. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wish?.settled.reject(closedError());
    this.#wish = undefined;
    this.#current?.abort(closedError());
    if (!this.#busy) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  #pump(): void {
    if (this.#busy) return;
    this.#busy = true;
    void this.#drain();
  }

  async #drain(): Promise<void> {
    // Callers of request() in the same turn may still replace their wish.
    await Promise.resolve();
    for (let job = this.#next(); job !== undefined; job = this.#next()) await job();
    this.#busy = false;
    this.#idle?.resolve();
  }

  #next(): (() => Promise<void>) | undefined {
    const action = this.#actions.shift();
    if (action !== undefined) return action;
    const wish = this.#wish;
    if (wish === undefined) return undefined;
    this.#wish = undefined;
    return () =>
      this.#guarded((signal) => this.#run(wish.value, signal)).then(wish.settled.resolve, wish.settled.reject);
  }

  async #guarded<T>(job: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#current = controller;
    try {
      return await job(controller.signal);
    } finally {
      this.#current = undefined;
    }
  }
}

function closedError(): EdgeError {
  return new EdgeError('KIT_CLOSED', 'Cannot run: the runner is shutting down');
}
