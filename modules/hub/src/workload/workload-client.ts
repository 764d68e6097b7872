// The daemon's workload API over its unix socket (iotedge.md 4.3): sign, encrypt, decrypt, server certificate, trust bundle.

import { EdgeError } from '@wayside/kit';
import got, { type Got } from 'got';

export interface WorkloadIdentity {
  /** unix:///path or http://host:port. */
  readonly workloadUri: string;
  readonly apiVersion: string;
  readonly moduleId: string;
  readonly generationId: string;
}

export interface ServerCertificateAnswer {
  readonly certificate: string;
  readonly privateKey: string;
  readonly expiresAtMs: number;
}

/** The daemon is on the same machine: a slower answer is a fault. */
const WORKLOAD_TIMEOUT_MS = 20_000;
const RETRIES_MAX = 2;

export class WorkloadClient {
  readonly #http: Got;
  readonly #base: string;
  readonly #module: string;

  constructor({ workloadUri, apiVersion, moduleId, generationId }: WorkloadIdentity) {
    const uri = new URL(workloadUri);
    // got's form for a socket: unix:{socket path}:{request path}.
    this.#base =
      uri.protocol === 'unix:' ? `http://unix:${decodeURIComponent(uri.pathname)}:` : workloadUri.replace(/\/$/, '');
    this.#module = `modules/${encodeURIComponent(moduleId)}/genid/${encodeURIComponent(generationId)}`;
    this.#http = got.extend({
      searchParams: { 'api-version': apiVersion },
      enableUnixSockets: uri.protocol === 'unix:',
      responseType: 'json',
      timeout: { request: WORKLOAD_TIMEOUT_MS },
      retry: { limit: RETRIES_MAX, methods: ['GET', 'POST'] },
    });
  }

  /** HMAC-SHA256 of the text with the module's key, base64. */
  async sign(text: string): Promise<string> {
    const data = Buffer.from(text).toString('base64');
    const { digest } = await this.#post<{ digest: string }>(`${this.#module}/sign`, {
      keyId: 'primary',
      algo: 'HMACSHA256',
      data,
    });
    return digest;
  }

  async encrypt(plaintext: Buffer, initializationVector: Buffer): Promise<Buffer> {
    const { ciphertext } = await this.#post<{ ciphertext: string }>(`${this.#module}/encrypt`, {
      plaintext: plaintext.toString('base64'),
      initializationVector: initializationVector.toString('base64'),
    });
    return Buffer.from(ciphertext, 'base64');
  }

  async decrypt(ciphertext: Buffer, initializationVector: Buffer): Promise<Buffer> {
    const { plaintext } = await this.#post<{ plaintext: string }>(`${this.#module}/decrypt`, {
      ciphertext: ciphertext.toString('base64'),
      initializationVector: initializationVector.toString('base64'),
    });
    return Buffer.from(plaintext, 'base64');
  }

  async serverCertificate(commonName: string, expiresAtMs: number): Promise<ServerCertificateAnswer> {
    const answer = await this.#post<{ certificate: string; privateKey: { bytes: string }; expiration: string }>(
      `${this.#module}/certificate/server`,
      { commonName, expiration: new Date(expiresAtMs).toISOString() },
    );
    return {
      certificate: answer.certificate,
      privateKey: answer.privateKey.bytes,
      expiresAtMs: Date.parse(answer.expiration),
    };
  }

  /** PEM, concatenated. */
  async trustBundle(): Promise<string> {
    return (
      await this.#call(() => this.#http.get<{ certificate: string }>(`${this.#base}/trust-bundle`), 'trust-bundle')
    ).certificate;
  }

  #post<T>(path: string, json: object): Promise<T> {
    return this.#call(() => this.#http.post<T>(`${this.#base}/${path}`, { json }), path);
  }

  async #call<T>(request: () => Promise<{ body: T }>, path: string): Promise<T> {
    try {
      return (await request()).body;
    } catch (cause) {
      throw new EdgeError('HUB_WORKLOAD_FAILED', `Cannot call the workload API: ${path}`, { cause, retry: 'backoff' });
    }
  }
}
