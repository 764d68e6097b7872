// The cloud's module registry as a device sees it (cloud.md 2.9): GET, PUT, DELETE /devices/{own}/modules[/{m}] with the device's SAS.

import { type Clock, EdgeError } from '@wayside/kit';
import { createSasToken } from '@wayside/protocol';
import type { CloudHttp, CloudRequest, CloudResponse } from '../cloud-http.ts';
import type { DeviceIdentity } from '../provision/device-identity.ts';

const API_VERSION = '2017-11-08-preview';
/** Life of the token of one call, seconds: long enough for a clock that runs some minutes behind. */
const TOKEN_SECS = 3600;

/** A module identity as the cloud tells it. Keys are there when the cloud shows them. */
export interface CloudModule {
  moduleId: string;
  managedBy: string;
  generationId: string;
  primaryKey?: string;
}

export interface ModuleRegistry {
  list(): Promise<CloudModule[]>;
  /** undefined = the cloud has no such module. */
  get(moduleId: string): Promise<CloudModule | undefined>;
  /** Creates the identity without keys; the answer carries its generation id. */
  create(moduleId: string, managedBy: string): Promise<CloudModule>;
  /** Sets keys (base64) of an existing identity. */
  setKeys(moduleId: string, managedBy: string, keys: { primary: string; secondary: string }): Promise<CloudModule>;
  remove(moduleId: string): Promise<void>;
}

export interface CloudRegistryOptions {
  http: CloudHttp;
  device: DeviceIdentity;
  clock: Clock;
}

export class CloudRegistry implements ModuleRegistry {
  readonly #o: CloudRegistryOptions;
  readonly #base: string;

  constructor(o: CloudRegistryOptions) {
    this.#o = o;
    const { iothubHostname, httpsPort, deviceId } = o.device;
    const port = httpsPort === 443 ? '' : `:${httpsPort}`;
    this.#base = `https://${iothubHostname}${port}/devices/${encodeURIComponent(deviceId)}/modules`;
  }

  async list(): Promise<CloudModule[]> {
    const { body } = await this.#call({ method: 'GET', url: this.#url() }, [200]);
    if (!Array.isArray(body)) throw unexpected('list of modules', body);
    return body.map(moduleOf);
  }

  async get(moduleId: string): Promise<CloudModule | undefined> {
    const { status, body } = await this.#call({ method: 'GET', url: this.#url(moduleId) }, [200, 404]);
    return status === 404 ? undefined : moduleOf(body);
  }

  async create(moduleId: string, managedBy: string): Promise<CloudModule> {
    const json = { moduleId, managedBy, deviceId: this.#o.device.deviceId, authentication: { type: 'none' } };
    return moduleOf((await this.#call({ method: 'PUT', url: this.#url(moduleId), json }, [200])).body);
  }

  async setKeys(
    moduleId: string,
    managedBy: string,
    keys: { primary: string; secondary: string },
  ): Promise<CloudModule> {
    const authentication = { type: 'sas', symmetricKey: { primaryKey: keys.primary, secondaryKey: keys.secondary } };
    const json = { moduleId, managedBy, deviceId: this.#o.device.deviceId, authentication };
    // The star stands unquoted, as IoT Hub wants it from a device.
    const headers = { 'if-match': '*' };
    return moduleOf((await this.#call({ method: 'PUT', url: this.#url(moduleId), json, headers }, [200])).body);
  }

  async remove(moduleId: string): Promise<void> {
    const headers = { 'if-match': '*' };
    await this.#call({ method: 'DELETE', url: this.#url(moduleId), headers }, [200, 204, 404]);
  }

  #url(moduleId?: string): string {
    const path = moduleId === undefined ? '' : `/${encodeURIComponent(moduleId)}`;
    return `${this.#base}${path}?api-version=${API_VERSION}`;
  }

  async #call(request: CloudRequest, wanted: number[]): Promise<CloudResponse> {
    const { device, clock } = this.#o;
    const authorization = createSasToken({
      resource: `${device.iothubHostname}/devices/${device.deviceId}`,
      keyBase64: device.deviceKey.reveal(),
      expiresAtSecs: Math.floor(clock.nowMs() / 1000) + TOKEN_SECS,
    });
    const headers = { ...request.headers, authorization };
    const response = await this.#o.http.request({ ...request, headers });
    if (wanted.includes(response.status)) return response;
    const path = new URL(request.url).pathname;
    throw new EdgeError(
      'DAEMON_CLOUD_REFUSED',
      `Cannot ${request.method} ${path}: the cloud answered ${response.status}${reasonOf(response.body)}, wanted ${wanted.join(' or ')}`,
      {
        source: 'upstream',
        retry: response.status >= 500 || response.status === 429 ? 'backoff' : 'never',
        details: { status: response.status },
      },
    );
  }
}

function moduleOf(value: unknown): CloudModule {
  const it = value as {
    moduleId?: unknown;
    managedBy?: unknown;
    generationId?: unknown;
    authentication?: { symmetricKey?: { primaryKey?: unknown } };
  } | null;
  if (typeof it?.moduleId !== 'string' || typeof it.generationId !== 'string') throw unexpected('module', value);
  const primaryKey = it.authentication?.symmetricKey?.primaryKey;
  return {
    moduleId: it.moduleId,
    managedBy: typeof it.managedBy === 'string' ? it.managedBy : '',
    generationId: it.generationId,
    ...(typeof primaryKey === 'string' && primaryKey !== '' ? { primaryKey } : {}),
  };
}

function unexpected(what: string, body: unknown): EdgeError {
  return new EdgeError(
    'DAEMON_CLOUD_REFUSED',
    `Cannot read the cloud's answer: ${body === undefined ? 'no JSON' : typeof body}, wanted a ${what}`,
    {
      source: 'upstream',
      retry: 'backoff',
    },
  );
}

function reasonOf(body: unknown): string {
  const message =
    (body as { Message?: unknown; message?: unknown } | null | undefined)?.Message ??
    (body as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? ` (${message.slice(0, 200)})` : '';
}
