// Errors as IoT Hub's REST clients read them (cloud.md 2.1): the SDKs take code and text out of `Message`.

import { randomUUID } from 'node:crypto';
import { describeError, isEdgeError, type Logger } from '@wayside/kit';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { refusal } from '../errors.ts';
import { type IotHubErrorForm, iotHubErrorForm } from '../iot-hub-errors.ts';

const METHOD_CODES: readonly string[] = ['CLOUD_METHOD_DEVICE_OFFLINE', 'CLOUD_METHOD_TIMEOUT', 'CLOUD_METHOD_BUSY'];

/** Last in the router: answers every error once. */
export function answerErrors(logger: Logger, nowMs: () => number): ErrorRequestHandler {
  return (thrown: unknown, request: Request, response: Response, next) => {
    if (response.headersSent) {
      next(thrown);
      return;
    }
    const error = asBodyError(thrown);
    const form = iotHubErrorForm(error);
    const trackingId = randomUUID().replaceAll('-', '').toUpperCase();
    if (form.status >= 500 && !isEdgeError(error)) {
      logger.error('A request failed', {
        method: request.method,
        path: request.path,
        trackingId,
        error: describeError(error),
      });
    }
    response.setHeader('iothub-errorcode', form.name);
    const methodTimeoutMs =
      isEdgeError(error) && METHOD_CODES.includes(error.code) ? Number(error.details.timeoutMs ?? 0) : undefined;
    response
      .status(form.status)
      .json(
        methodTimeoutMs === undefined
          ? errorBody(form, form.message, trackingId, nowMs())
          : methodErrorBody(form, form.message, trackingId, nowMs(), methodTimeoutMs),
      );
  };
}

/** For paths nobody serves. */
export const answerUnknownPath: RequestHandler = (request) => {
  throw refusal('CLOUD_NOT_IMPLEMENTED', `This hub does not serve ${request.method} ${request.path}`);
};

/** The text must be there and hold no ';': the SDKs cut at it. */
export function errorBody(form: IotHubErrorForm, message: string, trackingId: string, nowMs: number) {
  const time = new Date(nowMs).toISOString();
  const [date = '', clock = ''] = time.split('T');
  const [year, month, day] = date.split('-');
  return {
    Message: `ErrorCode:${form.name};${message.replaceAll(';', ',')}`,
    ExceptionMessage: `Tracking ID:${trackingId}-G:0-TimeStamp:${month}/${day}/${year} ${clock.slice(0, 8)}`,
  };
}

/** Direct methods carry JSON text in `Message`. */
export function methodErrorBody(
  form: IotHubErrorForm,
  message: string,
  trackingId: string,
  nowMs: number,
  timeoutMs: number,
) {
  return {
    Message: JSON.stringify({
      errorCode: form.number,
      trackingId,
      message,
      info: { timeout: new Date(timeoutMs).toISOString().slice(11, 19) },
      timestampUtc: new Date(nowMs).toISOString(),
    }),
    ExceptionMessage: '',
  };
}

/** body-parser's own errors carry `type` and `status`. */
function asBodyError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || isEdgeError(thrown)) return thrown;
  const { type, limit, length, status } = thrown as Error & {
    type?: string;
    limit?: number;
    length?: number;
    status?: number;
  };
  if (type === 'entity.too.large') {
    return refusal(
      'CLOUD_BODY_TOO_LARGE',
      `Cannot take the body: it has ${length ?? 'too many'} bytes, at most ${limit} are allowed`,
    );
  }
  if (type === 'entity.parse.failed') return refusal('CLOUD_ARGUMENT_INVALID', 'Cannot read the body: it is no JSON');
  // A path with bad percent-encoding, a broken upload, an unknown content encoding.
  if (status !== undefined && status >= 400 && status < 500) {
    return refusal('CLOUD_ARGUMENT_INVALID', `Cannot read the request: ${thrown.message}`);
  }
  return thrown;
}
