// Which queue belongs to which consumer: one per module input, one per sender for the way up. A pump exists while its queue has a purpose.

import { clientIdOf, type Gateway, type Identity, parseClientId } from '@wayside/gateway';
import type { Clock, Logger } from '@wayside/kit';
import type { MessageProperties } from '@wayside/protocol';
import type { HubMetrics } from '../metrics/metrics.ts';
import type { Destination } from '../routes/route-table.ts';
import type { MessageStore, QueuedMessage, QueuePlace } from '../store/message-store.ts';
import type { LinkSet } from '../upstream/link-set.ts';
import { isPermanent } from '../upstream/sdk-connector.ts';
import { type Outcome, QueuePump } from './queue-pump.ts';

/** Name of the way up, as in the original's metrics. */
export const UPSTREAM_ENDPOINT = 'iothub';
const UPSTREAM_PREFIX = `${UPSTREAM_ENDPOINT}|`;

export interface DeliveryOptions {
  readonly deviceId: string;
  readonly store: MessageStore;
  readonly gateway: () => Gateway;
  readonly links: LinkSet;
  readonly metrics: HubMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Delivery {
  readonly #o: DeliveryOptions;
  readonly #pumps = new Map<string, QueuePump>();
  #stopped = false;

  constructor(options: DeliveryOptions) {
    this.#o = options;
  }

  /** Takes up what an earlier run left behind. */
  start(): void {
    for (const { queue } of this.#o.store.queues()) this.#pump(queue);
  }

  /** The queue places of a message's destinations; their pumps run from here on. */
  places(sender: string, destinations: readonly Destination[]): QueuePlace[] {
    return destinations.map(({ sink, priority, timeToLiveSecs }) => {
      const endpoint =
        sink.kind === 'upstream' ? UPSTREAM_ENDPOINT : `${this.#o.deviceId}/${sink.moduleId}/${sink.input}`;
      const queue = sink.kind === 'upstream' ? UPSTREAM_PREFIX + sender : endpoint;
      this.#pump(queue);
      if (sink.kind === 'upstream') this.#o.links.want(sender);
      return { queue, endpoint, priority, timeToLiveSecs };
    });
  }

  hasUpstream(clientId: string): boolean {
    return !this.#o.store.isEmpty(UPSTREAM_PREFIX + clientId);
  }

  /** A client connected downstream, or an identity upstream: its queues may move. */
  wake(clientId: string): void {
    this.#pumps.get(UPSTREAM_PREFIX + clientId)?.wake();
    for (const [queue, pump] of this.#pumps) if (queue.startsWith(`${clientId}/`)) pump.wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#pumps.values()].map((pump) => pump.stop()));
  }

  #pump(queue: string): void {
    if (this.#stopped || this.#pumps.has(queue)) return;
    const { store, logger } = this.#o;
    const consumer = queue.startsWith(UPSTREAM_PREFIX)
      ? this.#upstream(queue.slice(UPSTREAM_PREFIX.length))
      : this.#input(queue);
    this.#pumps.set(queue, new QueuePump(queue, store, consumer, logger));
  }

  #upstream(clientId: string) {
    const { links, logger } = this.#o;
    links.want(clientId);
    return {
      isReady: () => links.get(clientId)?.isConnected === true,
      deliver: async (message: QueuedMessage): Promise<Outcome> => {
        try {
          await links.get(clientId)!.send(message);
        } catch (error) {
          if (!isPermanent(error)) return 'later';
          logger.error('The cloud will not take this message: dropped', {
            client: clientId,
            bytes: message.body.length,
          });
          return 'refused';
        }
        this.#count(message, UPSTREAM_ENDPOINT, 'upstream');
        return 'delivered';
      },
    };
  }

  #input(queue: string) {
    const [deviceId = '', moduleId = '', input = ''] = queue.split('/');
    const identity: Identity = { deviceId, moduleId };
    const { gateway } = this.#o;
    return {
      isReady: () => gateway().connection(identity) !== undefined,
      deliver: async (message: QueuedMessage, duplicate: boolean): Promise<Outcome> => {
        const { body } = message;
        const result = await gateway().input(identity, input, {
          properties: inputProperties(message),
          body,
          duplicate,
        });
        if (result !== 'acked') return 'later';
        this.#count(message, clientIdOf(identity), input);
        return 'delivered';
      },
    };
  }

  #count(message: QueuedMessage, to: string, input: string): void {
    const seconds = Math.max(0, this.#o.clock.nowMs() - message.enqueuedAtMs) / 1000;
    const fromOutput = message.properties.system.outputName ?? '';
    this.#o.metrics.sent({ from: message.sender, to, fromOutput, toInput: input, priority: message.priority, seconds });
  }
}

/** What a module sees: who sent it, never the output's name (`$.on` is inbound only). */
function inputProperties({ sender, properties }: QueuedMessage): MessageProperties {
  const { outputName: _inboundOnly, ...system } = properties.system;
  const { deviceId = '', moduleId } = parseClientId(sender) ?? {};
  system.connectionDeviceId = deviceId;
  if (moduleId !== undefined) system.connectionModuleId = moduleId;
  return { system, app: properties.app };
}
