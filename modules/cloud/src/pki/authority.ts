// Makes certificates: an own CA and server certificates under it (ECDSA P-256, RFC 5280). Knows no files.

// The decorators of @peculiar/x509's ASN.1 classes need it, first.
import 'reflect-metadata';
import { createHash, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(globalThis.crypto);

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** Every node holds the CA: a new one means provisioning all of them again. */
const AUTHORITY_LIFETIME_MS = 20 * 365 * DAY_MS;
/** Public clients refuse more than 398 days. */
const SERVER_LIFETIME_MS = 397 * DAY_MS;
/** Clocks of small servers run behind. */
const CLOCK_SKEW_MS_MAX = DAY_MS;
const SERIAL_BYTES = 16;

type CryptoKeyPair = webcrypto.CryptoKeyPair;
type CryptoKey = webcrypto.CryptoKey;

/** PEM texts. */
export interface PemPair {
  certificate: string;
  privateKey: string;
}

/** A self-signed CA that may sign end certificates only. */
export async function makeAuthority(commonName: string, nowMs: number): Promise<PemPair> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(nowMs - CLOCK_SKEW_MS_MAX),
    notAfter: new Date(nowMs + AUTHORITY_LIFETIME_MS),
    signingAlgorithm: SIGNING_ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), privateKey: await exportKey(keys.privateKey) };
}

/** A private key for a server certificate, PKCS #8 PEM. */
export async function makeServerKey(): Promise<string> {
  return exportKey((await makeKeys()).privateKey);
}

/** A certificate for `names` (DNS names and IP addresses) over the key given, which stays the same so that pins hold. */
export async function issueServerCertificate(
  authority: PemPair,
  serverKey: string,
  names: readonly string[],
  nowMs: number,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await importKeyPair(serverKey);
  const commonName = names.find((name) => isIP(name) === 0) ?? names[0] ?? 'localhost';
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // RFC 5280 A.1: a common name has at most 64 characters; the alternative names carry the whole.
    subject: [{ CN: [commonName.slice(0, 64)] }],
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - CLOCK_SKEW_MS_MAX),
    notAfter: new Date(Math.min(nowMs + SERVER_LIFETIME_MS, issuer.notAfter.getTime())),
    signingAlgorithm: SIGNING_ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: (await importKeyPair(authority.privateKey)).privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certificate.toString('pem');
}

/** base64 of the SHA-256 of the certificate's SubjectPublicKeyInfo: curl's `--pinnedpubkey sha256//...` (RFC 7469 2.4). */
export function publicKeyPin(certificatePem: string): string {
  const spki = new x509.X509Certificate(certificatePem).publicKey.rawData;
  return createHash('sha256').update(new Uint8Array(spki)).digest('base64');
}

/** What decides whether a server certificate is still the right one. */
export function readServerCertificate(certificatePem: string): {
  names: string[];
  notBeforeMs: number;
  notAfterMs: number;
} {
  const certificate = new x509.X509Certificate(certificatePem);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    names: names.map((name) => name.value),
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
  };
}

/** Was the certificate signed by this CA's key? */
export async function isIssuedBy(certificatePem: string, authorityPem: string): Promise<boolean> {
  const authority = new x509.X509Certificate(authorityPem);
  return new x509.X509Certificate(certificatePem).verify({ publicKey: authority.publicKey, signatureOnly: true });
}

function makeKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;
}

async function exportKey(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Both halves from a PKCS #8 PEM: the public one is the private one without its secret number. */
async function importKeyPair(pem: string): Promise<CryptoKeyPair> {
  const raw = x509.PemConverter.decodeFirst(pem);
  const privateKey = await crypto.subtle.importKey('pkcs8', raw, KEY_ALGORITHM, true, ['sign']);
  const { d: _secret, key_ops: _operations, ...publicPart } = await crypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await crypto.subtle.importKey('jwk', publicPart, KEY_ALGORITHM, true, ['verify']);
  return { privateKey, publicKey } as CryptoKeyPair;
}

/** Positive and without a leading zero byte (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
