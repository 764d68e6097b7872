// Decides whether credentials prove an identity: SAS token of the identity or of its device, or a device's certificate thumbprint.

import { createHash } from 'node:crypto';
import type { Identity } from '@wayside/gateway';
import type { Clock } from '@wayside/kit';
import { parseSasToken, type SasToken, verifySasSignature } from '@wayside/protocol';
import type { ScopeCache } from './scope-cache.ts';
import type { ServiceIdentity } from './service-identity.ts';

export interface Credentials {
  readonly identity: Identity;
  readonly token: string | undefined;
  /** DER. */
  readonly certificate: Buffer | undefined;
}

/** `proof` names the key or certificate that was used, as a hash: when it changes, the connection is no longer good. */
export type Judgement =
  | { ok: true; expiresAtSecs?: number; proof: string }
  | { ok: false; reason: string /** A newer copy of the identity could change it. */; refreshable: boolean };

export class Authenticator {
  readonly #scope: Pick<ScopeCache, 'find' | 'refreshOne'>;
  readonly #clock: Clock;
  /** Host names a token may be made for: the IoT Hub's and this gateway's. */
  readonly #audienceHosts: readonly string[];

  constructor(scope: Pick<ScopeCache, 'find' | 'refreshOne'>, audienceHosts: readonly string[], clock: Clock) {
    this.#scope = scope;
    this.#audienceHosts = audienceHosts.map((host) => host.toLowerCase());
    this.#clock = clock;
  }

  /** Judges by the cache; when that fails for a reason a refresh could mend, asks the cloud once and judges again. */
  async authenticate(credentials: Credentials): Promise<Judgement> {
    const first = this.judge(credentials);
    if (first.ok || !first.refreshable) return first;
    return (await this.#scope.refreshOne(credentials.identity)) ? this.judge(credentials) : first;
  }

  judge({ identity, token, certificate }: Credentials): Judgement {
    const known = this.#scope.find(identity);
    if (!known) return { ok: false, reason: 'identity is not known to this node', refreshable: true };
    const device = known.moduleId === undefined ? known : this.#scope.find({ deviceId: known.deviceId });
    if (!known.enabled || device?.enabled === false)
      return { ok: false, reason: 'identity is disabled', refreshable: true };
    if (token) return this.#judgeToken(token, known, device);
    if (certificate && known.moduleId === undefined) return judgeCertificate(certificate, known);
    return { ok: false, reason: 'no credentials', refreshable: false };
  }

  knows(identity: Identity): boolean {
    return this.#scope.find(identity) !== undefined;
  }

  /** The proof is still one of the identity's: its key was not changed, it was not removed or disabled. */
  isStillGood(identity: Identity, proof: string): boolean {
    const known = this.#scope.find(identity);
    if (!known?.enabled) return false;
    const device = this.#scope.find({ deviceId: identity.deviceId });
    if (device?.enabled === false) return false;
    const proofs = [...known.keys, ...(device?.keys ?? [])].map(hash);
    return proofs.includes(proof) || known.thumbprints.includes(proof);
  }

  #judgeToken(text: string, known: ServiceIdentity, device: ServiceIdentity | undefined): Judgement {
    const token = parseSasToken(text);
    if (!token) return { ok: false, reason: 'password is no SAS token', refreshable: false };
    if (token.se * 1000 <= this.#clock.nowMs()) return { ok: false, reason: 'token expired', refreshable: false };
    const signer = this.#signer(token, known, device);
    if (!signer) return { ok: false, reason: 'token is made for another resource', refreshable: false };
    const key = signer.keys.find((candidate) => verifySasSignature(token, candidate));
    if (key === undefined) return { ok: false, reason: 'signature does not fit the key', refreshable: true };
    return { ok: true, expiresAtSecs: token.se, proof: hash(key) };
  }

  /** Whose key the token must be signed with: the resource it names is the identity, or its device. */
  #signer(
    { resource }: SasToken,
    known: ServiceIdentity,
    device: ServiceIdentity | undefined,
  ): ServiceIdentity | undefined {
    const [host = '', devices, deviceId, modules, moduleId, ...rest] = resource.split('/');
    if (!this.#audienceHosts.includes(host.toLowerCase()) || devices !== 'devices' || rest.length > 0) return undefined;
    if (deviceId?.toLowerCase() !== known.deviceId.toLowerCase()) return undefined;
    if (modules === undefined) return device;
    return modules === 'modules' && moduleId?.toLowerCase() === known.moduleId?.toLowerCase() ? known : undefined;
  }
}

function judgeCertificate(certificate: Buffer, known: ServiceIdentity): Judgement {
  const prints = ['sha1', 'sha256'].map((name) => createHash(name).update(certificate).digest('hex').toUpperCase());
  const proof = prints.find((print) => known.thumbprints.includes(print));
  return proof ? { ok: true, proof } : { ok: false, reason: 'certificate is not registered', refreshable: true };
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
