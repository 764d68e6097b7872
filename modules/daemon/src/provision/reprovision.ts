// What `POST /device/reprovision` does: asks the source of the identity again. The same identity only gets its module keys registered
// anew and nothing stops; another identity ends the process with 154, and the next start removes the containers of the old one.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import { type DeviceIdentity, identityDigest } from './device-identity.ts';

/** An agent with bad credentials asks at each try; the cloud is not asked more often than this. */
export const REPROVISION_PAUSE_MS = 60_000;

export interface ReprovisionOptions {
  present: DeviceIdentity;
  hostname: string;
  /** Asks the source; for a registration the same key and nonce, so the cloud answers again. Saves what it got. */
  askAgain(): Promise<DeviceIdentity>;
  /** Registers the keys of all module identities again. */
  registerModules(): Promise<void>;
  /** Ends the process so that it starts with the new identity. */
  restart(): void;
  clock: Clock;
  log: Logger;
}

export class Reprovisioner {
  readonly #o: ReprovisionOptions;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(o: ReprovisionOptions) {
    this.#o = o;
  }

  /** Starts the work unless it ran a moment ago. */
  request(): Promise<void> {
    const { clock, log } = this.#o;
    if (clock.monotonicMs() - this.#lastMs < REPROVISION_PAUSE_MS) {
      log.info('Reprovisioning was asked for again and is left out', { pauseMs: REPROVISION_PAUSE_MS });
      return Promise.resolve();
    }
    this.#lastMs = clock.monotonicMs();
    return this.#work().catch((error) => log.error('Reprovisioning failed', { reason: describeError(error) }));
  }

  async #work(): Promise<void> {
    const { present, hostname, askAgain, registerModules, restart, log } = this.#o;
    const next = await askAgain();
    const sameDevice = identityDigest(next, hostname) === identityDigest(present, hostname);
    const sameKey = next.deviceKey.reveal() === present.deviceKey.reveal();
    if (sameDevice && sameKey) {
      await registerModules();
      log.info('Reprovisioned: the identity is the same, module keys are registered again');
      return;
    }
    log.warn('Reprovisioned: the identity changed, the daemon starts anew', { deviceId: next.deviceId, sameDevice });
    restart();
  }
}
