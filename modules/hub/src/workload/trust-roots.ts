// The certificates the hub trusts upstream: the daemon's trust bundle and the well-known roots. The last bundle read stays when the daemon is away.

import { rootCertificates } from 'node:tls';
import { describeError, type Logger } from '@wayside/kit';
import type { WorkloadClient } from './workload-client.ts';

export class TrustRoots {
  readonly #workload: Pick<WorkloadClient, 'trustBundle'>;
  readonly #logger: Logger;
  #pems: string[] = [];

  constructor(workload: Pick<WorkloadClient, 'trustBundle'>, logger: Logger) {
    this.#workload = workload;
    this.#logger = logger;
  }

  /** PEM; empty before the first read. */
  get pems(): string[] {
    return this.#pems;
  }

  /** Never rejects. */
  async read(): Promise<void> {
    try {
      this.#pems = [await this.#workload.trustBundle(), ...rootCertificates];
    } catch (error) {
      this.#logger.warn('Trust bundle not read', { error: describeError(error) });
      if (this.#pems.length === 0) this.#pems = [...rootCertificates];
    }
  }
}
