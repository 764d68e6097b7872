// Makes X.509 certificates: the one place where the certificate library and Web Crypto keys appear. Keys are ECDSA P-256, which costs
// a TLS server a fraction of RSA 2048 and is taken by every TLS 1.2 client.

// The library's dependency injection reads decorators through this polyfill; it has to be there first.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { EdgeError } from '@wayside/kit';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const HASH = 'SHA-256';
/** RFC 5280 4.1.2.2: at most 20 bytes and positive. */
const SERIAL_BYTES = 16;
/** Modulus of an RSA CA that an operator brings: below this OpenSSL's default level refuses it. */
const RSA_BITS_MIN = 2048;

type CryptoKey = webcrypto.CryptoKey;
type SigningAlgorithm = { name: string; hash: string; namedCurve?: string };

export interface CaMaterial {
  /** Leaf first when it is a chain. */
  certPem: string;
  keyPem: string;
}

export interface LeafRequest {
  commonName: string;
  names: JsonGeneralNames;
  use: 'server' | 'client';
  notBefore: Date;
  notAfter: Date;
}

export interface IssuedLeaf {
  keyPem: string;
  certPem: string;
}

/** A new ECDSA key, PKCS #8 PEM. */
export async function newKeyPem(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  return exportPem(privateKey);
}

/** A self-signed CA certificate for a key made by newKeyPem(). */
export async function selfSignedCa(o: {
  keyPem: string;
  commonName: string;
  notBefore: Date;
  notAfter: Date;
}): Promise<string> {
  const { key, publicKey, algorithm } = await importKeys(o.keyPem);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [o.commonName] }],
    notBefore: o.notBefore,
    notAfter: o.notAfter,
    keys: { privateKey: key, publicKey },
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** A leaf with a key of its own, signed by the CA. */
export async function issueLeaf(ca: CaMaterial, request: LeafRequest): Promise<IssuedLeaf> {
  const issuer = new X509Certificate(ca.certPem);
  const signer = await importKeys(ca.keyPem);
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const usage = request.use === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [request.commonName] }],
    issuer: issuer.subjectName,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    publicKey: keys.publicKey,
    signingKey: signer.key,
    signingAlgorithm: signer.algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      new SubjectAlternativeNameExtension(request.names),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { keyPem: await exportPem(keys.privateKey), certPem: `${certificate.toString('pem')}\n` };
}

export interface CertificateFacts {
  subject: string;
  notBefore: Date;
  notAfter: Date;
  isCa: boolean;
}

/** What is written in the first certificate of the text; DAEMON_CERTIFICATE_INVALID when it is none. */
export function readCertificate(pem: string, what: string): CertificateFacts {
  try {
    const certificate = new X509Certificate(pem);
    return {
      subject: certificate.subject,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      isCa: certificate.getExtension(BasicConstraintsExtension)?.ca ?? false,
    };
  } catch (error) {
    throw certificateError(`Cannot read ${what}: no PEM certificate in it`, error);
  }
}

/** DAEMON_CERTIFICATE_INVALID unless the key belongs to the first certificate and it may sign others. */
export async function checkCaPair({ certPem, keyPem }: CaMaterial): Promise<void> {
  const { isCa, subject } = readCertificate(certPem, 'edge_ca.cert');
  if (!isCa)
    throw certificateError(
      `Cannot use edge_ca.cert (${subject}): it is no CA certificate, wanted basicConstraints CA:TRUE`,
    );
  const { publicKey } = await importKeys(keyPem);
  const [ofKey, ofCertificate] = [
    Buffer.from(await webcrypto.subtle.exportKey('spki', publicKey)),
    Buffer.from(new X509Certificate(certPem).publicKey.rawData),
  ];
  if (!ofKey.equals(ofCertificate))
    throw certificateError('Cannot use edge_ca.cert and edge_ca.pk: the key belongs to another certificate');
}

/** Accepts what operators have: PKCS #8, SEC 1 or PKCS #1, EC (P-256, P-384, P-521) or RSA from 2048 bits on. */
async function importKeys(
  keyPem: string,
): Promise<{ key: CryptoKey; publicKey: CryptoKey; algorithm: SigningAlgorithm }> {
  try {
    const key = createPrivateKey(keyPem);
    const algorithm = algorithmOf(key.asymmetricKeyType, key.asymmetricKeyDetails ?? {});
    const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
    return {
      key: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
      algorithm,
    };
  } catch (error) {
    throw certificateError(
      'Cannot read the key of the Edge CA: wanted a PEM key, EC (P-256, P-384, P-521) or RSA from 2048 bits on',
      error,
    );
  }
}

function algorithmOf(
  type: string | undefined,
  details: { namedCurve?: string; modulusLength?: number },
): SigningAlgorithm {
  if (type === 'rsa' && (details.modulusLength ?? 0) >= RSA_BITS_MIN) return { name: 'RSASSA-PKCS1-v1_5', hash: HASH };
  const curves: { [name: string]: string } = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
  const namedCurve = curves[details.namedCurve ?? ''];
  if (type === 'ec' && namedCurve !== undefined) return { name: 'ECDSA', hash: HASH, namedCurve };
  throw new RangeError(`key type ${type}`);
}

async function exportPem(key: CryptoKey): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
}

function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  // The top bit clear keeps it positive, the next one set keeps its length.
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function certificateError(message: string, cause?: unknown): EdgeError {
  return new EdgeError('DAEMON_CERTIFICATE_INVALID', message, { cause, source: 'config' });
}
