// How our codes look on the wires of IoT Hub: HTTP status, the name in `iothub-errorcode`, and the six digits of MQTT bodies (cloud.md 2.1).

import { isEdgeError } from '@wayside/kit';
import type { CloudErrorCode } from './errors.ts';

export interface IotHubErrorForm {
  status: number;
  name: string;
  number: number;
}

const FORMS: { readonly [C in CloudErrorCode]?: IotHubErrorForm } = {
  CLOUD_ARGUMENT_INVALID: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_BODY_TOO_LARGE: { status: 413, name: 'RequestTooLarge', number: 413001 },
  CLOUD_UNAUTHORIZED: { status: 401, name: 'IotHubUnauthorizedAccess', number: 401002 },
  // 401 also here: to the SDKs a 403 means "too many devices".
  CLOUD_FORBIDDEN: { status: 401, name: 'IotHubUnauthorized', number: 401002 },
  CLOUD_DEVICE_EXISTS: { status: 409, name: 'DeviceAlreadyExists', number: 409001 },
  CLOUD_DEVICE_NOT_FOUND: { status: 404, name: 'DeviceNotFound', number: 404001 },
  CLOUD_MODULE_EXISTS: { status: 409, name: 'ModuleAlreadyExistsOnDevice', number: 409301 },
  CLOUD_MODULE_NOT_FOUND: { status: 404, name: 'ModuleNotFound', number: 404010 },
  CLOUD_MODULE_SYSTEM: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_MODULE_LIMIT: { status: 403, name: 'TooManyModulesOnDevice', number: 403007 },
  CLOUD_NOT_EDGE_DEVICE: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_ETAG_MISMATCH: { status: 412, name: 'PreconditionFailed', number: 412001 },
  CLOUD_TWIN_INVALID: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_TWIN_TOO_LARGE: { status: 413, name: 'RequestTooLarge', number: 413001 },
  CLOUD_TWIN_VERSION_MISMATCH: { status: 412, name: 'PreconditionFailed', number: 412001 },
  CLOUD_MANIFEST_INVALID: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_METHOD_DEVICE_OFFLINE: { status: 404, name: 'DeviceNotOnline', number: 404103 },
  CLOUD_METHOD_TIMEOUT: { status: 504, name: 'GatewayTimeout', number: 504101 },
  CLOUD_METHOD_BUSY: { status: 429, name: 'ThrottlingException', number: 429001 },
  CLOUD_REPLICA_GONE: { status: 503, name: 'ServiceUnavailable', number: 503001 },
  CLOUD_CONNECTION_TAKEN_OVER: { status: 409, name: 'DeviceConnectionClosedRemotely', number: 404104 },
  CLOUD_TELEMETRY_BUSY: { status: 503, name: 'ServiceUnavailable', number: 503001 },
  CLOUD_TELEMETRY_INVALID: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_CONFIGURATION_EXISTS: { status: 409, name: 'ConfigurationAlreadyExists', number: 409401 },
  CLOUD_CONFIGURATION_NOT_FOUND: { status: 404, name: 'ConfigurationNotFound', number: 404401 },
  CLOUD_CONFIGURATION_INVALID: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_CONFIGURATION_LIMIT: { status: 403, name: 'ConfigurationCountLimitExceeded', number: 403401 },
  CLOUD_QUERY_INVALID: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_JOB_EXISTS: { status: 409, name: 'JobAlreadyExists', number: 409003 },
  CLOUD_JOB_NOT_FOUND: { status: 404, name: 'JobNotFound', number: 404002 },
  CLOUD_JOB_LIMIT: { status: 403, name: 'JobQuotaExceeded', number: 403003 },
  CLOUD_JOB_ENDED: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_C2D_INVALID: { status: 400, name: 'ArgumentInvalid', number: 400004 },
  CLOUD_C2D_TOO_LARGE: { status: 413, name: 'MessageTooLarge', number: 413001 },
  CLOUD_C2D_QUEUE_FULL: { status: 403, name: 'DeviceMaximumQueueDepthExceeded', number: 403004 },
  CLOUD_C2D_LOCK_LOST: { status: 412, name: 'DeviceMessageLockLost', number: 412002 },
  CLOUD_AMQP_REFUSED: { status: 401, name: 'IotHubUnauthorizedAccess', number: 401002 },
  CLOUD_NOT_IMPLEMENTED: { status: 501, name: 'NotImplemented', number: 501001 },
};

const INTERNAL: IotHubErrorForm = { status: 500, name: 'ServerError', number: 500001 };

/** The form of any error; what is not ours is a server error and its text stays inside. */
export function iotHubErrorForm(error: unknown): IotHubErrorForm & { message: string } {
  const form = isEdgeError(error) ? FORMS[error.code as CloudErrorCode] : undefined;
  if (!form || !isEdgeError(error))
    return { ...INTERNAL, message: 'The request could not be served, see the log of the cloud' };
  return { ...form, message: error.message };
}
