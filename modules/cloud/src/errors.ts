// Every code this module refuses or fails with, what it means and what the operator does. docs/errors.md is made from it.

import { EdgeError } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { C2D_ERRORS } from './c2d/c2d-errors.ts';
import { CONFIGURATION_ERRORS } from './configuration-errors.ts';
import { NODE_ERRORS } from './node-errors.ts';
import { PEOPLE_ERRORS } from './people/people-errors.ts';
import { REPLICA_ERRORS } from './replicas/replica-errors.ts';
import { ROUTING_ERRORS } from './routing-errors.ts';

export const ERRORS = {
  CLOUD_ARGUMENT_INVALID: {
    meaning: 'A request to the IoT Hub API carries a field, header or query parameter that cannot be used.',
    action: 'Correct the field the message names; the message shows the current and the wanted value.',
  },
  CLOUD_BODY_TOO_LARGE: {
    meaning: 'A request body is larger than the named limit.',
    action: 'Send less at once, e.g. fewer devices in one bulk call.',
  },
  CLOUD_UNAUTHORIZED: {
    meaning:
      'No valid shared access signature: wrong key, expired, for another resource or host, or a disabled device.',
    action: 'Compare the connection string with the registry, the clock of the caller and the status of the device.',
  },
  CLOUD_FORBIDDEN: {
    meaning: 'The shared access policy or identity is genuine but lacks the right this call needs.',
    action: 'Use a policy with that right (iothubowner has all).',
  },
  CLOUD_DEVICE_EXISTS: {
    meaning: 'A device with this id is in the registry already.',
    action: 'Choose another id, or update the device with an If-Match header.',
  },
  CLOUD_DEVICE_NOT_FOUND: {
    meaning: 'The registry holds no device with this id.',
    action: 'Check the id (case counts) or create the device.',
  },
  CLOUD_MODULE_EXISTS: {
    meaning: 'The device has a module with this id already.',
    action: 'Choose another id, or update the module with an If-Match header.',
  },
  CLOUD_MODULE_NOT_FOUND: {
    meaning: 'The device has no module with this id.',
    action: 'Check the id (case counts) or deploy a manifest that names the module.',
  },
  CLOUD_MODULE_SYSTEM: {
    meaning: '$edgeAgent and $edgeHub live and die with their edge device.',
    action: 'Delete the device, or remove its iotEdge capability by making it anew.',
  },
  CLOUD_MODULE_LIMIT: {
    meaning: 'The device holds as many modules as are allowed.',
    action: 'Delete modules that are not used.',
  },
  CLOUD_NOT_EDGE_DEVICE: {
    meaning: 'The operation needs a device with the iotEdge capability.',
    action: 'Create the device as an edge device.',
  },
  CLOUD_ETAG_MISMATCH: {
    meaning: 'The object changed since the caller read it: the If-Match value is not its etag.',
    action: 'Read it again, repeat the change on the new state.',
  },
  CLOUD_TWIN_INVALID: {
    meaning: 'A twin section breaks a limit of the twin: size, depth, key or value.',
    action: 'Correct the paths the message names.',
  },
  CLOUD_TWIN_TOO_LARGE: {
    meaning: 'A twin section would grow over its limit (desired and reported 32 KB each, tags 8 KB).',
    action: 'Remove properties, or keep bulk data out of the twin.',
  },
  CLOUD_TWIN_VERSION_MISMATCH: {
    meaning: 'A reported patch names a $version that is not the current one.',
    action: 'The client reads its twin again and repeats the patch.',
  },
  CLOUD_MANIFEST_INVALID: {
    meaning: 'A deployment manifest has faults; nothing was changed.',
    action: 'Correct every problem listed in the details.',
  },
  CLOUD_METHOD_DEVICE_OFFLINE: {
    meaning: 'A direct method could not be delivered: the device or module is not connected or takes no methods.',
    action: 'See why the device is offline; a connect timeout lets the call wait for it.',
  },
  CLOUD_METHOD_TIMEOUT: {
    meaning: 'The device took a direct method and did not answer within the response timeout.',
    action: 'Look at the module that should answer; raise responseTimeoutInSeconds for slow work.',
  },
  CLOUD_METHOD_BUSY: {
    meaning: 'Too many direct method calls wait for answers.',
    action: 'Try again later; look for a device that does not answer.',
  },
  CLOUD_TELEMETRY_BUSY: {
    meaning: 'The queue of messages that wait for their commit is full.',
    action: 'The sender repeats the message; look at the speed of the disk of the cloud.',
  },
  CLOUD_TELEMETRY_INVALID: {
    meaning: 'A message is too large or its property bag cannot be read.',
    action: 'Correct the sender: at most 256 KiB with properties, percent-encoded pairs.',
  },
  CLOUD_QUERY_INVALID: {
    meaning: 'A query text cannot be read, or uses a part of the query language that is not served.',
    action: 'Correct the text at the position the message names.',
  },
  CLOUD_JOB_EXISTS: {
    meaning: 'A job with this id was scheduled before; ids are kept for 30 days after the end of their job.',
    action: 'Choose another job id, e.g. one with a date in it.',
  },
  CLOUD_JOB_NOT_FOUND: {
    meaning: 'The hub holds no scheduled job with this id.',
    action: 'Check the id (case counts); jobs are removed 30 days after their end.',
  },
  CLOUD_JOB_LIMIT: {
    meaning: 'As many jobs wait or run as are allowed.',
    action: 'Wait for some to end, or cancel those that are not needed.',
  },
  CLOUD_JOB_ENDED: {
    meaning: 'A job that has completed or failed cannot be cancelled.',
    action: 'Read the job to see what became of it.',
  },
  CLOUD_NOT_IMPLEMENTED: {
    meaning: 'The call belongs to the IoT Hub API but this cloud does not serve it.',
    action: 'Use the calls that the README of modules/cloud lists.',
  },
  CLOUD_STORE_FAILED: {
    meaning: 'The database of the cloud could not be opened, migrated or written.',
    action: 'Check free space and rights of the state directory; the cause is in the message.',
  },
  ...CONFIGURATION_ERRORS,
  ...C2D_ERRORS,
  ...NODE_ERRORS,
  ...ROUTING_ERRORS,
  ...PEOPLE_ERRORS,
  ...REPLICA_ERRORS,
} as const;

export type CloudErrorCode = keyof typeof ERRORS;

/** A refusal of what a caller asked for: the caller is at fault, repeating it does not help. */
export function refusal(code: CloudErrorCode, message: string, details?: JsonObject): EdgeError {
  return new EdgeError(code, message, { source: 'downstream', retry: 'never', ...(details ? { details } : {}) });
}
