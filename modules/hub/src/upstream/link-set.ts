// The connections to the cloud, one per identity, opened when wanted and closed when nobody needs them.

import { type Identity, parseClientId } from '@wayside/gateway';
import type { Clock, Logger } from '@wayside/kit';
import type { LinkOptions } from './upstream-link.ts';
import { UpstreamLink } from './upstream-link.ts';

/** How often links nobody needs are closed, and links that stand still are looked for. */
const SWEEP_MS = 5_000;
/** Messages wait, the connection claims to be good, and nothing was acknowledged for this long: it is made anew. */
const STALLED_MS_MAX = 90_000;

export interface LinkSetOptions extends LinkOptions {
  /** Somebody is connected, messages wait, a patch is unsent. */
  readonly isNeeded: (clientId: string) => boolean;
  /** Messages wait for this identity. */
  readonly hasWaiting: (clientId: string) => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class LinkSet {
  readonly #options: LinkSetOptions;
  readonly #links = new Map<string, UpstreamLink>();
  readonly #sweeper: NodeJS.Timeout;
  #stopped = false;

  constructor(options: LinkSetOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  get(clientId: string): UpstreamLink | undefined {
    return this.#links.get(clientId);
  }

  all(): UpstreamLink[] {
    return [...this.#links.values()];
  }

  /** The link of an identity, opened when there is none. undefined when the name is no identity, or the hub is closing. */
  want(clientId: string): UpstreamLink | undefined {
    const known = this.#links.get(clientId);
    if (known) return known;
    const identity: Identity | undefined = parseClientId(clientId);
    if (!identity || this.#stopped) return undefined;
    const link = new UpstreamLink(identity, this.#options);
    this.#links.set(clientId, link);
    return link;
  }

  /** Closes the link unless something still needs it. */
  release(clientId: string): void {
    const link = this.#links.get(clientId);
    if (!link || this.#options.isNeeded(clientId)) return;
    this.#links.delete(clientId);
    void link.stop();
  }

  /** The cloud was just reached: pauses of the others end. */
  nudgeOthers(except: UpstreamLink): void {
    for (const link of this.#links.values()) if (link !== except && !link.isConnected) link.nudge();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#sweeper);
    await Promise.all([...this.#links.values()].map((link) => link.stop()));
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [clientId, link] of this.#links) {
      this.release(clientId);
      if (!link.isConnected || !this.#options.hasWaiting(clientId)) continue;
      if (nowMs - link.lastAckAtMs < STALLED_MS_MAX) continue;
      this.#options.logger.warn('Connection to the cloud stands still: it is made anew', { client: clientId });
      link.reset(new Error('no acknowledgement while messages wait'));
    }
  }
}
