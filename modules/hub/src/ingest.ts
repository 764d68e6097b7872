// A message comes in: which routes match, which queues it goes to, stored before the sender hears of it.

import { type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import type { Delivery } from './deliver/delivery.ts';
import type { HubMessage } from './message.ts';
import type { HubMetrics } from './metrics/metrics.ts';
import type { RouteConfig } from './routes/route-config.ts';
import type { MessageStore } from './store/message-store.ts';

/** A hub that never saw a deployment holds a message back this long, then refuses it: the sender keeps it. */
const ROUTES_WAIT_MS = 20_000;

export interface IngestOptions {
  readonly routes: RouteConfig;
  readonly store: MessageStore;
  readonly delivery: Delivery;
  readonly metrics: HubMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Ingest {
  readonly #o: IngestOptions;

  constructor(options: IngestOptions) {
    this.#o = options;
  }

  /** Resolves when the message is on disk for every endpoint it goes to, or when no route wants it. */
  async take(message: HubMessage): Promise<void> {
    const { routes, metrics, delivery, store, logger } = this.#o;
    const output = message.properties.system.outputName ?? '';
    metrics.received(message.sender, output, message.body.length);
    const table = routes.table ?? (await this.#routes());
    const destinations = table.destinations(message);
    if (destinations.length === 0) {
      metrics.dropped('no_route', message.sender, output);
      return;
    }
    try {
      await store.add(message, delivery.places(message.sender, destinations));
    } catch (error) {
      metrics.unacked(message.sender, output);
      logger.error('Message not stored', { from: message.sender, error: describeError(error) });
      throw error;
    }
  }

  async #routes() {
    const { routes } = this.#o;
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const text = `Cannot route a message: no deployment was seen within ${ROUTES_WAIT_MS} ms`;
      reject(new EdgeError('HUB_ROUTES_UNKNOWN', text, { retry: 'backoff' }));
    }, ROUTES_WAIT_MS);
    try {
      await Promise.race([routes.known, promise]);
      return routes.table!;
    } finally {
      clearTimeout(timer);
    }
  }
}
