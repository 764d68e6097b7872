// The unmodified azure-iothub package against our cloud. Only its TLS agent is ours: another port than 443, our CA, and the cloud's name looked
// up here, as a machine without DNS entry for it needs.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import iotHub from 'azure-iothub';
import { mustWayside } from './commands.ts';
import { CLOUD_HTTPS_PORT, CLOUD_STATE } from './settings.ts';

const lookup: LookupFunction = (_hostname, options, callback) => {
  const address = '127.0.0.1';
  if (options.all) callback(null, [{ address, family: 4 }]);
  else callback(null, address, 4);
};

export async function azureRegistry(): Promise<InstanceType<typeof iotHub.Registry>> {
  const connectionString = (await mustWayside('connection-string', 'iothubowner')).stdout.trim();
  const registry = iotHub.Registry.fromConnectionString(connectionString);
  const agent = new Agent({
    port: CLOUD_HTTPS_PORT,
    ca: readFileSync(`${CLOUD_STATE}/ca/ca.pem`),
    lookup,
    keepAlive: false,
  } as ConstructorParameters<typeof Agent>[0]);
  (registry as unknown as { _restApiClient: { setOptions(o: object): void } })._restApiClient.setOptions({
    http: { agent },
  });
  return registry;
}
