// A key with its certificate chain, checked before anybody is served with it.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { EdgeError } from '@wayside/kit';

/** PEM of key and chain together, characters. */
export const CERTIFICATE_CHARACTERS_MAX = 256 * 1024;

export interface ServerCertificate {
  /** PEM. */
  key: string;
  /** PEM, the server's own first. */
  chain: string;
  facts: CertificateFacts;
}

/** What may be shown of it. Times are ISO 8601 UTC. */
export interface CertificateFacts {
  subject: string;
  issuer: string;
  /** `DNS:cache.example, IP Address:192.0.2.1`. */
  subjectAltName: string;
  notBeforeUtc: string;
  notAfterUtc: string;
  /** SHA-256, hexadecimal with colons. */
  fingerprint: string;
}

/** Certificates of a PEM text, in order. Throws CACHE_CERTIFICATE_INVALID. */
export function certificatesOf(pem: string): X509Certificate[] {
  if (pem.length > CERTIFICATE_CHARACTERS_MAX)
    throw invalid(`it has ${pem.length} characters, wanted at most ${CERTIFICATE_CHARACTERS_MAX}`);
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw invalid('it holds no certificate, wanted PEM (-----BEGIN CERTIFICATE-----)');
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw invalid(`certificate ${i + 1} of ${blocks.length} cannot be read`);
    }
  });
}

/** Throws CACHE_CERTIFICATE_INVALID when they do not belong together, or the certificate is not valid now. */
export function serverCertificate(keyPem: string, chainPem: string, nowMs: number): ServerCertificate {
  let key: KeyObject;
  try {
    key = createPrivateKey(keyPem);
  } catch {
    throw invalid('the private key cannot be read, wanted PEM without a passphrase');
  }
  const chain = certificatesOf(chainPem);
  const leaf = chain[0] as X509Certificate;
  if (!leaf.checkPrivateKey(key)) throw invalid(`"${oneLine(leaf.subject)}" is not for the private key`);
  const facts = factsOf(leaf);
  if (Date.parse(facts.notAfterUtc) <= nowMs)
    throw invalid(`it ended ${facts.notAfterUtc}, wanted one that is valid now`);
  if (Date.parse(facts.notBeforeUtc) > nowMs)
    throw invalid(`it begins ${facts.notBeforeUtc}, wanted one that is valid now`);
  return { key: keyPem, chain: chain.map((certificate) => certificate.toString()).join(''), facts };
}

export function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    subjectAltName: certificate.subjectAltName ?? '',
    notBeforeUtc: new Date(certificate.validFrom).toISOString(),
    notAfterUtc: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256,
  };
}

function oneLine(name: string): string {
  return name.split('\n').join(', ');
}

function invalid(why: string): EdgeError {
  return new EdgeError('CACHE_CERTIFICATE_INVALID', `Cannot use the certificate: ${why}`, { source: 'config' });
}
