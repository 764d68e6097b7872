// Starts the delivery threads, keeps as many running as wanted, tells them of new settings, and adds up what they count.

import type { AddressInfo } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { backoffDelayMs, type Logger } from '@wayside/kit';
import { addSnapshots, type TrafficSnapshot, type TrafficSource } from '../operate/traffic-counters.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { startDeliveryWorker } from './delivery-worker.ts';
import type { ThreadSettings, ThreadStart, ToEngine, ToThread } from './messages.ts';
import { Outbox } from './outbox.ts';
import { fromPlainError } from './plain-error.ts';
import { SharedEgress } from './shared-egress.ts';
import { ThreadLink, type ThreadLinkDeps } from './thread-link.ts';

const RESTART_BASE_MS = 100;
const RESTART_MAX_MS = 10_000;
/** A thread that lived this long starts anew at once when it dies. */
const STEADY_AFTER_MS = 60_000;
/** A thread that does not say that it has stopped is ended. */
const STOP_TIMEOUT_MS = 10_000;

export interface DeliveryThreadsDeps extends ThreadLinkDeps {
  store: ThreadLinkDeps['store'] & Pick<ObjectStore, 'releaseSlot'>;
  logger: Logger;
  /** Of the engine itself; the threads' are added. */
  counters: TrafficSource;
  writeLine: (line: string) => void;
}

export interface DeliveryThreadsOptions extends Pick<ThreadStart, 'listen' | 'origins' | 'loopMark'> {
  threads: number;
  settings: ThreadSettings;
  egressMemory: SharedArrayBuffer;
  /** Started ahead by startDeliveryWorker(), for the first threads. */
  workers?: Worker[];
}

/** One place for a thread; the thread in it may be a later one. */
interface Seat {
  slot: number;
  worker: Worker;
  link: ThreadLink;
  outbox: Outbox<ToThread>;
  startedAtMs: number;
  snapshot: TrafficSnapshot | null;
  applied: number;
  hasStopped: boolean;
}

interface Waiting {
  condition(): boolean;
  resolve(): void;
}

export class DeliveryThreads implements TrafficSource {
  readonly #deps: DeliveryThreadsDeps;
  readonly #options: DeliveryThreadsOptions;
  readonly #seats = new Map<number, Seat>();
  #settings: ThreadSettings;
  #settingsNumber = 0;
  #address: AddressInfo | null = null;
  #waiting: Waiting[] = [];
  #dead: TrafficSnapshot | null = null;
  #isStopping = false;
  #attempt = 0;
  restarts = 0;

  constructor(deps: DeliveryThreadsDeps, options: DeliveryThreadsOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#settings = options.settings;
  }

  /** Threads that run. */
  get running(): number {
    return this.#seats.size;
  }

  /** Readers whose bytes the engine gets or loads. */
  get readers(): number {
    return this.#sum((seat) => seat.link.readers);
  }

  get forwarded(): number {
    return this.#sum((seat) => seat.link.forwarded);
  }

  /** Requests that each running thread has counted. */
  get requestsByThread(): number[] {
    return [...this.#seats.values()].map(({ snapshot }) => snapshot?.requests ?? 0);
  }

  #sum(of: (seat: Seat) => number): number {
    let sum = 0;
    for (const seat of this.#seats.values()) sum += of(seat);
    return sum;
  }

  /** Resolves with the common address when all listen; rejects when one cannot. */
  async start(): Promise<AddressInfo> {
    const { threads } = this.#options;
    // The first one finds the port when any will do.
    this.#address = await this.#startOne(1);
    const others = Array.from({ length: threads - 1 }, (_, i) => this.#startOne(i + 2));
    try {
      await Promise.all(others);
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this.#address;
  }

  /** Resolves when every thread works by the new settings. */
  async apply(settings: ThreadSettings): Promise<void> {
    this.#settings = settings;
    this.#settingsNumber += 1;
    const number = this.#settingsNumber;
    for (const { outbox } of this.#seats.values()) outbox.send({ kind: 'settings', number, settings });
    await this.#until(() => [...this.#seats.values()].every((seat) => seat.applied >= number));
  }

  snapshot(): TrafficSnapshot {
    let sum = this.#deps.counters.snapshot();
    if (this.#dead !== null) sum = addSnapshots(sum, this.#dead);
    for (const { snapshot } of this.#seats.values()) if (snapshot !== null) sum = addSnapshots(sum, snapshot);
    return sum;
  }

  /** Ends one thread at once, as a crash would: for tests. */
  async kill(slot: number): Promise<void> {
    await this.#seats.get(slot)?.worker.terminate();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const seats = [...this.#seats.values()];
    for (const { outbox } of seats) outbox.send({ kind: 'stop' });
    const timer = setTimeout(() => {
      for (const { worker } of seats) void worker.terminate();
    }, STOP_TIMEOUT_MS);
    await this.#until(() => seats.every((seat) => seat.hasStopped || this.#seats.get(seat.slot) !== seat));
    clearTimeout(timer);
    await Promise.all(seats.map(({ worker }) => worker.terminate()));
  }

  /** Resolves when the condition holds; it is looked at whenever a thread says something of settings or its end. */
  #until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ condition, resolve });
    });
  }

  #look(): void {
    const still: Waiting[] = [];
    for (const waiting of this.#waiting) {
      if (waiting.condition()) waiting.resolve();
      else still.push(waiting);
    }
    this.#waiting = still;
  }

  async #startOne(slot: number): Promise<AddressInfo> {
    const { threads, listen, origins, loopMark, egressMemory } = this.#options;
    const start: ThreadStart = {
      slot,
      slots: threads + 1,
      listen: { host: listen.host, port: this.#address?.port ?? listen.port },
      origins,
      loopMark,
      settings: this.#settings,
      egressMemory,
    };
    const settingsNumber = this.#settingsNumber;
    const worker = this.#options.workers?.shift() ?? startDeliveryWorker();
    worker.postMessage(start);
    const outbox = new Outbox<ToThread>((messages, transfer) => worker.postMessage(messages, transfer));
    const link = new ThreadLink(this.#deps, outbox);
    const startedAtMs = performance.now();
    const seat: Seat = {
      slot,
      worker,
      link,
      outbox,
      startedAtMs,
      snapshot: null,
      applied: settingsNumber,
      hasStopped: false,
    };
    return new Promise((resolve, reject) => {
      worker.on('message', (messages: ToEngine[]) => {
        for (const message of messages) {
          if (message.kind === 'ready') {
            this.#seats.set(slot, seat);
            // Settings may have come while it started.
            if (this.#settingsNumber > settingsNumber) {
              outbox.send({ kind: 'settings', number: this.#settingsNumber, settings: this.#settings });
            }
            const { address, port, family } = message;
            resolve({ address, port, family });
          } else if (message.kind === 'startFailed') {
            reject(fromPlainError(message.error));
            void worker.terminate();
          } else this.#take(seat, message);
        }
      });
      worker.on('error', (error) => {
        this.#deps.logger.error('Delivery thread failed', { code: 'CACHE_THREAD_FAILED', thread: slot, error });
        reject(error);
      });
      worker.on('exit', () => {
        reject(new Error('the delivery thread ended at its start'));
        this.#onExit(seat);
      });
    });
  }

  #take(seat: Seat, message: ToEngine): void {
    switch (message.kind) {
      case 'counters':
        seat.snapshot = message.snapshot;
        return;
      case 'log':
        this.#deps.logger[message.level](message.message, { ...message.fields, thread: seat.slot });
        return;
      case 'accessLine':
        this.#deps.writeLine(message.line);
        return;
      case 'applied':
        seat.applied = message.settings;
        this.#look();
        return;
      case 'stopped':
        seat.hasStopped = true;
        this.#look();
        return;
      default:
        seat.link.take(message);
    }
  }

  #onExit(seat: Seat): void {
    const { slot, link, snapshot } = seat;
    if (this.#seats.get(slot) !== seat) return;
    this.#seats.delete(slot);
    link.end();
    // What it used is free again; what it counted stays counted, but nothing of it is under way.
    const uses = this.#deps.store.releaseSlot(slot);
    SharedEgress.releaseSlot(this.#options.egressMemory, slot);
    if (snapshot !== null) {
      const last = { ...snapshot, activeRequests: 0 };
      this.#dead = this.#dead === null ? last : addSnapshots(this.#dead, last);
    }
    this.#look();
    if (this.#isStopping) return;
    this.restarts += 1;
    if (performance.now() - seat.startedAtMs > STEADY_AFTER_MS) this.#attempt = 0;
    const delayMs = backoffDelayMs({ attempt: this.#attempt, baseMs: RESTART_BASE_MS, maxMs: RESTART_MAX_MS });
    this.#attempt += 1;
    this.#deps.logger.error('Delivery thread ended, it is started again', {
      code: 'CACHE_THREAD_FAILED',
      thread: slot,
      usesGivenBack: uses,
      delayMs,
    });
    this.#restartLater(slot, delayMs);
  }

  #restartLater(slot: number, delayMs: number): void {
    setTimeout(() => {
      if (this.#isStopping) return;
      this.#startOne(slot).catch((error) => {
        if (this.#isStopping) return;
        this.#deps.logger.error('Delivery thread cannot start', { code: 'CACHE_THREAD_FAILED', thread: slot, error });
        this.#attempt += 1;
        const nextMs = backoffDelayMs({ attempt: this.#attempt, baseMs: RESTART_BASE_MS, maxMs: RESTART_MAX_MS });
        this.#restartLater(slot, nextMs);
      });
    }, delayMs).unref();
  }
}
