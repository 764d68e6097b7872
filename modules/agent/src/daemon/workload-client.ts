// The daemon's workload API as the agent uses it (iotedge.md 4.3): trust bundle, and encryption of what is kept on disk.

import { randomBytes } from 'node:crypto';
import { EdgeError } from '@wayside/kit';
import type { DaemonHttp } from './daemon-http.ts';

const WORKLOAD_TIMEOUT_MS = 20_000;
const INITIALIZATION_VECTOR_BYTES = 16;

export interface Sealed {
  /** base64 each. */
  ciphertext: string;
  initializationVector: string;
}

export class WorkloadClient {
  readonly #http: DaemonHttp;
  readonly #base: string;

  constructor(http: DaemonHttp, identity: { moduleId: string; generationId: string }) {
    this.#http = http;
    this.#base = `/modules/${encodeURIComponent(identity.moduleId)}/genid/${encodeURIComponent(identity.generationId)}`;
  }

  /** PEM certificates: Edge CA root and the upstream CA; '' when there is none. */
  async trustBundle(): Promise<string> {
    const answer = await this.#http.json<{ certificate?: unknown }>({
      method: 'GET',
      path: '/trust-bundle',
      timeoutMs: WORKLOAD_TIMEOUT_MS,
    });
    return typeof answer.certificate === 'string' ? answer.certificate : '';
  }

  async encrypt(plaintext: Buffer): Promise<Sealed> {
    const initializationVector = randomBytes(INITIALIZATION_VECTOR_BYTES).toString('base64');
    const answer = await this.#http.json<{ ciphertext?: unknown }>({
      method: 'POST',
      path: `${this.#base}/encrypt`,
      body: { plaintext: plaintext.toString('base64'), initializationVector },
      timeoutMs: WORKLOAD_TIMEOUT_MS,
    });
    return { ciphertext: requireText(answer.ciphertext, 'ciphertext'), initializationVector };
  }

  async decrypt(sealed: Sealed): Promise<Buffer> {
    const answer = await this.#http.json<{ plaintext?: unknown }>({
      method: 'POST',
      path: `${this.#base}/decrypt`,
      body: sealed,
      timeoutMs: WORKLOAD_TIMEOUT_MS,
    });
    return Buffer.from(requireText(answer.plaintext, 'plaintext'), 'base64');
  }
}

function requireText(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw new EdgeError(
    'AGENT_DAEMON_ANSWER_INVALID',
    `Cannot read the workload answer: ${field} is ${typeof value}, wanted base64 text`,
    { source: 'upstream' },
  );
}
