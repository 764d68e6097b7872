// The stream of routes as a node's BGP module sends it (docs/contracts.md 9).

import { type BgpRouteGroup, BgpRouteHash, type BgpRoutes, type BgpWithdrawnGroup } from '@wayside/protocol';

/** Makes a stream as the module does: counts, checksums and numbers are right unless a test spoils them. */
export class Sender {
  readonly routes = new Map<string, [string, string, string, number | null]>();
  epoch = 'e1';
  seq = 0;

  batch(kind: 'snapshot' | 'delta', added: BgpRouteGroup[], withdrawn: BgpWithdrawnGroup[] = [], parts = 1): BgpRoutes {
    for (const { session, prefixes } of withdrawn) for (const p of prefixes) this.routes.delete(`${session} ${p}`);
    for (const { session, prefixes, asPath, med } of added) {
      for (const p of prefixes) this.routes.set(`${session} ${p}`, [session, p, asPath, med]);
    }
    const hash = new BgpRouteHash();
    for (const route of this.routes.values()) hash.toggle(...route);
    this.seq += 1;
    return {
      ...{ schemaVersion: '1.0', atUtc: '2026-01-01T00:00:00Z', epoch: this.epoch, seq: this.seq, kind },
      ...{ part: kind === 'snapshot' ? this.seq : 1, parts, withdrawn, added },
      ...{ routes: this.routes.size, hash: hash.toString() },
    };
  }
}

export const group = (prefixes: string[], session = 'r1', asPath = '65001 65002'): BgpRouteGroup => ({
  ...{ session, asPath, originAsn: 65_002, med: null, prefixes },
});
