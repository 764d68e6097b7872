// Looks at the server certificate every hour and gives a renewed one to the listeners while they run.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { ServerIdentity } from './server-identity.ts';

export const CERTIFICATE_CHECK_MS = 3_600_000;

export interface CertificateRenewalOptions {
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
  /** What the listeners have now. */
  inUse: Pick<ServerIdentity, 'chain'>;
  /** Reads the certificate, or makes a new one when it is due. */
  ensure(): Promise<ServerIdentity>;
  /** Open connections keep the old certificate, new handshakes get this one. */
  apply(identity: ServerIdentity): void;
}

/** Until the signal. A failure leaves the old certificate in use and is tried again; a third of its lifetime is left for that. */
export async function runCertificateRenewal(options: CertificateRenewalOptions): Promise<void> {
  const { clock, logger, signal } = options;
  let { chain } = options.inUse;
  while (!signal.aborted) {
    await clock.sleep(CERTIFICATE_CHECK_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const identity = await options.ensure();
      // Another replica may have renewed it, or a listener refused it the last time: what counts is what is in use.
      if (identity.chain === chain) continue;
      options.apply(identity);
      chain = identity.chain;
      logger.info('Server certificate renewed', { notAfter: new Date(identity.notAfterMs).toISOString() });
    } catch (error) {
      logger.error('Cannot renew the server certificate', { error: describeError(error) });
    }
  }
}
