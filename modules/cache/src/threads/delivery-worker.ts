// Starts the worker of a delivery thread. It loads its code and waits to be told what to do, so it may be started ahead of the engine.

import { Worker } from 'node:worker_threads';

/** @returns a worker whose first message must be its ThreadStart */
export function startDeliveryWorker(): Worker {
  return new Worker(new URL('./delivery-thread.ts', import.meta.url));
}
