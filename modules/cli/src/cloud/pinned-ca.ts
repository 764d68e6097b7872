// Learns the CA of a cloud over an untrusted path: the server's public key must be the pinned one, and the CA it hands out must have signed
// that very certificate. The pin is that of `curl --pinnedpubkey`: sha256// and the base64 of the SHA-256 of the SubjectPublicKeyInfo.

import { createHash, X509Certificate } from 'node:crypto';
import { request } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** A CA file holds a few certificates of some KiB each. */
const CA_BYTES_MAX = 256 * 1024;
const PIN_FORM = /^sha256\/\/[A-Za-z0-9+/]{43}=$/;

export function isPin(text: string): boolean {
  return PIN_FORM.test(text);
}

/** Pin of a certificate's public key. */
export function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
}

/** PEM of the CA of the cloud at `url` whose server holds the pinned key. */
export async function fetchPinnedCa(url: URL, pin: string): Promise<string> {
  const socket = await connectUnverified(url);
  try {
    const certificate = socket.getPeerX509Certificate();
    const actual = certificate === undefined ? 'no certificate' : pinOf(certificate);
    if (certificate === undefined || actual !== pin)
      throw new EdgeError(
        'CLI_CLOUD_PIN_MISMATCH' satisfies ErrorCode,
        `Cannot trust ${url.origin}: its public key is ${actual}, wanted ${pin}`,
        { details: { url: url.origin, actual, wanted: pin }, source: 'upstream' },
      );
    const pem = await getOver(socket, url);
    const issuers = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (!issuers.some((text) => certificate.verify(new X509Certificate(text).publicKey)))
      throw new EdgeError(
        'CLI_CLOUD_CERTIFICATE_UNTRUSTED' satisfies ErrorCode,
        `Cannot trust ${url.origin}: the CA it hands out did not sign its certificate`,
        { details: { url: url.origin, certificates: issuers.length }, source: 'upstream' },
      );
    return pem;
  } finally {
    socket.destroy();
  }
}

function connectUnverified(url: URL): Promise<TLSSocket> {
  const unbracketed = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: unbracketed,
      port: Number(url.port || 443),
      // The pin is checked instead, before the first byte is sent.
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      timeout: CONNECT_TIMEOUT_MS,
    });
    const fail = (cause: Error): void => {
      socket.destroy();
      reject(
        new EdgeError('CLI_CLOUD_UNREACHABLE' satisfies ErrorCode, `Cannot reach the cloud at ${url.origin}`, {
          cause,
          details: { url: url.origin },
          source: 'upstream',
          retry: 'backoff',
        }),
      );
    };
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', fail);
    socket.once('timeout', () => fail(new Error(`no answer within ${CONNECT_TIMEOUT_MS} ms`)));
  });
}

function getOver(socket: TLSSocket, url: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      { createConnection: () => socket, host: url.hostname, path: '/api/v1/ca.pem', headers: { host: url.host } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > CA_BYTES_MAX) response.destroy(new RangeError(`more than ${CA_BYTES_MAX} bytes of CA`));
        });
        response.once('error', reject);
        response.once('end', () =>
          response.statusCode === 200
            ? resolve(text)
            : reject(new Error(`/api/v1/ca.pem answered ${response.statusCode}`)),
        );
      },
    );
    call.once('error', reject);
    call.end();
  });
}
