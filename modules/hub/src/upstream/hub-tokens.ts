// SAS tokens for the way up: the hub's own are signed by the daemon, every other identity's with its key of the scope cache.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { EdgeError } from '@wayside/kit';
import { createSasToken, sasStringToSign } from '@wayside/protocol';
import type { ScopeCache } from '../identity/scope-cache.ts';
import type { WorkloadClient } from '../workload/workload-client.ts';

export interface HubTokens {
  /** Token of any identity of this node. Throws HUB_UPSTREAM_OFFLINE when its key is not known. */
  forIdentity(identity: Identity, expiresAtSecs: number): Promise<string>;
}

export function hubTokens(o: {
  hubHost: string;
  own: Identity;
  workload: Pick<WorkloadClient, 'sign'>;
  scope: Pick<ScopeCache, 'find'>;
}): HubTokens {
  const ownId = clientIdOf(o.own);
  return {
    async forIdentity(identity, expiresAtSecs) {
      const resource = resourceOf(o.hubHost, identity);
      if (clientIdOf(identity) === ownId) {
        const signature = await o.workload.sign(sasStringToSign(resource, expiresAtSecs));
        return `SharedAccessSignature sr=${encodeURIComponent(resource)}&sig=${encodeURIComponent(signature)}&se=${expiresAtSecs}`;
      }
      const keyBase64 = o.scope.find(identity)?.keys[0];
      if (keyBase64 === undefined) {
        throw new EdgeError(
          'HUB_UPSTREAM_OFFLINE',
          `Cannot connect ${clientIdOf(identity)} to the cloud: its key is not known`,
          {
            retry: 'backoff',
          },
        );
      }
      return createSasToken({ resource, keyBase64, expiresAtSecs });
    },
  };
}

function resourceOf(host: string, { deviceId, moduleId }: Identity): string {
  return `${host}/devices/${deviceId}${moduleId === undefined ? '' : `/modules/${moduleId}`}`;
}
