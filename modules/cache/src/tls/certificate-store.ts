// Where the certificate of the HTTPS listener lies: two files that the operator keeps, or a folder of the cache's own with the flow
// request, sign elsewhere, import (connected-cache 1.15).

import type { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeError, readJsonFile, writeFileAtomic, writeJsonFile } from '@wayside/kit';
import {
  type CertificateFacts,
  certificatesOf,
  factsOf,
  type ServerCertificate,
  serverCertificate,
} from './server-certificate.ts';

/** Key and chain in one file: they change together. */
const ACTIVE_FILE = 'server.pem';
/** Key of the last request, until a certificate for it is imported. */
const PENDING_KEY_FILE = 'pending.key';
const PENDING_CSR_FILE = 'pending.csr';
const HISTORY_FILE = 'history.json';
/** Former certificates remembered (connected-cache 1.15: 18 months of them). */
const HISTORY_MAX = 50;
const KEY_MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface CertificatePlace {
  /** PEM files of the operator; both or none. */
  certificateFile: string | null;
  keyFile: string | null;
  /** Folder of the cache's own. */
  directory: string;
}

export interface CertificateHistory extends CertificateFacts {
  importedAtUtc: string;
  removedAtUtc: string | null;
}

export class CertificateStore {
  readonly #place: CertificatePlace;
  readonly #nowMs: () => number;

  constructor(place: CertificatePlace, nowMs: () => number) {
    this.#place = place;
    this.#nowMs = nowMs;
  }

  get isOperatorsOwn(): boolean {
    return this.#place.certificateFile !== null;
  }

  /** Changes whenever the files may have changed; '' when there is no certificate. */
  async mark(): Promise<string> {
    const { certificateFile, keyFile } = this.#place;
    const files = certificateFile !== null && keyFile !== null ? [certificateFile, keyFile] : [this.#path(ACTIVE_FILE)];
    const marks = await Promise.all(
      files.map((file) =>
        stat(file).then(
          ({ mtimeMs, size, ino }) => `${mtimeMs}-${size}-${ino}`,
          () => '',
        ),
      ),
    );
    return marks.every((mark) => mark === '') ? '' : marks.join(' ');
  }

  /** The certificate in the files. Throws CACHE_CERTIFICATE_INVALID, CACHE_CERTIFICATE_FAILED. */
  async load(): Promise<ServerCertificate> {
    const { certificateFile, keyFile } = this.#place;
    try {
      if (certificateFile !== null && keyFile !== null) {
        const [chain, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
        return serverCertificate(key, chain, this.#nowMs());
      }
      const text = await readFile(this.#path(ACTIVE_FILE), 'utf8');
      return serverCertificate(text, text, this.#nowMs());
    } catch (error) {
      throw error instanceof EdgeError ? error : failed('read the certificate', error);
    }
  }

  /** Makes a key and a request for it; the key stays here. Throws CACHE_CERTIFICATE_INVALID with every problem. */
  async request(given: unknown): Promise<{ csr: string }> {
    this.#refuseOperatorsOwn();
    // Loaded where it is needed: the library behind it takes memory that few nodes want to spend.
    const { makeSigningRequest, parseSigningRequest } = await import('./signing-request.ts');
    const { request, problems } = parseSigningRequest(given);
    if (problems.length > 0) {
      const text = problems.map(({ path, message }) => `${path} ${message}`).join('; ');
      throw new EdgeError('CACHE_CERTIFICATE_INVALID', `Cannot make a signing request: ${text}`, {
        source: 'downstream',
        details: { problems: problems.map(({ path, message }) => ({ path, message })) },
      });
    }
    const { privateKey, csr } = await makeSigningRequest(request);
    try {
      await mkdir(this.#place.directory, { recursive: true, mode: FOLDER_MODE });
      await writeFileAtomic(this.#path(PENDING_KEY_FILE), privateKey, { mode: KEY_MODE });
      await writeFileAtomic(this.#path(PENDING_CSR_FILE), csr);
    } catch (error) {
      throw failed('keep the key', error);
    }
    return { csr };
  }

  /** Takes a signed certificate into use: for the key of the last request, or a new one for the key in use. */
  async import(chain: string): Promise<CertificateFacts> {
    this.#refuseOperatorsOwn();
    const leaf = certificatesOf(chain)[0] as X509Certificate;
    const pending = await this.#read(PENDING_KEY_FILE);
    const active = await this.#read(ACTIVE_FILE);
    if (pending === undefined && active === undefined) {
      throw new EdgeError(
        'CACHE_CERTIFICATE_INVALID',
        'Cannot use the certificate: no key was made here, wanted a request first',
        {
          source: 'downstream',
        },
      );
    }
    const isRenewal = active !== undefined && !isFor(leaf, pending) && isFor(leaf, active);
    const key = keyOf((isRenewal ? active : (pending ?? active)) as string);
    const certificate = serverCertificate(key, chain, this.#nowMs());
    try {
      await writeFileAtomic(this.#path(ACTIVE_FILE), `${certificate.key.trim()}\n${certificate.chain}`, {
        mode: KEY_MODE,
      });
      await this.#note(certificate.facts);
      if (!isRenewal)
        await Promise.all([PENDING_KEY_FILE, PENDING_CSR_FILE].map((file) => rm(this.#path(file), { force: true })));
    } catch (error) {
      throw failed('keep the certificate', error);
    }
    return certificate.facts;
  }

  /** Takes certificate and key away. */
  async disable(): Promise<void> {
    this.#refuseOperatorsOwn();
    try {
      await rm(this.#path(ACTIVE_FILE), { force: true });
      await this.#note(null);
    } catch (error) {
      throw failed('remove the certificate', error);
    }
  }

  /** Newest first. */
  async history(): Promise<CertificateHistory[]> {
    return (await readJsonFile<CertificateHistory[]>(this.#path(HISTORY_FILE)).catch(() => undefined)) ?? [];
  }

  /** The last request, when no certificate was imported for it yet. */
  async pendingCsr(): Promise<string | null> {
    return (await this.#read(PENDING_CSR_FILE)) ?? null;
  }

  async #note(facts: CertificateFacts | null): Promise<void> {
    const nowUtc = new Date(this.#nowMs()).toISOString();
    const former = (await this.history()).map((entry) => ({ ...entry, removedAtUtc: entry.removedAtUtc ?? nowUtc }));
    const added = facts === null ? [] : [{ ...facts, importedAtUtc: nowUtc, removedAtUtc: null }];
    const kept = [...added, ...former].slice(0, HISTORY_MAX);
    if (kept.length > 0) await writeJsonFile(this.#path(HISTORY_FILE), kept);
  }

  #path(file: string): string {
    return join(this.#place.directory, file);
  }

  async #read(file: string): Promise<string | undefined> {
    return readFile(this.#path(file), 'utf8').catch(() => undefined);
  }

  #refuseOperatorsOwn(): void {
    if (!this.isOperatorsOwn) return;
    throw new EdgeError(
      'CACHE_TLS_OFF',
      'Cannot change the certificate: it lies in files of the operator (CACHE_TLS_CERTIFICATE_FILE), wanted a change of these',
      { source: 'config' },
    );
  }
}

function keyOf(pem: string): string {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/.exec(pem)?.[0] ?? '';
}

function isFor(leaf: X509Certificate, pem: string | undefined): boolean {
  if (pem === undefined) return false;
  try {
    serverCertificate(keyOf(pem), leaf.toString(), Date.parse(factsOf(leaf).notBeforeUtc));
    return true;
  } catch {
    return false;
  }
}

function failed(what: string, error: unknown): EdgeError {
  return new EdgeError('CACHE_CERTIFICATE_FAILED', `Cannot ${what}`, { cause: error });
}
