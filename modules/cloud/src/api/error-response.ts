// Errors to HTTP answers of /api/v1, in one place: `{error:{code,message,details?,problems?}}`.

import { describeError, EdgeError, type Logger } from '@wayside/kit';
import type { Response } from 'express';
import { refusal } from '../errors.ts';

const STATUS_OF_CODE: { readonly [code: string]: number } = {
  CLOUD_ACCOUNT_INVALID: 400,
  CLOUD_ADDRESS_INVALID: 400,
  CLOUD_ARGUMENT_INVALID: 400,
  CLOUD_CONFIGURATION_INVALID: 400,
  CLOUD_MANIFEST_INVALID: 400,
  CLOUD_QUERY_INVALID: 400,
  CLOUD_NODE_INVALID: 400,
  CLOUD_REQUEST_INVALID: 400,
  CLOUD_TWIN_INVALID: 400,
  CLOUD_TWIN_TOO_LARGE: 400,
  KIT_DURATION_INVALID: 400,
  CLOUD_USER_INVALID: 400,
  CLOUD_LOGIN_FAILED: 401,
  CLOUD_SESSION_INVALID: 401,
  CLOUD_REGISTRATION_KEY_EXPIRED: 403,
  CLOUD_REGISTRATION_KEY_USED: 403,
  CLOUD_REGISTRATION_KEY_WRONG: 403,
  CLOUD_CSRF_REFUSED: 403,
  CLOUD_GRANT_REFUSED: 403,
  CLOUD_INVITATION_INVALID: 403,
  CLOUD_SCOPE_MISSING: 403,
  CLOUD_SESSION_NEEDED: 403,
  CLOUD_RIGHT_MISSING: 403,
  CLOUD_STEERING_HOST_REFUSED: 403,
  CLOUD_UPLOAD_REFUSED: 403,
  CLOUD_ACCOUNT_NOT_FOUND: 404,
  CLOUD_CONFIGURATION_NOT_FOUND: 404,
  CLOUD_DEPLOYMENT_NOT_FOUND: 404,
  CLOUD_DEVICE_NOT_FOUND: 404,
  CLOUD_MODULE_NOT_FOUND: 404,
  CLOUD_NODE_NOT_FOUND: 404,
  CLOUD_PREFIX_NOT_FOUND: 404,
  CLOUD_ROUTE_NOT_FOUND: 404,
  CLOUD_TOKEN_NOT_FOUND: 404,
  CLOUD_VIEW_NOT_FOUND: 404,
  CLOUD_USER_NOT_FOUND: 404,
  CLOUD_STEERING_NO_NODE: 404,
  CLOUD_UPLOAD_NOT_FOUND: 404,
  CLOUD_ACCOUNT_CONFLICT: 409,
  CLOUD_CONFIGURATION_EXISTS: 409,
  CLOUD_CONFIGURATION_LIMIT: 409,
  CLOUD_DEPLOYMENT_TARGETED: 409,
  CLOUD_DEVICE_EXISTS: 409,
  CLOUD_ETAG_MISMATCH: 412,
  CLOUD_LAST_ADMIN: 409,
  CLOUD_MODULE_LIMIT: 409,
  CLOUD_NODE_CONFLICT: 409,
  CLOUD_UPDATE_NOT_POSSIBLE: 409,
  CLOUD_NODE_LIMIT: 409,
  CLOUD_PREFIX_LIMIT: 409,
  CLOUD_STEERING_NOTHING: 409,
  CLOUD_TOKEN_LIMIT: 409,
  CLOUD_VIEW_LIMIT: 409,
  CLOUD_USER_EXISTS: 409,
  CLOUD_BODY_TOO_LARGE: 413,
  CLOUD_INVITATION_LIMITED: 429,
  CLOUD_LOGIN_LIMITED: 429,
  CLOUD_METHOD_BUSY: 429,
  CLOUD_REGISTRATION_LIMITED: 429,
  CLOUD_STEERING_LIMITED: 429,
  CLOUD_METHOD_FAILED: 502,
  CLOUD_INSTALLER_MISSING: 503,
  CLOUD_METHOD_DEVICE_OFFLINE: 503,
  CLOUD_STREAM_LIMIT: 503,
  KIT_QUEUE_FULL: 503,
  CLOUD_METHOD_TIMEOUT: 504,
};

export interface ErrorBody {
  error: { code: string; message: string; details?: unknown; problems?: unknown };
}

/** Status and body of an error; undefined status = not one of the caller's, see the log. */
export function toErrorAnswer(error: unknown): { status: number; body: ErrorBody; isExpected: boolean } {
  const known = fromParser(error) ?? error;
  const status = known instanceof EdgeError ? STATUS_OF_CODE[known.code] : undefined;
  if (!(known instanceof EdgeError) || status === undefined) {
    // What went wrong inside is for the log: it may name files, statements, addresses.
    const message = 'The request failed inside the cloud, see its log';
    return { status: 500, body: { error: { code: 'CLOUD_INTERNAL', message } }, isExpected: false };
  }
  const { problems, ...details } = known.details;
  const body: ErrorBody = { error: { code: known.code, message: known.message } };
  if (Object.keys(details).length > 0) body.error.details = details;
  if (problems !== undefined) body.error.problems = problems;
  return { status, body, isExpected: true };
}

export function sendError(response: Response, error: unknown, logger: Logger): void {
  const { status, body, isExpected } = toErrorAnswer(error);
  if (!isExpected) {
    const { method, path } = response.req;
    logger.error('API request failed', { method, path, error: describeError(error) });
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const retryAfterSecs = (body.error.details as { retryAfterSecs?: unknown } | undefined)?.retryAfterSecs;
  if (typeof retryAfterSecs === 'number') response.set('retry-after', String(retryAfterSecs));
  if (status === 401) response.set('www-authenticate', 'Bearer');
  response.status(status).json(body);
}

/** express and its body parser report what the caller did wrong as plain errors with a status and a type. */
function fromParser(error: unknown): EdgeError | undefined {
  if (!(error instanceof Error) || error instanceof EdgeError) return undefined;
  const { status, type, limit } = error as { status?: number; type?: string; limit?: number };
  if (type === 'entity.too.large') {
    return refusal('CLOUD_BODY_TOO_LARGE', `Cannot read the request: the body is larger than ${limit} bytes`);
  }
  if (type === 'entity.parse.failed') {
    return refusal('CLOUD_REQUEST_INVALID', `Cannot read the request: the body is no JSON: ${error.message}`);
  }
  const isCallers = status !== undefined && status >= 400 && status < 500;
  return isCallers ? refusal('CLOUD_REQUEST_INVALID', `Cannot read the request: ${error.message}`) : undefined;
}
