// Reads the identities below this edge device from the cloud over HTTPS, in the hub's own name (cloud.md 2.9).

import { EdgeError } from '@wayside/kit';
import type { Json } from '@wayside/protocol';
import got, { type Got } from 'got';
import { parseServiceIdentity, type ServiceIdentity } from './service-identity.ts';

export interface ScopeClientOptions {
  readonly hubHost: string;
  readonly httpsPort: number;
  readonly deviceId: string;
  readonly moduleId: string;
  /** A fresh SAS token of the hub. */
  readonly token: () => Promise<string>;
  /** PEM roots the cloud's certificate may chain to. */
  readonly roots: () => string[];
}

interface ScopePage {
  devices?: Json[];
  modules?: Json[];
  continuationLink?: string | null;
}

const SCOPE_API_VERSION = '2018-08-30-preview';
const REQUEST_TIMEOUT_MS = 20_000;
const PAGE_DEVICES = 100;
/** 100 devices a page: 100,000 devices below one edge node are not meant. */
const PAGES_MAX = 1_000;

export class ScopeClient {
  readonly #options: ScopeClientOptions;
  readonly #http: Got;
  readonly #base: string;

  constructor(options: ScopeClientOptions) {
    this.#options = options;
    const { hubHost, httpsPort, deviceId, moduleId } = options;
    const own = `devices/${encodeURIComponent(deviceId)}/modules/${encodeURIComponent(moduleId)}`;
    this.#base = `https://${hubHost}:${httpsPort}/${own}`;
    this.#http = got.extend({
      responseType: 'json',
      timeout: { request: REQUEST_TIMEOUT_MS },
      retry: { limit: 0 },
      followRedirect: false,
    });
  }

  async all(): Promise<ServiceIdentity[]> {
    const found: ServiceIdentity[] = [];
    let continuationToken: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const answer = await this.#get('devicesAndModulesInDeviceScope', {
        deviceCount: PAGE_DEVICES,
        continuationToken,
      });
      found.push(...identitiesOf(answer));
      // Only the token is taken from the link: the host to ask is the one of the configuration.
      continuationToken = tokenOf(answer.continuationLink);
      if (continuationToken === undefined) return found;
    }
    throw new EdgeError('HUB_SCOPE_FAILED', `Cannot read the device scope: more than ${PAGES_MAX} pages`);
  }

  /** The identity itself, and its device; undefined when the cloud does not know it in this scope. */
  async one(deviceId: string, moduleId: string | undefined): Promise<ServiceIdentity[]> {
    return identitiesOf(
      await this.#get('deviceAndModuleInDeviceScope', { targetDeviceId: deviceId, targetModuleId: moduleId }),
    );
  }

  async #get(call: string, query: { [name: string]: string | number | undefined }): Promise<ScopePage> {
    try {
      const answer = await this.#http.get<ScopePage>(`${this.#base}/${call}`, {
        searchParams: { ...query, 'api-version': SCOPE_API_VERSION },
        headers: { authorization: await this.#options.token() },
        https: { certificateAuthority: this.#options.roots() },
      });
      return answer.body ?? {};
    } catch (cause) {
      throw new EdgeError('HUB_SCOPE_FAILED', 'Cannot read the device scope from the cloud', {
        cause,
        source: 'upstream',
        retry: 'backoff',
      });
    }
  }
}

function identitiesOf(page: ScopePage): ServiceIdentity[] {
  return [...(page.devices ?? []), ...(page.modules ?? [])]
    .map(parseServiceIdentity)
    .filter((identity) => identity !== undefined);
}

function tokenOf(link: string | null | undefined): string | undefined {
  if (!link) return undefined;
  try {
    return new URL(link, 'https://unused.invalid').searchParams.get('continuationToken') ?? undefined;
  } catch {
    return undefined;
  }
}
