// Which hosts this cache serves and where their bytes come from: built-in hosts, CACHEABLE_CUSTOM_N_*, desired origins, or one origin for all.

import type { Semantics } from '../freshness/storable.ts';
import type { OriginTraffic } from '../operate/traffic-counters.ts';
import { BUILT_IN_HOSTS, SIGNED_LINK_HOSTS, SIGNED_LINK_PARAMETERS } from './built-in-hosts.ts';
import { HostPatterns, isHostName } from './host-pattern.ts';

/** One desired or configured origin. */
export interface OriginSettings {
  id: string;
  /** Names or `*.` patterns; an IP literal only from the operator's own environment. */
  hosts: readonly string[];
  /** Port of the origin when there is no url; default 80. */
  port?: number | undefined;
  /** Where the bytes really come from; may be a private address, because the operator wrote it. */
  url?: string | undefined;
  ttlSecs?: number | undefined;
  ignoreQuery?: readonly string[] | undefined;
  /** true: for every client, false: never, undefined: for Delivery Optimization Lite only (connected-cache R2). */
  maskOrigin4xx?: boolean | undefined;
  /** What the origin is; default `content`, for the origin of a plain reverse proxy `http`. */
  semantics?: Semantics | undefined;
  /** Methods other than GET and HEAD are passed on; default false. */
  allowUnsafeMethods?: boolean | undefined;
  /** Cache-Control of clients is obeyed; default with `http` only: a storm of reloads would go to the origin. */
  honourClientCacheControl?: boolean | undefined;
  /** Transfers from this origin at a time; default ORIGIN_TRANSFERS_DEFAULT. */
  transfersMax?: number | undefined;
  /** Hosts with the same alias share one copy. */
  canonical?: string | undefined;
}

/** Where and how to fetch for one host. */
export interface Origin {
  /** Id of the settings it came from; `built-in` otherwise. */
  id: string;
  /** Host as the client named it: Host header upstream. */
  host: string;
  /** First part of the cache key. */
  canonical: string;
  /** scheme://host[:port] to connect to. */
  base: string;
  /** Only public addresses may be connected to. */
  guarded: boolean;
  ttlSecs: number | undefined;
  ignoreQuery: ReadonlySet<string>;
  maskOrigin4xx: boolean | undefined;
  semantics: Semantics;
  allowUnsafeMethods: boolean;
  honourClientCacheControl: boolean;
  /** Transfers at a time; further ones are refused at once. */
  transfersMax: number;
  /** Sent upstream as cacheHostOrigin, when the bytes come from a parent cache. */
  parentParameter: string | null;
  /** The way past the parent, for when it is out; null when there is no parent. */
  direct: Origin | null;
  /** Its counters, filled in by TrafficCounters at the first request. */
  traffic?: OriginTraffic | undefined;
}

export interface OriginTableOptions {
  /** CACHEABLE_CUSTOM_N_*. */
  custom: readonly OriginSettings[];
  /** UPSTREAM_HOST: parent cache `host[:port]`, null for none. */
  parent: string | null;
  /** Plain reverse proxy: every host's bytes come from here. */
  fallback: string | null;
  /** For origins that do not say how many; default ORIGIN_TRANSFERS_DEFAULT. */
  transfersMax?: number;
}

/** Transfers from one origin at a time: 128 objects of four lanes each. More would share its line into uselessness. */
export const ORIGIN_TRANSFERS_DEFAULT = 512;
/** What an operator may set instead. */
export const ORIGIN_TRANSFERS_MAX = 10_000;
const NOTHING: ReadonlySet<string> = new Set();

/** INVARIANT: `resolve` is a pure look-up; setDesired swaps the whole table, so a request sees the old or the new one. */
export class OriginTable {
  readonly #options: OriginTableOptions;
  #patterns: HostPatterns<OriginSettings> = new HostPatterns();
  #literals = new Map<string, OriginSettings>();
  readonly #signed = new HostPatterns<true>();
  /** Grows with each change of the table. */
  version = 0;

  constructor(options: OriginTableOptions) {
    this.#options = options;
    for (const pattern of SIGNED_LINK_HOSTS) this.#signed.add(pattern, true);
    this.setDesired([]);
  }

  /** Replaces the desired origins; they outrank custom hosts, which outrank built-in ones. */
  setDesired(desired: readonly OriginSettings[]): void {
    const patterns = new HostPatterns<OriginSettings>();
    const literals = new Map<string, OriginSettings>();
    for (const settings of [...desired, ...this.#options.custom]) {
      for (const host of settings.hosts) {
        if (isHostName(host) || host.startsWith('*.')) patterns.add(host, settings);
        else if (!literals.has(host)) literals.set(host, settings);
      }
    }
    const builtIn: OriginSettings = { id: 'built-in', hosts: BUILT_IN_HOSTS };
    for (const host of BUILT_IN_HOSTS) patterns.add(host, builtIn);
    this.#patterns = patterns;
    this.#literals = literals;
    this.version += 1;
  }

  /** The origin of a host, undefined when it is not served. Never an IP literal, unless the operator configured exactly that one. */
  resolve(host: string): Origin | undefined {
    const { fallback } = this.#options;
    if (fallback !== null) {
      const { host: authority } = new URL(fallback);
      const settings: OriginSettings = { id: 'default', hosts: [], url: fallback, canonical: 'default' };
      return this.#toOrigin({ ...settings, semantics: 'http', allowUnsafeMethods: true }, authority);
    }
    const settings = isHostName(host) ? this.#patterns.find(host) : this.#literals.get(host);
    return settings === undefined ? undefined : this.#toOrigin(settings, host);
  }

  #toOrigin(settings: OriginSettings, host: string): Origin {
    const { parent } = this.#options;
    const direct = this.#directOrigin(settings, host);
    if (parent === null || settings.url !== undefined) return direct;
    return { ...direct, base: `http://${parent}`, guarded: false, parentParameter: host, direct };
  }

  #directOrigin(settings: OriginSettings, host: string): Origin {
    const named = settings.port === undefined || settings.port === 80 ? host : `${host}:${settings.port}`;
    return {
      id: settings.id,
      host: named,
      canonical: settings.canonical ?? named,
      base: settings.url?.replace(/\/+$/, '') ?? `http://${named}`,
      guarded: settings.url === undefined,
      ttlSecs: settings.ttlSecs,
      ignoreQuery: this.#ignoredParameters(settings, host),
      maskOrigin4xx: settings.maskOrigin4xx,
      semantics: settings.semantics ?? 'content',
      allowUnsafeMethods: settings.allowUnsafeMethods ?? false,
      honourClientCacheControl: settings.honourClientCacheControl ?? settings.semantics === 'http',
      transfersMax: settings.transfersMax ?? this.#options.transfersMax ?? ORIGIN_TRANSFERS_DEFAULT,
      parentParameter: null,
      direct: null,
    };
  }

  #ignoredParameters(settings: OriginSettings, host: string): ReadonlySet<string> {
    if (settings.ignoreQuery !== undefined) return new Set(settings.ignoreQuery);
    return this.#signed.find(host) ? new Set(SIGNED_LINK_PARAMETERS) : NOTHING;
  }
}

/** Key of an object: canonical host, path, and the query without ignored parameters, otherwise byte for byte. */
export function cacheKey(origin: Origin, target: string): string {
  const mark = target.indexOf('?');
  if (mark < 0 || origin.ignoreQuery.size === 0) return `${origin.canonical}${target}`;
  const kept = target
    .slice(mark + 1)
    .split('&')
    .filter((part) => !origin.ignoreQuery.has(part.split('=', 1)[0] as string));
  return `${origin.canonical}${target.slice(0, mark)}${kept.length === 0 ? '' : `?${kept.join('&')}`}`;
}

/** Target to send upstream: the client's, plus the origin parameter when a parent cache is asked. */
export function upstreamTarget(origin: Origin, target: string): string {
  if (origin.parentParameter === null) return target;
  return `${target}${target.includes('?') ? '&' : '?'}cacheHostOrigin=${origin.parentParameter}`;
}
