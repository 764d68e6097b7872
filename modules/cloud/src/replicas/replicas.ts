// What the rest of the cloud knows of other replicas: notices that carry ids, turns that exclude each other, work that one of them does.

import { Semaphore } from '@wayside/kit';

/** Notices say what to read again, never what it says. Lost ones are made up for by onGap. */
export type Topic =
  /** Clients (ids as on the wire): look whether this replica may go on holding them. */
  | 'identity'
  /** Clients that have desired patches to get. */
  | 'desired'
  /** Clients that connected or subscribed somewhere. */
  | 'connection'
  /** Devices that messages wait for. */
  | 'c2d'
  /** Devices that sent messages. */
  | 'telemetry'
  /** The timeline grew. */
  | 'events'
  /** Cache nodes to be judged anew. */
  | 'wake'
  /** Cache nodes with a new judgement or report. */
  | 'judged'
  /** Prefixes of cache nodes (`NODE PREFIX`), or all of a node (`NODE`), that are to be read again. */
  | 'prefixes'
  /** Accounts. */
  | 'account'
  /** Calls between replicas. */
  | 'call'
  | 'answer'
  /** Replicas that ended. */
  | 'gone';

export type NoticeListener = (ids: readonly string[]) => void;

/** One at a time over all replicas. */
export interface Turn {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export interface Replicas {
  /** Of this replica; 0 = there are no others. */
  readonly number: number;
  /** Does this replica do the work that only one does? */
  readonly isLeader: boolean;
  /** Number of the replica that leads; undefined = none at this moment. */
  leader(): Promise<number | undefined>;
  /** Tells the other replicas, soon, each id once. After the commit of what it is about. */
  publish(topic: Topic, ids: readonly string[]): void;
  /** Notices of the others. Listeners do not throw. */
  on(topic: Topic, listener: NoticeListener): () => void;
  /** Notices may have been lost since `sinceMs`: read again whatever hangs on them. */
  onGap(listener: (sinceMs: number) => void): () => void;
  /** Runs the work whenever this replica leads, until the signal; resolves after close(). */
  lead(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void>;
  turn(name: string): Turn;
  close(): Promise<void>;
}

/** Runs the work whenever this replica leads, until the signal. */
export function runLed(
  replicas: Replicas,
  name: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (replicas.number === 0) return work(signal);
  const ended = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => ended.resolve(), { once: true });
  void replicas.lead(name, (leading) => work(AbortSignal.any([leading, signal])));
  return ended.promise;
}

/** The only replica: over SQLite nobody else can be there. */
export class SingleReplica implements Replicas {
  readonly number = 0;
  readonly isLeader = true;
  readonly #closing = new AbortController();
  readonly #works = new Set<Promise<void>>();
  readonly #turns = new Map<string, Turn>();

  async leader(): Promise<number> {
    return this.number;
  }

  publish(): void {}

  on(): () => void {
    return () => undefined;
  }

  onGap(): () => void {
    return () => undefined;
  }

  lead(_name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const running = work(this.#closing.signal).finally(() => this.#works.delete(running));
    this.#works.add(running);
    return running;
  }

  turn(name: string): Turn {
    const turn = this.#turns.get(name) ?? new Semaphore(1);
    this.#turns.set(name, turn);
    return turn;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#works);
  }
}
