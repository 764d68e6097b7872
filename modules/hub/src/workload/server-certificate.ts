// Keeps the listeners' certificate fresh: fetched at start, renewed well before it expires, loaded without closing a connection.

import type { ServerCertificate } from '@wayside/gateway';
import { backoffDelayMs, type Clock, describeError, type Logger, retry } from '@wayside/kit';
import type { ServerCertificateAnswer, WorkloadClient } from './workload-client.ts';

const CERTIFICATE_LIFE_MS = 90 * 86_400_000;
/** Share of the life after which it is renewed. */
const RENEW_AFTER = 2 / 3;
const RETRY_MS_BASE = 1_000;
const RETRY_MS_MAX = 60_000;
/** A certificate that claims a shorter life is not renewed more often than this. */
const RENEWAL_MS_MIN = 10_000;

export class ServerCertificateKeeper {
  readonly #workload: Pick<WorkloadClient, 'serverCertificate'>;
  readonly #commonName: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #expiresAtMs = 0;

  constructor(workload: Pick<WorkloadClient, 'serverCertificate'>, commonName: string, clock: Clock, logger: Logger) {
    this.#workload = workload;
    this.#commonName = commonName;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Asks until the daemon answers: without a certificate there is nothing to serve. */
  first(): Promise<ServerCertificate> {
    return retry(() => this.#fetch(), {
      attempts: 'infinite',
      baseMs: RETRY_MS_BASE,
      maxMs: RETRY_MS_MAX,
      clock: this.#clock,
      signal: this.#stopped.signal,
      isRetryable: () => true,
      onRetry: ({ error }) => this.#logger.warn('No server certificate yet', { error: describeError(error) }),
    });
  }

  /** Renews for ever; `install` must throw when the certificate is unusable. */
  async keep(install: (certificate: ServerCertificate) => void): Promise<void> {
    for (let attempt = 0; !this.#stopped.signal.aborted; ) {
      const leftMs = this.#expiresAtMs - this.#clock.nowMs();
      const waitMs =
        attempt === 0
          ? Math.max(leftMs * RENEW_AFTER, RENEWAL_MS_MIN)
          : backoffDelayMs({ attempt, baseMs: RETRY_MS_BASE, maxMs: RETRY_MS_MAX });
      await this.#clock.sleep(waitMs, this.#stopped.signal).catch(() => undefined);
      if (this.#stopped.signal.aborted) return;
      try {
        install(await this.#fetch());
        attempt = 0;
        this.#logger.info('Server certificate renewed', { expires: new Date(this.#expiresAtMs).toISOString() });
      } catch (error) {
        attempt++;
        this.#logger.warn('Server certificate not renewed', { error: describeError(error) });
      }
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #fetch(): Promise<ServerCertificateAnswer> {
    const answer = await this.#workload.serverCertificate(this.#commonName, this.#clock.nowMs() + CERTIFICATE_LIFE_MS);
    this.#expiresAtMs = answer.expiresAtMs;
    return answer;
  }
}
