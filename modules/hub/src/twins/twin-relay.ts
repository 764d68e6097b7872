// Twins both ways: GET from the cloud or from the stored copy, reported patches stored, coalesced and sent up, desired patches down.
//
// INVARIANTS: a reported patch is on disk before it is answered; a patch leaves `unsentPatch` only when the cloud took it, and patches that
// came meanwhile stay; work on one client's twin is done one piece after the other; desired versions handed down only go up, unless the
// cloud made the twin anew.

import { IotHubError } from '@wayside/gateway';
import { type Clock, describeError, isEdgeError, type Logger } from '@wayside/kit';
import {
  checkTwinSection,
  diffPatch,
  type JsonObject,
  jsonEqual,
  mergePatch,
  type TwinProperties,
} from '@wayside/protocol';
import type { LinkSet } from '../upstream/link-set.ts';
import type { UpstreamLink } from '../upstream/upstream-link.ts';
import { coalescePatches } from './coalesce.ts';
import type { StoredTwin, TwinStore } from './twin-store.ts';

export interface TwinRelayOptions {
  readonly store: TwinStore;
  readonly links: LinkSet;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Least time between two reported patches of one client to the cloud. */
  readonly reportSpacingMs: number;
  /** The hub's own connection stands: others can be expected to come up soon. */
  readonly isCloudReachable: () => boolean;
  /** A desired patch for a client; body without `$version`. */
  readonly onDesired: (clientId: string, patch: JsonObject, version: number) => void;
  /** A client reported: the patch as it came. */
  readonly onReported: (clientId: string, patch: JsonObject, version: number) => void;
}

/** The cloud refused a patch this often while the connection was good: it will not take it. */
const REFUSALS_MAX = 3;
/** How long a twin GET waits for the client's connection to the cloud. */
const TWIN_WAIT_MS = 10_000;
const REFUSED_RETRY_MS = 5_000;
const BAD_REQUEST = { status: 400, errorCode: 400_004 };
const PRECONDITION_FAILED = { status: 412, errorCode: 412_001 };

export class TwinRelay {
  readonly #o: TwinRelayOptions;
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #sending = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();

  constructor(options: TwinRelayOptions) {
    this.#o = options;
  }

  hasUnsent(clientId: string): boolean {
    return this.#o.store.get(clientId).unsentPatch !== undefined;
  }

  /** Reported changes of an earlier run: their identities are connected to bring them up. */
  start(): void {
    for (const clientId of this.#o.store.unsent()) this.#send(clientId);
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** The cloud's twin when it answers, else the stored copy. */
  async get(clientId: string): Promise<TwinProperties> {
    const link = this.#o.links.want(clientId);
    // A client that has just connected is worth a wait: its own connection to the cloud is being opened.
    const isWorthWaiting = this.#o.isCloudReachable() || !this.#o.store.get(clientId).synced;
    if (link && (await link.whenConnected(isWorthWaiting ? TWIN_WAIT_MS : 0))) {
      try {
        await this.pull(link);
      } catch (error) {
        this.#o.logger.info('Twin read from the stored copy', { client: clientId, error: describeError(error) });
      }
    }
    return this.stored(clientId);
  }

  /** The stored copy; empty sections with version 0 when there is none. */
  stored(clientId: string): TwinProperties {
    const twin = this.#o.store.get(clientId);
    return {
      desired: { ...twin.desired, $version: twin.desiredVersion },
      reported: { ...twin.reported, $version: twin.reportedVersion },
    };
  }

  /** Stores the patch, answers the new version; the cloud gets it later. */
  patchReported(clientId: string, patch: JsonObject, ifVersion: number | undefined): Promise<number> {
    return this.#inTurn(clientId, async () => {
      const { $version: _ignored, ...changes } = patch;
      const twin = this.#o.store.get(clientId);
      if (ifVersion !== undefined && ifVersion !== twin.reportedVersion) {
        throw refusal(PRECONDITION_FAILED, `Reported version is ${twin.reportedVersion}, wanted ${ifVersion}`);
      }
      const reported = mergePatch(twin.reported, changes);
      const [problem] = [...checkTwinSection(changes), ...checkTwinSection(reported)];
      if (problem) throw refusal(BAD_REQUEST, `${problem.path}: ${problem.message}`);
      const unsentPatch = twin.unsentPatch ? coalescePatches(twin.unsentPatch, changes) : changes;
      const reportedVersion = twin.reportedVersion + 1;
      await this.#o.store.put(clientId, { ...twin, reported, reportedVersion, unsentPatch });
      this.#o.onReported(clientId, changes, reportedVersion);
      this.#send(clientId);
      return reportedVersion;
    });
  }

  /** A patch from the cloud: the next version is merged, a gap makes us read the whole twin, an old one is ignored. */
  desired(link: UpstreamLink, patch: JsonObject): void {
    const { clientId } = link;
    const version = Number(patch.$version);
    void this.#inTurn(clientId, async () => {
      const twin = this.#o.store.get(clientId);
      if (!twin.synced || version !== twin.desiredVersion + 1) {
        if (!twin.synced || !(version <= twin.desiredVersion)) await this.#pullNow(link);
        return;
      }
      const { $version: _, ...changes } = patch;
      await this.#o.store.put(clientId, {
        ...twin,
        desired: mergePatch(twin.desired, changes),
        desiredVersion: version,
      });
      this.#o.onDesired(clientId, changes, version);
    }).catch((error) => {
      this.#o.logger.warn('Desired patch not taken', { client: clientId, error: describeError(error) });
      link.reset(error);
    });
  }

  /** Reads the twin from the cloud; differences in the desired section go down as one patch. */
  pull(link: UpstreamLink): Promise<void> {
    return this.#inTurn(link.clientId, () => this.#pullNow(link));
  }

  /** The identity is connected to the cloud: what it reported goes up. */
  connected(clientId: string): void {
    if (this.hasUnsent(clientId)) this.#send(clientId);
  }

  async #pullNow(link: UpstreamLink): Promise<void> {
    const { clientId } = link;
    const cloud = await link.getTwin();
    const twin = this.#o.store.get(clientId);
    const { $version: desiredVersion = 0, ...desired } = cloud.desired ?? {};
    const { $version: cloudReportedVersion = 0, ...cloudReported } = cloud.reported ?? {};
    const reported = twin.unsentPatch ? mergePatch(cloudReported, twin.unsentPatch) : cloudReported;
    // While a patch waits, the number told to the client must not fall behind the one it was given.
    const reportedVersion = twin.unsentPatch
      ? Math.max(twin.reportedVersion, cloudReportedVersion)
      : cloudReportedVersion;
    const next: StoredTwin = {
      desired,
      desiredVersion,
      reported,
      reportedVersion,
      unsentPatch: twin.unsentPatch,
      synced: true,
    };
    if (jsonEqual(next, twin)) return;
    await this.#o.store.put(clientId, next);
    const patch = diffPatch(twin.desired, desired);
    const changed = Object.keys(patch).length > 0;
    if (changed || (!twin.synced && desiredVersion > 0)) this.#o.onDesired(clientId, patch, desiredVersion);
  }

  /** One sender a client at a time; it goes on until nothing is left or the connection fails. */
  #send(clientId: string): void {
    this.#o.links.want(clientId);
    if (this.#sending.has(clientId) || this.#stopped.signal.aborted) return;
    const run = this.#sendAll(clientId)
      .catch((error) =>
        this.#o.logger.debug('Reported properties wait', { client: clientId, error: describeError(error) }),
      )
      .finally(() => {
        this.#sending.delete(clientId);
        // The connection may have come back while this run was failing.
        if (this.#o.links.get(clientId)?.isConnected && this.hasUnsent(clientId)) this.#send(clientId);
      });
    this.#sending.set(clientId, run);
  }

  async #sendAll(clientId: string): Promise<void> {
    const { links, clock, reportSpacingMs, logger } = this.#o;
    for (let refusals = 0; !this.#stopped.signal.aborted; ) {
      const link = links.get(clientId);
      const patch = this.#o.store.get(clientId).unsentPatch;
      if (!patch || !link?.isConnected) return;
      try {
        await link.patchReported(patch);
        await this.#taken(clientId, patch);
        refusals = 0;
      } catch (error) {
        if (isEdgeError(error) || !link.isConnected) throw error;
        refusals++;
        logger.warn('The cloud refused reported properties', {
          client: clientId,
          refusals,
          error: describeError(error),
        });
        if (refusals >= REFUSALS_MAX) {
          await this.#taken(clientId, patch);
          await this.pull(link);
        } else await clock.sleep(REFUSED_RETRY_MS, this.#stopped.signal);
      }
      await clock.sleep(reportSpacingMs, this.#stopped.signal);
    }
  }

  /** What was sent leaves the unsent patch; what came meanwhile stays. */
  #taken(clientId: string, sent: JsonObject): Promise<void> {
    return this.#inTurn(clientId, async () => {
      const twin = this.#o.store.get(clientId);
      const unsentPatch =
        twin.unsentPatch === undefined || jsonEqual(twin.unsentPatch, sent) ? undefined : twin.unsentPatch;
      await this.#o.store.put(clientId, { ...twin, unsentPatch });
    });
  }

  #inTurn<T>(clientId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(clientId) ?? Promise.resolve();
    const after = before.then(work, work);
    this.#tails.set(clientId, after);
    const forget = () => {
      if (this.#tails.get(clientId) === after) this.#tails.delete(clientId);
    };
    after.then(forget, forget);
    return after;
  }
}

function refusal({ status, errorCode }: { status: number; errorCode: number }, message: string): IotHubError {
  return new IotHubError(status, errorCode, message);
}
