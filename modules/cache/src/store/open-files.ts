// Which files are open, the one opened first in front: keeps their number bounded at a constant cost for each file that is opened.

/** Open files; the process limit is far higher in a container, sockets need most of it. */
const OPEN_FILES_MAX = 8192;
/** Files looked at for each one opened above the limit: more than one, so that the number comes down again after many were in use. */
const LOOKS_MAX = 4;

export interface OpenFile {
  /** -1 when closed. */
  readonly fd: number;
  readonly uses: number;
  readonly work: { readonly isActive: boolean } | null;
  /** False when it stays open, because somebody uses it. */
  closeFile(): boolean;
}

export class OpenFiles {
  readonly #files = new Set<OpenFile>();
  readonly #max: number;

  constructor(max: number = OPEN_FILES_MAX) {
    this.#max = max;
  }

  /** Files that may be open; some were closed by others meanwhile. */
  get size(): number {
    return this.#files.size;
  }

  /** Notes a file that was just opened, and closes old ones that nobody uses when there are too many. */
  note(file: OpenFile): void {
    this.#files.delete(file);
    this.#files.add(file);
    if (this.#files.size <= this.#max) return;
    let looks = 0;
    for (const oldest of this.#files) {
      if (looks >= LOOKS_MAX || this.#files.size <= this.#max) return;
      looks += 1;
      this.#files.delete(oldest);
      if (oldest.fd < 0) continue;
      const isBusy = oldest.uses > 0 || oldest.work?.isActive === true;
      // In use: it is looked at again when its turn comes.
      if (isBusy || !oldest.closeFile()) this.#files.add(oldest);
    }
  }
}
