// $edgeHub's own twin: its desired section holds the routes, its reported section says what was taken and who is connected (iotedge.md 3.9).

import { clientIdOf, type Identity } from '@wayside/gateway';
import { describeError, type Logger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import type { ConfigOutcome, RouteConfig } from './routes/route-config.ts';
import type { TwinRelay } from './twins/twin-relay.ts';

export interface HubTwinOptions {
  readonly clientId: string;
  readonly deviceId: string;
  readonly version: { version: string; build: string; commit: string };
  readonly relay: TwinRelay;
  readonly routes: RouteConfig;
  readonly logger: Logger;
  readonly onRoutes: () => void;
}

export class HubTwin {
  readonly #o: HubTwinOptions;
  #applied: number | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: HubTwinOptions) {
    this.#o = options;
  }

  /** Who was connected before this start is not known to be so now. */
  start(clients: readonly string[]): void {
    const gone = Object.fromEntries(clients.map((key) => [key, null]));
    this.#report({ schemaVersion: '1.0', version: this.#o.version, clients: gone });
  }

  /** The relay has a newer desired section: it is read whole, since routes are taken as a set. */
  desiredChanged(): void {
    this.#tail = this.#tail
      .then(() => this.#apply())
      .catch((error) => {
        this.#o.logger.error('Own desired properties not taken', { error: describeError(error) });
      });
  }

  clientConnected(identity: Identity, atMs: number): void {
    this.#report({
      clients: { [key(identity)]: { status: 'Connected', lastConnectedTimeUtc: new Date(atMs).toISOString() } },
    });
  }

  /** Leaf devices leave no trace, modules stay as Disconnected. */
  clientDisconnected(identity: Identity, atMs: number): void {
    const isModule = identity.deviceId === this.#o.deviceId;
    const state: JsonObject = { status: 'Disconnected', lastDisconnectedTimeUtc: new Date(atMs).toISOString() };
    this.#report({ clients: { [key(identity)]: isModule ? state : null } });
  }

  async #apply(): Promise<void> {
    const { $version, ...desired } = this.#o.relay.stored(this.#o.clientId).desired;
    if ($version === this.#applied) return;
    const outcome: ConfigOutcome = await this.#o.routes.apply(desired, $version);
    this.#applied = $version;
    if (outcome.code === 200) this.#o.onRoutes();
    const { code, description, version } = outcome;
    this.#report({ lastDesiredVersion: version, lastDesiredStatus: { code, description } });
  }

  #report(patch: JsonObject): void {
    this.#o.relay.patchReported(this.#o.clientId, patch, undefined).catch((error) => {
      this.#o.logger.error('Own reported properties not stored', { error: describeError(error) });
    });
  }
}

/** Client ids as twin keys: `.`, `$` and space may not stand in one. */
function key(identity: Identity): string {
  return clientIdOf(identity).replaceAll('.', '%2E').replaceAll('$', '%24').replaceAll(' ', '%20');
}
