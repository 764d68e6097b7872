// Work that only the leading replica does: run here when this one leads, else asked of it.

import type { Clock } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import type { CallHandler, ReplicaCalls } from './replica-calls.ts';
import type { Replicas } from './replicas.ts';

const ANSWER_MS_MAX = 60_000;
/** After a leader died the next one is known within seconds. */
const LEADER_WAIT_MS_MAX = 15_000;
const LOOK_AGAIN_MS = 250;

export class LeaderWork {
  readonly #parts: { replicas: Replicas; calls: ReplicaCalls; clock: Clock };
  readonly #handlers = new Map<string, CallHandler>();

  constructor(parts: { replicas: Replicas; calls: ReplicaCalls; clock: Clock }) {
    this.#parts = parts;
  }

  get isHere(): boolean {
    return this.#parts.replicas.isLeader;
  }

  /** What the leader does; every replica may become it. */
  handle(kind: string, handler: CallHandler): void {
    this.#handlers.set(kind, handler);
    this.#parts.calls.handle(kind, handler);
  }

  /** Errors are the handler's; CLOUD_REPLICA_GONE when nobody leads for a while. */
  async ask(kind: string, request: JsonObject): Promise<Json> {
    const { replicas, calls, clock } = this.#parts;
    const endMs = clock.monotonicMs() + LEADER_WAIT_MS_MAX;
    for (;;) {
      if (replicas.isLeader) return await this.#handlers.get(kind)!(request);
      const leader = await replicas.leader();
      if (leader !== undefined && leader !== replicas.number) {
        return await calls.call(leader, kind, request, ANSWER_MS_MAX);
      }
      if (clock.monotonicMs() >= endMs) {
        throw refusal('CLOUD_REPLICA_GONE', 'Cannot do this now: no replica of the cloud leads, try again in a minute');
      }
      await clock.sleep(LOOK_AGAIN_MS);
    }
  }
}
