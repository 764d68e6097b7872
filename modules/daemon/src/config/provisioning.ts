// [provisioning]: where the device's identity comes from, by a connection string, by hand or by registration.

import { Secret } from '@wayside/kit';
import { parseConnectionString } from '@wayside/protocol';
import type { ProblemList } from './problem-list.ts';

/** 32 bytes at most in a symmetric key of IoT Hub is usual; anything longer is no key. */
const DEVICE_KEY_CHARS_MAX = 512;

export type Provisioning =
  | { source: 'manual'; iothubHostname: string; deviceId: string; deviceKey: Secret }
  | {
      source: 'registration';
      cloudUrl: string;
      customerId: string;
      cacheNodeId: string;
      customerKey: Secret;
      registrationKey: Secret;
    };

/** The section as the schema leaves it. */
export interface ProvisioningFile {
  source: 'manual' | 'registration' | 'dps' | 'none';
  connection_string?: Secret;
  iothub_hostname?: string;
  device_id?: string;
  authentication?: { method: 'sas' | 'x509'; device_id_pk?: { value?: Secret; uri?: string } };
  cloud_url?: string;
  customer_id?: string;
  cache_node_id?: string;
  customer_key?: Secret;
  registration_key?: Secret;
}

/** The settings of the section; what is wrong with it goes to `problems`. */
export function provisioningOf(file: ProvisioningFile, problems: ProblemList): Provisioning {
  if (file.source === 'registration') return registrationOf(file, problems);
  if (file.source !== 'manual') {
    problems.add('provisioning.source', `"${file.source}" is not supported, wanted "manual" or "registration"`);
  }
  return manualOf(file, problems);
}

function registrationOf(file: ProvisioningFile, problems: ProblemList): Provisioning {
  const wanted = ['cloud_url', 'customer_id', 'cache_node_id', 'customer_key', 'registration_key'] as const;
  for (const key of wanted) {
    if (file[key] === undefined) problems.add(`provisioning.${key}`, 'is missing, wanted with source = "registration"');
  }
  return {
    source: 'registration',
    cloudUrl: (file.cloud_url ?? '').replace(/\/+$/, ''),
    customerId: file.customer_id ?? '',
    cacheNodeId: file.cache_node_id ?? '',
    customerKey: file.customer_key ?? new Secret(''),
    registrationKey: file.registration_key ?? new Secret(''),
  };
}

function manualOf(file: ProvisioningFile, problems: ProblemList): Provisioning {
  if (file.connection_string !== undefined) return fromConnectionString(file.connection_string.reveal(), problems);
  if (file.source !== 'manual')
    return { source: 'manual', iothubHostname: '', deviceId: '', deviceKey: new Secret('') };
  const pk = file.authentication?.device_id_pk;
  if (file.iothub_hostname === undefined || file.device_id === undefined) {
    problems.add('provisioning', 'has neither connection_string nor iothub_hostname and device_id, wanted one of both');
  }
  if (file.authentication?.method === 'x509') {
    problems.add('provisioning.authentication.method', '"x509" is not supported, wanted "sas"');
  } else if (pk === undefined) {
    problems.add(
      'provisioning.authentication.device_id_pk',
      'is missing, wanted the device key as { value = ".." } or { uri = "file:///.." }',
    );
  }
  const path = 'provisioning.authentication.device_id_pk';
  const key = pk?.value?.reveal() ?? (pk?.uri ? problems.file(`${path}.uri`, pk.uri).trim() : '');
  if (key !== '') checkDeviceKey(path, key, problems);
  return {
    source: 'manual',
    iothubHostname: file.iothub_hostname ?? '',
    deviceId: file.device_id ?? '',
    deviceKey: new Secret(key),
  };
}

function fromConnectionString(text: string, problems: ProblemList): Provisioning {
  const path = 'provisioning.connection_string';
  try {
    const parts = parseConnectionString(text);
    if (parts.deviceId === undefined)
      problems.add(path, 'has no DeviceId, wanted HostName=..;DeviceId=..;SharedAccessKey=..');
    if (parts.moduleId !== undefined) problems.add(path, 'names a ModuleId, wanted the connection string of a device');
    if (parts.sharedAccessKey === undefined)
      problems.add(path, 'has no SharedAccessKey, wanted HostName=..;DeviceId=..;SharedAccessKey=..');
    else checkDeviceKey(path, parts.sharedAccessKey, problems);
    return {
      source: 'manual',
      iothubHostname: parts.hostName,
      deviceId: parts.deviceId ?? '',
      deviceKey: new Secret(parts.sharedAccessKey ?? ''),
    };
  } catch {
    // The parser's message may quote the text, which holds the key.
    problems.add(path, 'cannot be read, wanted HostName=..;DeviceId=..;SharedAccessKey=..');
    return { source: 'manual', iothubHostname: '', deviceId: '', deviceKey: new Secret('') };
  }
}

function checkDeviceKey(path: string, key: string, problems: ProblemList): void {
  const valid = /^[A-Za-z0-9+/]+={0,2}$/.test(key) && key.length % 4 === 0 && key.length <= DEVICE_KEY_CHARS_MAX;
  if (!valid)
    problems.add(path, `holds a key of ${key.length} characters that is no base64, wanted the device's base64 key`);
}
