// One bit an object, by id, in pages: what is used lies close together in the order of arrival, so a million objects take some 100 KiB.

/** Ids a page covers. */
export const BITS_PER_PAGE = 4096;
const PAGE_BYTES = BITS_PER_PAGE / 8;
const BITS_IN_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/** A page as it is kept on disk: bit i is id page * BITS_PER_PAGE + i; null = no bit set. */
export interface BitPage {
  page: number;
  bits: Uint8Array | null;
}

interface HeldPage {
  bits: Uint8Array;
  count: number;
}

export class VisitedBits {
  readonly #pages = new Map<number, HeldPage>();
  /** Pages that differ from what was last taken by takeChanges(). */
  readonly #changed = new Set<number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(id: number): void {
    const page = Math.floor(id / BITS_PER_PAGE);
    let held = this.#pages.get(page);
    if (held === undefined) {
      held = { bits: new Uint8Array(PAGE_BYTES), count: 0 };
      this.#pages.set(page, held);
    }
    const bit = id % BITS_PER_PAGE;
    const byte = held.bits[bit >> 3] as number;
    const mask = 1 << (bit & 7);
    if ((byte & mask) !== 0) return;
    held.bits[bit >> 3] = byte | mask;
    held.count += 1;
    this.#count += 1;
    this.#changed.add(page);
  }

  has(id: number): boolean {
    const bit = id % BITS_PER_PAGE;
    const byte = this.#pages.get(Math.floor(id / BITS_PER_PAGE))?.bits[bit >> 3] ?? 0;
    return (byte & (1 << (bit & 7))) !== 0;
  }

  /** True when the bit was set. */
  delete(id: number): boolean {
    const page = Math.floor(id / BITS_PER_PAGE);
    const held = this.#pages.get(page);
    if (held === undefined) return false;
    const bit = id % BITS_PER_PAGE;
    const byte = held.bits[bit >> 3] as number;
    const mask = 1 << (bit & 7);
    if ((byte & mask) === 0) return false;
    held.bits[bit >> 3] = byte & ~mask;
    held.count -= 1;
    this.#count -= 1;
    this.#changed.add(page);
    if (held.count === 0) this.#pages.delete(page);
    return true;
  }

  /** The pages that changed since the last call. */
  takeChanges(): BitPage[] {
    const changes = [...this.#changed].map((page) => ({ page, bits: this.#pages.get(page)?.bits ?? null }));
    this.#changed.clear();
    return changes;
  }

  /** Adds the bits of stored pages; pages of another length are ignored. */
  load(pages: Iterable<BitPage>): void {
    for (const { page, bits } of pages) {
      if (bits === null || bits.length !== PAGE_BYTES) continue;
      const held = this.#pages.get(page) ?? { bits: new Uint8Array(PAGE_BYTES), count: 0 };
      this.#count -= held.count;
      held.count = 0;
      for (let i = 0; i < PAGE_BYTES; i += 1) {
        const byte = (held.bits[i] as number) | (bits[i] as number);
        held.bits[i] = byte;
        held.count += BITS_IN_BYTE[byte] as number;
      }
      this.#count += held.count;
      if (held.count > 0) this.#pages.set(page, held);
      this.#changed.delete(page);
    }
  }
}
