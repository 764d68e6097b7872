// Proves who a caller is from a shared access signature: which policy or identity signed it, for which resource, until when.
// It decides nothing about rights.

import type { Clock } from '@wayside/kit';
import { parseSasToken, type SasToken, sasResourceCovers, verifySasSignature } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import type { Db } from '../store/tables.ts';
import { type IdentityStanding, readStanding } from './identity-rows.ts';
import type { Policies } from './policies.ts';
import { isPolicyName, type PolicyName } from './rights.ts';

/** Longest token read: real ones are under 500 characters. */
const TOKEN_CHARS_MAX = 4_096;

/** Who signed, proved. */
export type Principal =
  | { kind: 'policy'; policy: PolicyName; resource: string }
  | { kind: 'identity'; deviceId: string; moduleId?: string };

export interface Authenticated {
  principal: Principal;
  /** Unix seconds. */
  expiresAtSecs: number;
}

export interface AuthenticatorParts {
  db: Db;
  policies: Policies;
  /** Names of this hub that a token may be made for. */
  hostNames: readonly string[];
  clock: Clock;
}

export class SasAuthenticator {
  private readonly parts: AuthenticatorParts;
  private readonly hosts: ReadonlySet<string>;

  constructor(parts: AuthenticatorParts) {
    this.parts = parts;
    this.hosts = new Set(parts.hostNames.map((name) => name.toLowerCase()));
  }

  /** True for a host name of this hub, with or without a port: a port says how one got here, not who one is. */
  isOwnHost(host: string): boolean {
    return this.hosts.has(host.toLowerCase().replace(/:\d{1,5}$/, ''));
  }

  /** A token in an Authorization header. Throws CLOUD_UNAUTHORIZED. */
  async authenticate(text: string): Promise<Authenticated> {
    const token = this.readToken(text);
    if (token.skn) return { principal: this.verifyPolicy(token, token.skn), expiresAtSecs: token.se };
    const claimed = parseIdentityResource(token.resource);
    if (!claimed) throw unauthorized('the resource of the token names no device or module');
    await this.verifyIdentity(token, claimed.deviceId, claimed.moduleId);
    return { principal: { kind: 'identity', ...claimed }, expiresAtSecs: token.se };
  }

  /** The token of an MQTT connection or of a call in an identity's own name. Throws CLOUD_UNAUTHORIZED. */
  async authenticateAs(
    deviceId: string,
    moduleId: string | undefined,
    text: string | undefined,
  ): Promise<{ expiresAtSecs: number }> {
    if (text === undefined || text === '') throw unauthorized('no token was sent');
    const token = this.readToken(text);
    if (token.skn) {
      const { policy } = this.verifyPolicy(token, token.skn);
      if (policy !== 'iothubowner' && policy !== 'device') {
        throw unauthorized(`policy "${policy}" has no right DeviceConnect`);
      }
      requireCover(token, deviceId, moduleId);
      await this.requireUsable(deviceId, moduleId);
      return { expiresAtSecs: token.se };
    }
    await this.verifyIdentity(token, deviceId, moduleId);
    return { expiresAtSecs: token.se };
  }

  private readToken(text: string): SasToken {
    const token = text.length <= TOKEN_CHARS_MAX ? parseSasToken(text) : undefined;
    if (!token) throw unauthorized('the text is no shared access signature');
    const nowSecs = this.parts.clock.nowMs() / 1_000;
    // No grace: tokens live an hour, so a clock that is a little off is served as it is.
    if (token.se <= nowSecs) throw unauthorized(`the token expired ${Math.ceil(nowSecs - token.se)} s ago`);
    if (!this.isOwnHost(hostOf(token.resource))) throw unauthorized('the token is made for another host');
    return token;
  }

  private verifyPolicy(token: SasToken, name: string): { kind: 'policy'; policy: PolicyName; resource: string } {
    const keys = isPolicyName(name) ? this.parts.policies.get(name) : undefined;
    if (!keys || !isPolicyName(name) || !signedByOneOf(token, [keys.primaryKey, keys.secondaryKey])) {
      throw unauthorized('the signature does not fit the shared access policy');
    }
    return { kind: 'policy', policy: name, resource: token.resource };
  }

  private async verifyIdentity(token: SasToken, deviceId: string, moduleId: string | undefined): Promise<void> {
    requireCover(token, deviceId, moduleId);
    const identity = await this.requireUsable(deviceId, moduleId);
    const keys = identity.auth_type === 'sas' ? [identity.primary_key, identity.secondary_key] : [];
    if (!signedByOneOf(token, keys)) throw unauthorized('the signature does not fit the keys of the identity');
  }

  private async requireUsable(deviceId: string, moduleId: string | undefined): Promise<IdentityStanding> {
    const identity = await readStanding(this.parts.db, deviceId, moduleId);
    if (!identity) throw unauthorized('no such identity');
    if (identity.status !== 'enabled') throw unauthorized('the device is disabled');
    return identity;
  }
}

/** `{host}/devices/{d}[/modules/{m}]` -> the identity; undefined for anything else. */
export function parseIdentityResource(resource: string): { deviceId: string; moduleId?: string } | undefined {
  const [, devices, deviceId, modules, moduleId, ...rest] = resource.split('/');
  if (devices !== 'devices' || !deviceId || rest.length > 0) return undefined;
  if (modules === undefined) return { deviceId: decodeId(deviceId) };
  if (modules !== 'modules' || !moduleId) return undefined;
  return { deviceId: decodeId(deviceId), moduleId: decodeId(moduleId) };
}

/** True when a policy's token, made for `resource`, may be used on the path `/devices/..` of this hub. */
export function resourceCoversPath(resource: string, path: string): boolean {
  const host = hostOf(resource);
  return resource === host || sasResourceCovers(resource, host + path);
}

function requireCover(token: SasToken, deviceId: string, moduleId: string | undefined): void {
  const host = hostOf(token.resource);
  const target = `${host}/devices/${deviceId}${moduleId === undefined ? '' : `/modules/${moduleId}`}`;
  const claimed = parseIdentityResource(token.resource);
  // Some clients encode the ids once more inside the resource (edgeHub: %24edgeHub).
  const plain = claimed
    ? `${host}/devices/${claimed.deviceId}${claimed.moduleId === undefined ? '' : `/modules/${claimed.moduleId}`}`
    : token.resource;
  if (sasResourceCovers(token.resource, target) || sasResourceCovers(plain, target)) return;
  throw unauthorized('the token is made for another resource');
}

function signedByOneOf(token: SasToken, keys: (string | null)[]): boolean {
  let fits = false;
  // Every key is tried, so that the time tells nothing about which one fits.
  for (const key of keys) if (key !== null && verifySasSignature(token, key)) fits = true;
  return fits;
}

function hostOf(resource: string): string {
  const end = resource.indexOf('/');
  return end < 0 ? resource : resource.slice(0, end);
}

function decodeId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function unauthorized(why: string): Error {
  return refusal('CLOUD_UNAUTHORIZED', `Cannot authenticate: ${why}`);
}
