// Finds and files the variants of a resource. Under the resource's own key stands a mark that names the selecting fields; each variant is
// an object of its own under a longer key. A resource without Vary has no mark and costs nothing here.

import { randomBytes } from 'node:crypto';
import type { CacheObject } from '../store/cache-object.ts';
import type { ObjectMeta, VariantList } from '../store/object-meta.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { preferredLanguage, type RequestLookup, variantValues, varyFields } from './vary.ts';

/** Variants kept of one resource; the oldest makes room. A client that invents field values fills no drive. */
export const VARIANTS_MAX = 64;
const LANGUAGE_FIELD = 'accept-language';

export interface VariantResponse {
  /** Of the response, by lower-case name. */
  headers: Readonly<Record<string, string>>;
  requestAtMs: number;
  responseAtMs: number;
  host: string;
}

export class VariantIndex {
  readonly #store: Pick<ObjectStore, 'find' | 'peek' | 'create' | 'drop' | 'touch'>;

  constructor(store: Pick<ObjectStore, 'find' | 'peek' | 'create' | 'drop' | 'touch'>) {
    this.#store = store;
  }

  /** Key of the variant that this request selects. */
  keyOf(mark: CacheObject, request: RequestLookup): string {
    return variantKey(mark.key, mark.meta.variants as VariantList, request);
  }

  /** The selected variant, when it is in memory. */
  peek(mark: CacheObject, request: RequestLookup): CacheObject | undefined {
    this.#store.touch(mark);
    return this.#store.peek(this.keyOf(mark, request));
  }

  /** The selected variant; failing that, one in the language that this client wants most. */
  find(mark: CacheObject, request: RequestLookup): CacheObject | undefined {
    this.#store.touch(mark);
    const found = this.#store.find(this.keyOf(mark, request));
    if (found !== undefined) return found;
    const { fields, kept } = mark.meta.variants as VariantList;
    if (!fields.includes(LANGUAGE_FIELD)) return undefined;
    const language = preferredLanguage(request(LANGUAGE_FIELD));
    if (language === undefined) return undefined;
    const others = otherValues(fields, request);
    const inLanguage = kept.find((variant) => variant.language === language && variant.others === others);
    return inLanguage === undefined ? undefined : this.#store.find(inLanguage.key);
  }

  /**
   * Key under which a response is to be stored; makes or renews the mark.
   * @returns undefined when the mark fits no drive
   */
  async admit(key: string, response: VariantResponse, request: RequestLookup): Promise<string | undefined> {
    const wanted = varyFields(response.headers.vary);
    if (wanted.length === 0) return key;
    const former = this.#store.find(key);
    const list = renewed(former?.meta.variants, wanted);
    const storeKey = variantKey(key, list, request);
    const added = {
      key: storeKey,
      others: otherValues(list.fields, request),
      language: (response.headers['content-language'] ?? '').trim().toLowerCase(),
    };
    const kept = [...list.kept.filter((variant) => variant.key !== storeKey), added];
    const dropped = kept.splice(0, Math.max(0, kept.length - VARIANTS_MAX));
    const variants: VariantList = { ...list, kept };
    if (former?.meta.variants !== undefined && !former.isObsolete) {
      former.setMeta({ ...former.meta, variants });
    } else {
      const { requestAtMs, responseAtMs, host } = response;
      const meta: ObjectMeta = { headers: {}, requestAtMs, responseAtMs, host, ranged: false, variants };
      if ((await this.#store.create(key, 0, meta)) === undefined) return undefined;
    }
    for (const variant of dropped) await this.#drop(variant.key);
    return storeKey;
  }

  /** Drops all variants of a mark, and the mark. */
  async dropAll(mark: CacheObject): Promise<void> {
    for (const { key } of (mark.meta.variants as VariantList).kept) await this.#drop(key);
    await this.#store.drop(mark);
  }

  async #drop(key: string): Promise<void> {
    const object = this.#store.find(key);
    if (object !== undefined) await this.#store.drop(object);
  }
}

/** Fields only come on: a response that names fewer of them was selected by the others all the same. */
function renewed(former: VariantList | undefined, wanted: readonly string[]): VariantList {
  if (former !== undefined && wanted.every((field) => former.fields.includes(field))) return former;
  const fields = [...new Set([...(former?.fields ?? []), ...wanted])].sort();
  return { fields, epoch: randomBytes(6).toString('hex'), kept: former?.kept ?? [] };
}

/** A space never stands in a request target, so no resource has such a key. */
function variantKey(key: string, { fields, epoch }: VariantList, request: RequestLookup): string {
  return `${key} ${epoch} ${variantValues(fields, request)}`;
}

function otherValues(fields: readonly string[], request: RequestLookup): string {
  return variantValues(
    fields.filter((field) => field !== LANGUAGE_FIELD),
    request,
  );
}
