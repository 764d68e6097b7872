// Replicas without a database between them, for unit tests: notices go straight to the others, one leads until it is told otherwise.

import { Semaphore } from '@wayside/kit';
import type { NoticeListener, Replicas, Topic, Turn } from '../src/replicas/replicas.ts';

export class JoinedReplicas {
  readonly members: JoinedReplica[] = [];
  leaderNumber = 1;
  readonly turns = new Map<string, Semaphore>();

  join(): JoinedReplica {
    const member = new JoinedReplica(this, this.members.length + 1);
    this.members.push(member);
    return member;
  }
}

export class JoinedReplica implements Replicas {
  readonly number: number;
  /** Notices to it are lost while this is false. */
  isHeard = true;
  readonly #all: JoinedReplicas;
  readonly #listeners = new Map<Topic, Set<NoticeListener>>();
  readonly #gaps = new Set<(sinceMs: number) => void>();

  constructor(all: JoinedReplicas, number: number) {
    this.#all = all;
    this.number = number;
  }

  get isLeader(): boolean {
    return this.#all.leaderNumber === this.number;
  }

  async leader(): Promise<number> {
    return this.#all.leaderNumber;
  }

  publish(topic: Topic, ids: readonly string[]): void {
    for (const other of this.#all.members) if (other !== this) other.hear(topic, ids);
  }

  hear(topic: Topic, ids: readonly string[]): void {
    if (!this.isHeard) return;
    for (const listener of [...(this.#listeners.get(topic) ?? [])]) listener(ids);
  }

  on(topic: Topic, listener: NoticeListener): () => void {
    const set = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, set.add(listener));
    return () => set.delete(listener);
  }

  onGap(listener: (sinceMs: number) => void): () => void {
    this.#gaps.add(listener);
    return () => this.#gaps.delete(listener);
  }

  /** The line is up again. */
  gap(sinceMs: number): void {
    this.isHeard = true;
    for (const listener of this.#gaps) listener(sinceMs);
  }

  lead(_name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    return work(new AbortController().signal);
  }

  turn(name: string): Turn {
    const turn = this.#all.turns.get(name) ?? new Semaphore(1);
    this.#all.turns.set(name, turn);
    return turn;
  }

  async close(): Promise<void> {}
}
