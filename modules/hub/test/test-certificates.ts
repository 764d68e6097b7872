// A throw-away CA and server certificates for tests.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

type KeyPair = { publicKey: CryptoKey; privateKey: CryptoKey };
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface TestCa {
  readonly pem: string;
  issue(names: string[], validMs?: number): Promise<{ certificate: string; privateKey: string }>;
}

export async function createTestCa(): Promise<TestCa> {
  const crypto = webcrypto as unknown as Crypto;
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as KeyPair;
  const ca = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=test root',
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    },
    crypto,
  );
  let serial = 1;
  return {
    pem: ca.toString('pem'),
    async issue(names, validMs = DAY_MS) {
      const leafKeys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as KeyPair;
      const leaf = await x509.X509CertificateGenerator.create(
        {
          subject: `CN=${names[0]}`,
          issuer: ca.subject,
          serialNumber: (++serial).toString(16).padStart(2, '0'),
          notBefore: new Date(Date.now() - DAY_MS),
          notAfter: new Date(Date.now() + validMs),
          signingAlgorithm: ALGORITHM,
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          extensions: [
            new x509.SubjectAlternativeNameExtension(
              names.map((value) => (/^[\d.]+$/.test(value) ? { type: 'ip', value } : { type: 'dns', value })),
            ),
          ],
        },
        crypto,
      );
      const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', leafKeys.privateKey)).toString('base64');
      const lines = pkcs8.match(/.{1,64}/g)!.join('\n');
      const privateKey = `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
      return { certificate: leaf.toString('pem'), privateKey };
    },
  };
}
