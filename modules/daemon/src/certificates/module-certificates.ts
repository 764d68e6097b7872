// Certificates for modules: server (edgeHub's TLS) and identity (client) certificates as leafs of the Edge CA, and the trust bundle.

import { isIP } from 'node:net';
import { type Clock, EdgeError } from '@wayside/kit';
import { BACKDATE_MS, type EdgeCa } from './edge-ca.ts';
import { issueLeaf, readCertificate } from './x509.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Life of a leaf whose request names no end, days. */
const LEAF_LIFE_DAYS_DEFAULT = 90;
const COMMON_NAME_CHARS_MAX = 64;
const DNS_LABEL_CHARS_MAX = 63;

/** Answer of the certificate calls (iotedge.md 4.3). */
export interface CertificateAnswer {
  privateKey: { type: 'key'; bytes: string };
  /** PEM chain, leaf first. */
  certificate: string;
  /** RFC 3339. */
  expiration: string;
}

export interface ModuleCertificatesOptions {
  ca: EdgeCa;
  clock: Clock;
  /** CA of the cloud and further CAs of the settings, PEM. */
  furtherRootsPem: string[];
  iothubHostname: string;
  deviceId: string;
}

export class ModuleCertificates {
  readonly #o: ModuleCertificatesOptions;

  constructor(o: ModuleCertificatesOptions) {
    this.#o = o;
  }

  /** TLS server certificate; its names are the common name and the module's. */
  server(moduleId: string, commonName: string, expiration: string): Promise<CertificateAnswer> {
    checkCommonName(commonName);
    const names: { type: 'dns' | 'ip'; value: string }[] = [
      { type: isIP(commonName) === 0 ? 'dns' : 'ip', value: commonName },
    ];
    const label = dnsLabel(moduleId);
    if (label !== '' && label !== commonName.toLowerCase()) names.push({ type: 'dns', value: label });
    return this.#issue({ commonName, names, use: 'server', expiration });
  }

  /** Client certificate of the module. */
  identity(moduleId: string, expiration: string | undefined): Promise<CertificateAnswer> {
    const { iothubHostname, deviceId } = this.#o;
    const uri = `azureiot://${iothubHostname}/devices/${encodeURIComponent(deviceId)}/modules/${encodeURIComponent(moduleId)}`;
    const commonName = moduleId.slice(0, COMMON_NAME_CHARS_MAX);
    return this.#issue({ commonName, names: [{ type: 'url', value: uri }], use: 'client', expiration });
  }

  /** Edge CA and the further roots, PEM. */
  trustBundle(): string {
    return [this.#o.ca.rootsPem, ...this.#o.furtherRootsPem].map((pem) => `${pem.trim()}\n`).join('');
  }

  async #issue(o: {
    commonName: string;
    names: { type: 'dns' | 'ip' | 'url'; value: string }[];
    use: 'server' | 'client';
    expiration: string | undefined;
  }): Promise<CertificateAnswer> {
    const { ca, clock } = this.#o;
    const caLife = readCertificate(ca.material.certPem, 'the Edge CA');
    const nowMs = clock.nowMs();
    const wantedMs =
      o.expiration === undefined ? nowMs + LEAF_LIFE_DAYS_DEFAULT * DAY_MS : expirationMs(o.expiration, nowMs);
    // A leaf that outlives its CA would fail in clients at a time nobody expects.
    const notAfter = new Date(Math.min(wantedMs, caLife.notAfter.getTime()));
    const notBefore = new Date(Math.max(nowMs - BACKDATE_MS, caLife.notBefore.getTime()));
    const leaf = await issueLeaf(ca.material, {
      commonName: o.commonName,
      names: o.names,
      use: o.use,
      notBefore,
      notAfter,
    });
    return {
      privateKey: { type: 'key', bytes: leaf.keyPem },
      certificate: leaf.certPem + ca.material.certPem,
      expiration: notAfter.toISOString(),
    };
  }
}

/** Lower case letters, digits and hyphens of a module id: `$edgeHub` -> `edgehub`. */
export function dnsLabel(moduleId: string): string {
  return moduleId
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '')
    .replace(/^-+/, '')
    .slice(0, DNS_LABEL_CHARS_MAX)
    .replace(/-+$/, '');
}

function checkCommonName(commonName: string): void {
  const valid = isIP(commonName) !== 0 || /^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(commonName);
  if (valid && commonName.length <= COMMON_NAME_CHARS_MAX) return;
  throw new EdgeError(
    'DAEMON_REQUEST_INVALID',
    `Cannot issue a server certificate: commonName is ${JSON.stringify(commonName.slice(0, 80))}, wanted a host name or address of at most ${COMMON_NAME_CHARS_MAX} characters`,
    { source: 'downstream' },
  );
}

function expirationMs(text: string, nowMs: number): number {
  const ms = Date.parse(text);
  if (Number.isFinite(ms) && ms > nowMs) return ms;
  throw new EdgeError(
    'DAEMON_REQUEST_INVALID',
    `Cannot issue a certificate: expiration is ${JSON.stringify(text.slice(0, 80))}, wanted an RFC 3339 time in the future`,
    { source: 'downstream' },
  );
}
