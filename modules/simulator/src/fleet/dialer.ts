// Opens the connections of the whole fleet: paced, each node to its address, to the next address after a failure, as behind a balancer.

import tls from 'node:tls';
import type { Clock } from '@wayside/kit';
import type { LinkTarget } from '../mqtt/mqtt-link.ts';

export interface DialerOptions {
  /** In place of what registration told; empty = none. */
  endpoints: readonly { host: string; port: number }[];
  /** Host of the cloud's URL: a node's port is dialled there. */
  host: string;
  ca: string;
  connectsPerSec: number;
  clock: Clock;
}

export interface DialFrom {
  hubHost: string;
  mqttPort: number;
  localAddress: string | undefined;
  /** Number of the node: spreads the nodes over the endpoints. */
  index: number;
  /** How often this connection failed. */
  attempt: number;
}

export class Dialer {
  readonly #o: DialerOptions;
  readonly #secureContext: tls.SecureContext;
  #nextAtMs = 0;

  constructor(options: DialerOptions) {
    this.#o = options;
    this.#secureContext = tls.createSecureContext({ ca: options.ca, minVersion: 'TLSv1.2' });
  }

  /** Waits for this connection's turn. Rejects when aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    const { clock, connectsPerSec } = this.#o;
    const nowMs = clock.monotonicMs();
    const atMs = Math.max(nowMs, this.#nextAtMs);
    this.#nextAtMs = atMs + 1000 / connectsPerSec;
    if (atMs > nowMs) await clock.sleep(atMs - nowMs, signal);
    signal.throwIfAborted();
  }

  target({ hubHost, mqttPort, localAddress, index, attempt }: DialFrom): LinkTarget {
    const { endpoints, host } = this.#o;
    const endpoint = endpoints[(index + attempt) % Math.max(1, endpoints.length)] ?? { host, port: mqttPort };
    return {
      ...{ ...endpoint, servername: hubHost, secureContext: this.#secureContext },
      ...(localAddress === undefined ? {} : { localAddress }),
    };
  }
}
