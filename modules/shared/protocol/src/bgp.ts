// Messages and direct methods of the module `bgp`, the route collector of a node (docs/contracts.md 9). Whose they are says the
// authenticated identity they came with (device = node, module = BGP_MODULE_ID), never the body.

/** Module identity that the cloud takes BGP messages from. */
export const BGP_MODULE_ID = 'bgp';
/** Property messageType of BgpRoutes and of BgpState. */
export const BGP_ROUTES_MESSAGE_TYPE = 'bgpRoutes';
export const BGP_STATE_MESSAGE_TYPE = 'bgpState';
/** JSON body of one message; IoT Hub takes 256 KiB with the properties. */
export const BGP_MESSAGE_BYTES_MAX = 200 * 1024;
/** Between two BgpState messages of a module on which nothing changes. */
export const BGP_STATE_INTERVAL_SECS = 60;

/**
 * Limits of the desired properties (docs/contracts.md 9; connected-cache.md 4.4 rule 7: 15 min, 200,000 prefixes). The module holds to them,
 * and whoever writes the properties for it refuses the same.
 */
export const BGP_LIMITS = {
  sessionsMax: 20,
  /** Length of a TCP MD5 key in Linux (TCP_MD5SIG_MAXKEYLEN). */
  passwordCharactersMax: 80,
  hopsMax: 255,
  holdSecs: { max: 86_400, default: 900 },
  /** RFC 4271 4.2: 0 or at least 3; without keepalives a dead router would never be noticed, so 0 is refused. The default is BIRD's. */
  holdTimeSecs: { min: 3, max: 65_535, default: 240 },
  maxPrefixes: { max: 2_000_000, default: 200_000 },
  /** All sessions together: 150 bytes a route in BIRD, 9 to 21 in the module. */
  maxPrefixesSum: 8_000_000,
} as const;

export const BGP_ASN_MAX = 4_294_967_294;
/** RFC 7607, RFC 6793 (AS_TRANS), RFC 7300. */
const BGP_ASNS_RESERVED = [0, 23_456, 65_535, 4_294_967_295];
/** `session1`, `transit_v6`: a key of a twin, and a name in BIRD's configuration. */
export const BGP_SESSION_ID = /^[A-Za-z][A-Za-z0-9_]{0,31}$/;

/** An AS number that a router can have (RFC 6793). */
export function isBgpAsn(value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  return value >= 1 && value <= BGP_ASN_MAX && !BGP_ASNS_RESERVED.includes(value);
}

/** Can the text be a TCP MD5 key? Printable ASCII without `"`, which ends a text in BIRD's configuration; the length apart. */
export function isBgpPasswordText(text: string): boolean {
  return text !== '' && /^[\x20-\x7e]*$/.test(text) && !text.includes('"');
}

/** Routes of one session that share their attributes. */
export interface BgpRouteGroup {
  /** Id of the session in the desired properties. */
  session: string;
  /** As BIRD prints it: AS numbers from the neighbour to the origin, `{1 2}` = set; '' = originated inside the neighbour's AS (iBGP). */
  asPath: string;
  /** null: the last element of the path is a set, or the path is empty. */
  originAsn: number | null;
  /** MULTI_EXIT_DISC; null = not sent. */
  med: number | null;
  /** `a.b.c.d/n` or RFC 5952 text with /n, host bits clear. */
  prefixes: string[];
}

export interface BgpWithdrawnGroup {
  session: string;
  prefixes: string[];
}

/**
 * One batch of the stream of routes, messageType=bgpRoutes.
 *
 * - A route is (session, prefix). `added` sets it, in place of the one before; `withdrawn` is applied first.
 * - The stream is cut into epochs. An epoch begins with a snapshot: `kind: 'snapshot'`, seq 1 to `parts`; what the receiver held before
 *   stays in force until the part with `part === parts` has come, then the snapshot takes its place. Deltas follow, seq counts on.
 * - A batch with a seq that was taken already is a repetition (at least once delivery): ignored.
 * - Gap: a seq left out, an unknown epoch that does not start with seq 1, or `routes` / `hash` that differ after the batch was applied.
 *   Then the receiver keeps what it has and calls `resync`; the answer to it is a new epoch.
 * - Batches of an epoch are sent in the order of their seq, the next one when the one before is acknowledged.
 */
export interface BgpRoutes {
  schemaVersion: '1.0';
  /** When the batch was made, ISO 8601 UTC. */
  atUtc: string;
  /** GUID of the epoch. */
  epoch: string;
  /** 1, 2, 3 ... within the epoch. */
  seq: number;
  kind: 'snapshot' | 'delta';
  /** Number of this batch within its snapshot or change, from 1. */
  part: number;
  parts: number;
  withdrawn: BgpWithdrawnGroup[];
  added: BgpRouteGroup[];
  /** Routes of the epoch after this batch; in a snapshot those of the parts so far. */
  routes: number;
  /** bgpRouteHash over these routes: 16 hexadecimal digits. */
  hash: string;
}

/** RFC 4271 8.2.2, and `Disabled`: shut here (limit, or the engine is not running). */
export type BgpSessionState = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established' | 'Disabled';

export interface BgpSession {
  id: string;
  neighborAddress: string;
  neighborAsn: number;
  localAsn: number;
  state: BgpSessionState;
  /** Why it is not established, one sentence; '' when it is. */
  reason: string;
  /** Since when it is in this state. */
  sinceUtc: string;
  /** Since the session came up; null when it is not up. */
  uptimeSecs: number | null;
  /** Times it went down since the module started. */
  downs: number;
  prefixes: {
    /** Held by the engine at this moment. */
    accepted: number;
    filtered: number;
    /** maxPrefixes of the session. */
    limit: number;
    /** Reported as routes: what the stream of BgpRoutes holds of this session. */
    reported: number;
  };
  /** The session is lost and its routes stay until then (null: until the cause is gone, after the prefix limit). null = nothing is held. */
  held: { untilUtc: string | null } | null;
}

export interface BgpIssue {
  /** A code of docs/errors.md. */
  code: string;
  /** null: the whole module. */
  session: string | null;
  text: string;
  sinceUtc: string;
}

/** messageType=bgpState: at once when a session or an issue changes, else every BGP_STATE_INTERVAL_SECS. */
export interface BgpState {
  schemaVersion: '1.0';
  atUtc: string;
  engine: { name: 'BIRD'; version: string | null; running: boolean };
  /** $version of the desired properties in force. */
  appliedVersion: number | null;
  /** End of the stream of BgpRoutes that edgeHub has acknowledged: a receiver that has not come this far lost its tail. null before the first. */
  stream: { epoch: string; seq: number; routes: number; hash: string } | null;
  sessions: BgpSession[];
  issues: BgpIssue[];
}

/** Payload of the direct method `prefixes`. All conditions must hold. */
export interface BgpPrefixesRequest {
  session?: string;
  /** Address or prefix: only prefixes that contain it, the longest first. */
  contains?: string;
  /** Prefix: only prefixes that lie within it. */
  coveredBy?: string;
  /** 1 to 1000, default 100. */
  limit?: number;
  /** `next` of the page before. */
  after?: string;
}

export interface BgpPrefix {
  prefix: string;
  session: string;
  asPath: string;
  originAsn: number | null;
  med: number | null;
}

export interface BgpPrefixesAnswer {
  prefixes: BgpPrefix[];
  /** null = the last page. */
  next: string | null;
  /** Routes held in all, whatever the conditions. */
  total: number;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const SECOND_OFFSET = 0x9747b28c;
const SECOND_PRIME = 0x5bd1e995;

/**
 * Checksum of a set of routes that can be kept up to date: order does not matter, add() and remove() are the same operation (exclusive or).
 * It finds losses, not attackers: the sender is authenticated.
 */
export class BgpRouteHash {
  #high = 0;
  #low = 0;

  static from(text: string): BgpRouteHash {
    if (!/^[0-9a-f]{16}$/.test(text)) throw new RangeError(`Hash is "${text}", wanted 16 hexadecimal digits`);
    const hash = new BgpRouteHash();
    hash.#high = Number.parseInt(text.slice(0, 8), 16);
    hash.#low = Number.parseInt(text.slice(8), 16);
    return hash;
  }

  /** Adds a route that is not in the set, or takes out one that is. */
  toggle(session: string, prefix: string, asPath: string, med: number | null): void {
    const text = `${session} ${prefix} ${asPath}|${med ?? ''}`;
    let high = FNV_OFFSET;
    let low = SECOND_OFFSET;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      high = Math.imul(high ^ code, FNV_PRIME);
      low = Math.imul(low ^ code, SECOND_PRIME);
      low ^= low >>> 15;
    }
    this.#high = (this.#high ^ high ^ (high >>> 16)) >>> 0;
    this.#low = (this.#low ^ low) >>> 0;
  }

  toString(): string {
    return this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0');
  }
}

/** Last AS of a path as BIRD prints it; null when that is a set or the path is empty. */
export function originAsnOf(asPath: string): number | null {
  const last = /(\d+)$/.exec(asPath)?.[1];
  return last === undefined ? null : Number(last);
}

/** Length for route selection: a set counts once (RFC 4271 9.1.2.2), confederation segments not at all (RFC 5065 5.3). */
export function asPathLength(asPath: string): number {
  const plain = asPath.replace(/\([^)]*\)/g, ' ').replace(/\{[^}]*\}/g, ' 0 ');
  return plain.split(' ').filter((part) => part !== '').length;
}
