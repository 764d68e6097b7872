// Decides once for each pair of host and target what is asked for and of which origin, and remembers it: clients ask for the same thing piece after piece.

import { cacheKey, type Origin, type OriginTable } from '../origin/origins.ts';
import { parseContentRequest } from './content-request.ts';

/** What a host and a target stand for. */
export interface Admission {
  origin: Origin;
  key: string;
  /** Target as the origin is to see it. */
  target: string;
}

/** Refused: `target` is no path or URL, or `host` is not served. */
export type Refusal = { refused: 'target' } | { refused: 'host'; host: string };

/** Remembered in each of two generations; the older one is dropped when the newer one is full. */
const REMEMBERED_MAX = 8192;
/** Longer targets are decided each time: what is remembered stays small. */
const REMEMBERED_CHARS_MAX = 512;

/** INVARIANT: what is remembered was decided by the present table of origins. */
export class Admissions {
  readonly #origins: OriginTable;
  #version = -1;
  #newer = new Map<string, Admission>();
  #older = new Map<string, Admission>();

  constructor(origins: OriginTable) {
    this.#origins = origins;
  }

  /**
   * @param url request target as received
   * @param hostHeader value of Host
   */
  admit(url: string, hostHeader: string | undefined): Admission | Refusal {
    if (this.#version !== this.#origins.version) this.#forget();
    // No target holds a line feed, so the two cannot run into each other.
    const name = `${hostHeader}\n${url}`;
    const known = this.#newer.get(name) ?? this.#older.get(name);
    if (known !== undefined) return known;
    const decided = this.#decide(url, hostHeader);
    if ('key' in decided && name.length <= REMEMBERED_CHARS_MAX) this.#remember(name, decided);
    return decided;
  }

  #decide(url: string, hostHeader: string | undefined): Admission | Refusal {
    const wanted = parseContentRequest(url, hostHeader);
    if (wanted === undefined) return { refused: 'target' };
    const { host, target } = wanted;
    const origin = this.#origins.resolve(host);
    if (origin === undefined) return { refused: 'host', host };
    return { origin, key: cacheKey(origin, target), target };
  }

  #remember(name: string, admission: Admission): void {
    if (this.#newer.size >= REMEMBERED_MAX) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(name, admission);
  }

  #forget(): void {
    this.#version = this.#origins.version;
    this.#newer = new Map();
    this.#older = new Map();
  }
}
