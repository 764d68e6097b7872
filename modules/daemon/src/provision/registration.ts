// Registration of the node with its one-time key (docs/contracts.md 5). The nonce is on disk before the call, so an answer that
// got lost can be asked for again; a key that the cloud refuses is a wrong configuration, everything else is tried again.

import { randomBytes } from 'node:crypto';
import {
  type Clock,
  ConfigError,
  describeError,
  EdgeError,
  type Logger,
  readJsonFile,
  retry,
  Secret,
  writeJsonFile,
} from '@wayside/kit';
import type { ProvisionAnswer, ProvisionRequest } from '@wayside/protocol';
import type { Provisioning } from '../config/provisioning.ts';
import { type DeviceIdentity, digest } from './device-identity.ts';

const NONCE_BYTES = 32;
const REGISTRATION_RETRY_BASE_MS = 2_000;
const REGISTRATION_RETRY_MAX_MS = 60_000;

export type RegistrationSettings = Extract<Provisioning, { source: 'registration' }>;

export type RegistrationReply =
  | { kind: 'answer'; answer: ProvisionAnswer }
  /** The cloud looked at the request and said no: asking again cannot help. */
  | { kind: 'refused'; code: string; message: string };

/** `POST {cloudUrl}/api/v1/provision`; throws EdgeError DAEMON_REGISTRATION_UNREACHABLE when it is worth another try. */
export type AskRegistration = (cloudUrl: string, request: ProvisionRequest) => Promise<RegistrationReply>;

export interface RegisterOptions {
  settings: RegistrationSettings;
  hostname: string;
  version: string;
  /** Where nonce and settings digest are kept. */
  file: string;
  ask: AskRegistration;
  clock: Clock;
  signal: AbortSignal;
  log: Logger;
  /** Default: until it works. */
  attempts?: number;
}

/** Which settings an identity came from: a new key in config.toml means a new registration. */
export function registrationId(settings: RegistrationSettings): string {
  return digest(settings.customerId, settings.cacheNodeId, settings.registrationKey.reveal());
}

/** Asks until the cloud answers; ConfigError when it refuses. */
export async function register(o: RegisterOptions): Promise<DeviceIdentity> {
  const { settings } = o;
  const request: ProvisionRequest = {
    customerId: settings.customerId,
    cacheNodeId: settings.cacheNodeId,
    customerKey: settings.customerKey.reveal(),
    registrationKey: settings.registrationKey.reveal(),
    nonce: await nonceFor(o.file, registrationId(settings)),
    hostname: o.hostname,
    version: o.version,
  };
  const reply = await retry(() => o.ask(settings.cloudUrl, request), {
    attempts: o.attempts ?? 'infinite',
    baseMs: REGISTRATION_RETRY_BASE_MS,
    maxMs: REGISTRATION_RETRY_MAX_MS,
    jitter: 0.2,
    clock: o.clock,
    signal: o.signal,
    onRetry: ({ error, attempt, delayMs }) =>
      o.log.warn('Registration failed, trying again', { attempt, delayMs, reason: describeError(error) }),
  });
  if (reply.kind === 'refused') {
    throw new ConfigError([
      {
        path: 'provisioning.registration_key',
        message: `was refused by ${settings.cloudUrl}: ${reply.message} (DAEMON_REGISTRATION_REFUSED, ${reply.code}), wanted a new key from the portal`,
      },
    ]);
  }
  return identityOf(reply.answer);
}

async function nonceFor(file: string, id: string): Promise<string> {
  const saved = await readJsonFile<{ id: string; nonce: string }>(file);
  if (saved?.id === id && typeof saved.nonce === 'string') return saved.nonce;
  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  await writeJsonFile(file, { id, nonce });
  return nonce;
}

/** Checks the answer before anything is saved: half an identity on disk would be worse than none. */
function identityOf(answer: ProvisionAnswer): DeviceIdentity {
  const wanted: [string, unknown][] = Object.entries({
    iothubHostname: answer.iothubHostname,
    deviceId: answer.deviceId,
    primaryKey: answer.primaryKey,
  });
  const missing = wanted.filter(([, value]) => typeof value !== 'string' || value === '').map(([name]) => name);
  if (missing.length > 0) {
    throw new EdgeError(
      'DAEMON_REGISTRATION_UNREACHABLE',
      `Cannot use the registration's answer: ${missing.join(', ')} missing`,
      {
        source: 'upstream',
        retry: 'backoff',
      },
    );
  }
  return {
    iothubHostname: answer.iothubHostname,
    deviceId: answer.deviceId,
    deviceKey: new Secret(answer.primaryKey),
    mqttPort: answer.mqttPort,
    httpsPort: answer.httpsPort,
    caPem: answer.caCertificate || undefined,
    agentImage: answer.agentImage || undefined,
  };
}
