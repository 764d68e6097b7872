// The receiving end of the stream of routes, written from docs/contracts.md 9 alone: what it holds, and the gaps it finds.

import { BgpRouteHash, type BgpRoutes } from '@wayside/protocol';

interface Held {
  asPath: string;
  med: number | null;
}

export class RoutesReceiver {
  /** By `session prefix`. */
  routes = new Map<string, Held>();
  readonly messages: BgpRoutes[] = [];
  readonly gaps: string[] = [];
  #next: Map<string, Held> | undefined;
  #epoch = '';
  #seq = 0;

  take(message: BgpRoutes): void {
    this.messages.push(message);
    if (message.epoch === this.#epoch && message.seq <= this.#seq) return;
    const isFirst = message.epoch !== this.#epoch && message.seq === 1 && message.kind === 'snapshot';
    if (!isFirst && (message.epoch !== this.#epoch || message.seq !== this.#seq + 1)) {
      this.gaps.push(`${message.epoch} ${message.seq} after ${this.#epoch} ${this.#seq}`);
      return;
    }
    if (isFirst) this.#next = new Map();
    this.#epoch = message.epoch;
    this.#seq = message.seq;
    const routes = message.kind === 'snapshot' ? (this.#next as Map<string, Held>) : this.routes;
    for (const { session, prefixes } of message.withdrawn) {
      for (const prefix of prefixes) if (!routes.delete(`${session} ${prefix}`)) this.gaps.push(`not held: ${prefix}`);
    }
    for (const { session, asPath, med, prefixes } of message.added) {
      for (const prefix of prefixes) routes.set(`${session} ${prefix}`, { asPath, med });
    }
    // The checksum of a large set takes its time: it is compared at the end of each change.
    const hash = message.part === message.parts ? hashOf(routes) : message.hash;
    if (message.routes !== routes.size || message.hash !== hash) {
      this.gaps.push(`${message.seq}: ${routes.size} routes ${hash}, wanted ${message.routes} ${message.hash}`);
    }
    if (message.kind === 'snapshot' && message.part === message.parts) {
      this.routes = routes;
      this.#next = undefined;
    }
  }

  prefixes(): string[] {
    return [...new Set([...this.routes.keys()].map((key) => key.split(' ')[1] as string))].sort();
  }

  pathOf(prefix: string, session = 'r1'): string | undefined {
    return this.routes.get(`${session} ${prefix}`)?.asPath;
  }
}

function hashOf(routes: ReadonlyMap<string, Held>): string {
  const hash = new BgpRouteHash();
  for (const [key, { asPath, med }] of routes) {
    const [session = '', prefix = ''] = key.split(' ');
    hash.toggle(session, prefix, asPath, med);
  }
  return hash.toString();
}
