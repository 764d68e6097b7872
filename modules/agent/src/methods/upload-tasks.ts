// Work that goes on after a method has been answered: its state by correlation id, bounded in number, kept for a while after its end.

import { randomUUID } from 'node:crypto';
import { type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';

export type TaskState = 'NotStarted' | 'Running' | 'Completed' | 'Cancelled' | 'Failed' | 'Unknown';

export interface TaskStatus {
  status: TaskState;
  message: string;
  correlationId: string;
}

const TASKS_RUNNING_MAX = 4;
const TASKS_KEPT_MAX = 100;
const TASK_TIME_MS_MAX = 30 * 60_000;

export class UploadTasks {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tasks = new Map<string, TaskStatus>();
  readonly #stop = new AbortController();
  #running = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Begins the work and answers at once. Throws AGENT_TASKS_FULL. */
  start(what: string, work: (signal: AbortSignal) => Promise<void>): TaskStatus {
    if (this.#running >= TASKS_RUNNING_MAX)
      throw new EdgeError(
        'AGENT_TASKS_FULL',
        `Cannot start ${what}: ${this.#running} uploads are under way, at most ${TASKS_RUNNING_MAX} may`,
        { source: 'downstream', retry: 'backoff' },
      );
    const correlationId = randomUUID();
    this.#set({ status: 'Running', message: '', correlationId });
    this.#running += 1;
    void this.#run(what, correlationId, work);
    return this.status(correlationId);
  }

  status(correlationId: string): TaskStatus {
    return this.#tasks.get(correlationId) ?? { status: 'Unknown', message: '', correlationId };
  }

  stop(): void {
    this.#stop.abort(new Error('edgeAgent is shutting down'));
  }

  async #run(what: string, correlationId: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const late = new AbortController();
    void this.#clock
      .sleep(TASK_TIME_MS_MAX, late.signal)
      .then(() => late.abort(new Error(`took longer than ${TASK_TIME_MS_MAX} ms`)))
      .catch(() => undefined);
    try {
      await work(AbortSignal.any([late.signal, this.#stop.signal]));
      this.#set({ status: 'Completed', message: '', correlationId });
    } catch (error) {
      const status = this.#stop.signal.aborted ? 'Cancelled' : 'Failed';
      this.#set({ status, message: describeError(error), correlationId });
      this.#logger.warn('Upload failed', { what, correlationId, error });
    } finally {
      this.#running -= 1;
      late.abort();
    }
  }

  /** The oldest ended tasks are forgotten first. */
  #set(task: TaskStatus): void {
    this.#tasks.set(task.correlationId, task);
    for (const [id, each] of this.#tasks) {
      if (this.#tasks.size <= TASKS_KEPT_MAX) return;
      if (each.status !== 'Running') this.#tasks.delete(id);
    }
  }
}
