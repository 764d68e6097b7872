// A throw-away CA and its server certificates, for the tests of every module (`@wayside/kit/test-certificates`); no part of a running program.

import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as Crypto);
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const CA_VALID_MS = 365 * DAY_MS;
/** Long enough for no check to call it ending soon. */
const CERTIFICATE_VALID_MS = 90 * DAY_MS;

export interface TestCertificate {
  /** PEM, the server's alone. */
  certificate: string;
  /** PEM, the server's, then the CA's: what a TLS server sends. */
  chain: string;
  /** PEM, PKCS #8. */
  privateKey: string;
}

export class TestCa {
  /** The CA's certificate, PEM. */
  readonly pem: string;
  readonly #name: string;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(name: string, keys: webcrypto.CryptoKeyPair, pem: string) {
    this.#name = name;
    this.#keys = keys;
    this.pem = pem;
  }

  static async create(name = 'test root'): Promise<TestCa> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: ALGORITHM,
      ...validity(CA_VALID_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestCa(name, keys, certificate.toString('pem'));
  }

  /** A certificate for DNS names and IPv4 addresses; `validMs` from now, negative: it ended that long ago. */
  async issue(names: string[], validMs = CERTIFICATE_VALID_MS): Promise<TestCertificate> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const leaf = await x509.X509CertificateGenerator.create({
      subject: `CN=${names[0]}`,
      issuer: `CN=${this.#name}`,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...validity(validMs),
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => (/^[\d.]+$/.test(value) ? { type: 'ip', value } : { type: 'dns', value })),
        ),
      ],
    });
    const certificate = leaf.toString('pem');
    const privateKey = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
    return { certificate, chain: `${certificate}\n${this.pem}`, privateKey };
  }
}

/** A day back from now, or from its end when that is past already. */
function validity(validMs: number): { notBefore: Date; notAfter: Date } {
  const notAfter = Date.now() + validMs;
  return { notBefore: new Date(Math.min(Date.now(), notAfter) - DAY_MS), notAfter: new Date(notAfter) };
}
