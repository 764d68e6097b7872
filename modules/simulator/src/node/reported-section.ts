// Brings the reported section of a twin to what its module wants to say: merge patches of the difference, one at a time, the newest wish only.

import { diffPatch, type JsonObject, mergePatch, type TwinProperties } from '@wayside/protocol';
import type { Figures } from '../fleet/figures.ts';
import type { DeviceClient } from '../mqtt/device-client.ts';

export class ReportedSection {
  readonly #figures: Figures;
  #client: DeviceClient | undefined;
  /** As the cloud has it. */
  #known: JsonObject = {};
  #wanted: JsonObject | undefined;
  #sent: JsonObject | undefined;
  #isSending = false;

  constructor(figures: Figures) {
    this.#figures = figures;
  }

  /** The cloud has the newest wish. */
  get isSent(): boolean {
    return this.#wanted !== undefined && this.#sent === this.#wanted;
  }

  attach(client: DeviceClient, twin: TwinProperties): void {
    const { $version: _version, ...known } = twin.reported as JsonObject;
    this.#known = known;
    this.#client = client;
    void this.#send();
  }

  detach(): void {
    this.#client = undefined;
  }

  want(section: JsonObject): void {
    this.#wanted = section;
    void this.#send();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#client && this.#wanted) {
        const client = this.#client;
        const wanted = this.#wanted;
        const patch = diffPatch(this.#known, wanted);
        if (Object.keys(patch).length === 0) {
          this.#sent = wanted;
          return;
        }
        await client.report(patch);
        this.#figures.reports += 1;
        if (client === this.#client) this.#known = mergePatch(this.#known, patch);
      }
    } catch (error) {
      // What is not said is said on the next connection, or with the next wish.
      this.#figures.lastFault = (error as Error).message;
    } finally {
      this.#isSending = false;
    }
  }
}
