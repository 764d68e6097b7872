// Keeps the cloud's CA and server certificate on disk: made at first start, the certificate renewed in time or when the names changed.
//
// INVARIANTS
// - The server's key is made once: provisioning commands that were printed before pin it.
// - The CA is made only when none of its files is there. A half or damaged one is an error for the operator, never silently replaced.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeError, writeFileAtomic } from '@wayside/kit';
import {
  isIssuedBy,
  issueServerCertificate,
  makeAuthority,
  makeServerKey,
  type PemPair,
  publicKeyPin,
  readServerCertificate,
} from './authority.ts';

const SECRET_FILE_MODE = 0o600;
const PUBLIC_FILE_MODE = 0o644;
const FOLDER_MODE = 0o700;

/** What the listeners need. PEM texts; `chain` is the server certificate followed by its CA. */
export interface ServerIdentity {
  authority: string;
  chain: string;
  privateKey: string;
  /** base64, see publicKeyPin. */
  pin: string;
  notAfterMs: number;
  /** true when this call made a new server certificate. */
  isNew: boolean;
}

/** Reads or makes all of it under `folder` (ca.pem, ca-key.pem, server.pem, server-key.pem). Throws CLOUD_PKI_FAILED. */
export async function ensureServerIdentity(
  folder: string,
  names: readonly string[],
  nowMs: number,
): Promise<ServerIdentity> {
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const authority = await ensureAuthority(folder, names[0] ?? 'wayside', nowMs);
    const privateKey = await ensureServerKey(folder);
    const kept = await keepServerCertificate(folder, authority, names, nowMs);
    const certificate = kept ?? (await issueServerCertificate(authority, privateKey, names, nowMs));
    if (!kept) await writeFileAtomic(join(folder, 'server.pem'), certificate, { mode: PUBLIC_FILE_MODE });
    return {
      authority: withNewline(authority.certificate),
      chain: `${withNewline(certificate)}${withNewline(authority.certificate)}`,
      privateKey,
      pin: publicKeyPin(certificate),
      notAfterMs: readServerCertificate(certificate).notAfterMs,
      isNew: kept === undefined,
    };
  } catch (cause) {
    if (cause instanceof EdgeError) throw cause;
    throw failure(folder, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Renewal begins when a third of the lifetime is left. */
export function isServerCertificateDue(
  certificate: { names: string[]; notBeforeMs: number; notAfterMs: number },
  names: readonly string[],
  nowMs: number,
): boolean {
  const lifetimeMs = certificate.notAfterMs - certificate.notBeforeMs;
  if (certificate.notAfterMs - nowMs < lifetimeMs / 3) return true;
  const have = new Set(certificate.names);
  return have.size !== names.length || names.some((name) => !have.has(name));
}

async function ensureAuthority(folder: string, name: string, nowMs: number): Promise<PemPair> {
  const certificate = await readText(join(folder, 'ca.pem'));
  const privateKey = await readText(join(folder, 'ca-key.pem'));
  if (certificate !== undefined && privateKey !== undefined) return { certificate, privateKey };
  // The key is written first: with it alone nothing has been handed out yet, so it may be made anew.
  if (certificate !== undefined) throw failure(folder, 'ca.pem is there, ca-key.pem is missing');
  const made = await makeAuthority(`Wayside cloud ${name}`.slice(0, 64), nowMs);
  await writeFileAtomic(join(folder, 'ca-key.pem'), made.privateKey, { mode: SECRET_FILE_MODE });
  await writeFileAtomic(join(folder, 'ca.pem'), withNewline(made.certificate), { mode: PUBLIC_FILE_MODE });
  return made;
}

async function ensureServerKey(folder: string): Promise<string> {
  const path = join(folder, 'server-key.pem');
  const known = await readText(path);
  if (known !== undefined) return known;
  const made = await makeServerKey();
  await writeFileAtomic(path, made, { mode: SECRET_FILE_MODE });
  return made;
}

/** The certificate on disk when it fits CA, names and time; undefined = a new one is due. */
async function keepServerCertificate(
  folder: string,
  authority: PemPair,
  names: readonly string[],
  nowMs: number,
): Promise<string | undefined> {
  const certificate = await readText(join(folder, 'server.pem'));
  if (certificate === undefined) return undefined;
  if (isServerCertificateDue(readServerCertificate(certificate), names, nowMs)) return undefined;
  return (await isIssuedBy(certificate, authority.certificate)) ? certificate : undefined;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}

function failure(folder: string, why: string, cause?: unknown): EdgeError {
  return new EdgeError('CLOUD_PKI_FAILED', `Cannot read or make the certificates in ${folder}: ${why}`, {
    cause,
    source: 'config',
  });
}
