// A CA and server certificates for tests, made anew in each run.

import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as Crypto);
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface Issued {
  /** PEM. */
  certificate: string;
  key: string;
}

export class TestCa {
  readonly certificate: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #name: string;

  private constructor(name: string, keys: webcrypto.CryptoKeyPair, certificate: string) {
    this.#name = name;
    this.#keys = keys;
    this.certificate = certificate;
  }

  static async create(name: string): Promise<TestCa> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: ALGORITHM,
      ...validity(365),
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestCa(name, keys, certificate.toString('pem'));
  }

  /** A server certificate for DNS names, `days` long (negative: already ended), with the CA behind it. */
  async issue(names: string[], days = 90): Promise<Issued> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${names[0]}`,
      issuer: `CN=${this.#name}`,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...validity(days),
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
        ),
      ],
    });
    return {
      certificate: `${certificate.toString('pem')}\n${this.certificate}`,
      key: KeyObject.from(keys.privateKey as webcrypto.CryptoKey)
        .export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    };
  }
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const dayMs = 86_400_000;
  const now = Date.now();
  return { notBefore: new Date(now - 400 * dayMs), notAfter: new Date(now + days * dayMs) };
}
