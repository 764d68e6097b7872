// Keeps the desired section in step with the hub: patches in order by $version, a full get when one is missing. Pure but for its memory.
// Works on the patches themselves: the SDK's own merged copy is wrong for arrays (cloud.md 1.5).

import { type JsonObject, mergePatch } from '@wayside/protocol';

export type PatchOutcome = 'applied' | 'old' | 'gap';

export class DesiredTracker {
  #document: JsonObject | undefined;

  /** The section as it stands, `$version` included; undefined before the first get. */
  get document(): JsonObject | undefined {
    return this.#document;
  }

  get version(): number {
    return versionOf(this.#document);
  }

  /** A full get outranks everything but a newer patch that came meanwhile. true when it is news. */
  replace(document: JsonObject): boolean {
    if (this.#document !== undefined && versionOf(document) < this.version) return false;
    const { $metadata: _metadata, ...rest } = document;
    this.#document = rest;
    return true;
  }

  /** Applies version + 1; anything older is ignored; a gap asks for a full get. */
  patch(patch: JsonObject): PatchOutcome {
    const version = versionOf(patch);
    if (this.#document === undefined || version > this.version + 1) return 'gap';
    if (version <= this.version) return 'old';
    this.#document = mergePatch(this.#document, patch);
    return 'applied';
  }

  /** After a reconnect the hub may have been restored from older data: the next get counts whatever its version. */
  reset(): void {
    this.#document = undefined;
  }
}

function versionOf(document: JsonObject | undefined): number {
  const version = document?.$version;
  return typeof version === 'number' ? version : 0;
}
