// What a node's daemon asks the cloud for: its registration, and the module identities of its own device (docs/contracts.md 5, cloud.md 2.9).

import { createHmac, randomBytes } from 'node:crypto';
import { createSasToken, type ProvisionAnswer, type ProvisionRequest } from '@wayside/protocol';
import type { CloudHttp } from './cloud-http.ts';

const API_VERSION = '2017-11-08-preview';
const TOKEN_SECS = 3_600;
const NONCE_BYTES = 32;
const MANAGED_BY_EDGE = 'IotEdge';

export interface Registered {
  hubHost: string;
  mqttPort: number;
  /** base64, secret. */
  deviceKey: string;
}

export async function provision(
  http: CloudHttp,
  request: Omit<ProvisionRequest, 'nonce' | 'version'>,
  localAddress: string | undefined,
): Promise<Registered> {
  const json = { ...request, nonce: randomBytes(NONCE_BYTES).toString('base64'), version: 'simulator' };
  const call = { method: 'POST' as const, path: '/api/v1/provision', json, ...(localAddress ? { localAddress } : {}) };
  const answer = await http.call<ProvisionAnswer>(call, [200]);
  return { hubHost: answer.iothubHostname, mqttPort: answer.mqttPort, deviceKey: answer.primaryKey };
}

/** Keys of the module identities, derived from the node's own key and registered with the cloud, as the daemon does (iotedge.md 4.7). */
export class ModuleKeys {
  readonly #http: CloudHttp;
  readonly #node: { deviceId: string; hubHost: string; deviceKey: string; identityKey: string };

  constructor(http: CloudHttp, node: { deviceId: string; hubHost: string; deviceKey: string; identityKey: string }) {
    this.#http = http;
    this.#node = node;
  }

  /** base64. The identity is made when there is none. */
  async register(moduleId: string): Promise<string> {
    const path = `/devices/${this.#node.deviceId}/modules/${encodeURIComponent(moduleId)}?api-version=${API_VERSION}`;
    const headers = this.#authorization();
    const identity = { deviceId: this.#node.deviceId, moduleId, managedBy: MANAGED_BY_EDGE };
    const known = await this.#http.ask({ method: 'GET', path, headers });
    const found = (
      known.status === 200
        ? known.body
        : await this.#http.call(
            { method: 'PUT', path, headers, json: { ...identity, authentication: { type: 'none' } } },
            [200],
          )
    ) as { generationId: string };
    const symmetricKey = {
      primaryKey: this.#derive(moduleId, found.generationId, 'primary'),
      secondaryKey: this.#derive(moduleId, found.generationId, 'secondary'),
    };
    const json = { ...identity, authentication: { type: 'sas', symmetricKey } };
    await this.#http.call({ method: 'PUT', path, json, headers: { ...headers, 'if-match': '*' } }, [200]);
    return symmetricKey.primaryKey;
  }

  #derive(moduleId: string, generationId: string, which: 'primary' | 'secondary'): string {
    return createHmac('sha256', Buffer.from(this.#node.identityKey, 'base64'))
      .update(`${moduleId}:${generationId}:${which}`, 'utf8')
      .digest('base64');
  }

  #authorization(): { authorization: string } {
    const { hubHost, deviceId, deviceKey } = this.#node;
    const expiresAtSecs = Math.floor(Date.now() / 1000) + TOKEN_SECS;
    const resource = `${hubHost}/devices/${deviceId}`;
    return { authorization: createSasToken({ resource, keyBase64: deviceKey, expiresAtSecs }) };
  }
}
