// Brings the reported section of the twin to what the agent wants it to say: one merge patch at a time, the newest wish only.
// A patch that fails leaves the picture of the twin as it was, so that the next one carries it again.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import { diffPatch, type JsonObject, mergePatch } from '@wayside/protocol';

/** Shortest time between two patches: states that flicker shall not flood the hub. */
const REPORT_GAP_MS = 1_000;
const REPORT_RETRY_MS = 5_000;

export interface ReportSink {
  report(patch: JsonObject): Promise<void>;
}

export class Reporter {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #sink: ReportSink | undefined;
  /** The section as the hub has it. */
  #known: JsonObject = {};
  #wanted: JsonObject | undefined;
  #pumping: Promise<void> | undefined;
  /** Said once, not with every try. */
  #fault = '';
  /** Cuts the pause between patches short. */
  readonly #hurry = new AbortController();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A new connection with the section as its twin get brought it. */
  attach(sink: ReportSink, reported: JsonObject): void {
    const { $version: _version, $metadata: _metadata, ...known } = reported;
    this.#known = known;
    this.#sink = sink;
    this.#pump();
  }

  detach(): void {
    this.#sink = undefined;
  }

  want(section: JsonObject): void {
    this.#wanted = section;
    this.#pump();
  }

  /** The last words before the end: resolves when sent, or rejects. */
  async flush(sink: ReportSink, section: JsonObject): Promise<void> {
    this.#sink = undefined;
    this.#hurry.abort();
    await this.#pumping;
    const patch = diffPatch(this.#known, section);
    if (Object.keys(patch).length > 0) await sink.report(patch);
  }

  #pump(): void {
    this.#pumping ??= this.#sendAll().finally(() => {
      this.#pumping = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    // Several wishes of one turn become one patch.
    await Promise.resolve();
    while (this.#sink && this.#wanted) {
      const sink = this.#sink;
      const patch = diffPatch(this.#known, this.#wanted);
      if (Object.keys(patch).length === 0) return;
      const isSent = await this.#send(sink, patch);
      await this.#clock.sleep(isSent ? REPORT_GAP_MS : REPORT_RETRY_MS, this.#hurry.signal).catch(() => undefined);
    }
  }

  async #send(sink: ReportSink, patch: JsonObject): Promise<boolean> {
    try {
      await sink.report(patch);
      // A reconnect meanwhile has brought a fresher picture.
      if (sink === this.#sink) this.#known = mergePatch(this.#known, patch);
      this.#fault = '';
      return true;
    } catch (error) {
      const text = describeError(error);
      if (text !== this.#fault) this.#logger.warn('Reported properties cannot be sent', { error: text });
      this.#fault = text;
      return false;
    }
  }
}
