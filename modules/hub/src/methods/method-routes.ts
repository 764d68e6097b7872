// `POST /twins/{d}[/modules/{m}]/methods`: one module calls another through its hub (iotedge.md 3.5).

import { type Identity, parseClientId } from '@wayside/gateway';
import { describeError, type Logger } from '@wayside/kit';
import type { Json } from '@wayside/protocol';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import { type MethodAnswer, MethodError } from './method-calls.ts';

export interface MethodRequest {
  readonly target: Identity;
  readonly name: string;
  /** JSON text; '' without a payload. */
  readonly body: string;
  readonly connectTimeoutMs: number;
  readonly responseTimeoutMs: number;
}

export interface MethodRoutesOptions {
  readonly deviceId: string;
  /** false: the credentials do not prove the identity. */
  readonly authenticate: (
    identity: Identity,
    token: string | undefined,
    certificate: Buffer | undefined,
  ) => Promise<boolean>;
  readonly call: (from: Identity, request: MethodRequest) => Promise<MethodAnswer>;
  readonly logger: Logger;
}

/** Payload limit of 128 KiB, with room for the envelope. */
const BODY_BYTES_MAX = 132 * 1024;
const PAYLOAD_BYTES_MAX = 128 * 1024;
const METHOD_NAME_CHARS_MAX = 100;
const RESPONSE_TIMEOUT_SECS = { min: 5, max: 300, default: 30 };
const CONNECT_TIMEOUT_SECS = { min: 0, max: 300, default: 0 };
const STATUS_OF = { offline: 404, timeout: 504, busy: 429, 'answer-too-large': 502 } as const;

class BadRequest extends Error {}

export function methodRoutes(options: MethodRoutesOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  // Who calls is settled before a body is read.
  const handle = [
    authenticated(options),
    express.json({ limit: BODY_BYTES_MAX, strict: true, type: () => true }),
    (request: Request, response: Response) => invoke(options, request, response),
  ];
  app.post('/twins/:deviceId/methods', ...handle);
  app.post('/twins/:deviceId/modules/:moduleId/methods', ...handle);
  app.use((_request: Request, response: Response) => {
    response.status(404).json({ message: 'Unknown path' });
  });
  app.use(onError(options.logger));
  return app;
}

function authenticated({ authenticate, deviceId }: MethodRoutesOptions) {
  return async (request: Request, response: Response, next: () => void) => {
    const claimed = request.get('x-ms-edge-moduleId');
    if (claimed === undefined)
      throw new BadRequest('Header x-ms-edge-moduleId is missing, wanted {deviceId}/{moduleId}');
    const caller = parseClientId(claimed);
    if (caller?.moduleId === undefined)
      throw new BadRequest('Header x-ms-edge-moduleId is malformed, wanted {deviceId}/{moduleId}');
    const socket = request.socket as { getPeerCertificate?: () => { raw?: Buffer } };
    const certificate = socket.getPeerCertificate?.()?.raw;
    if (caller.deviceId !== deviceId || !(await authenticate(caller, request.get('authorization'), certificate))) {
      response.status(401).json({ message: `Client ${claimed} is not authenticated` });
      return;
    }
    response.locals.caller = caller;
    next();
  };
}

async function invoke({ call }: MethodRoutesOptions, request: Request, response: Response): Promise<void> {
  const { deviceId, moduleId } = request.params as { deviceId: string; moduleId?: string };
  const target: Identity = moduleId === undefined ? { deviceId } : { deviceId, moduleId };
  const answer = await call(response.locals.caller as Identity, { target, ...readBody(request.body) });
  response.status(200).json({ status: answer.status, payload: answer.payload ?? null });
}

function readBody(body: unknown): Omit<MethodRequest, 'target'> {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new BadRequest('Body must be a JSON object');
  const { methodName, payload, responseTimeoutInSeconds, connectTimeoutInSeconds } = body as {
    [name: string]: Json | undefined;
  };
  if (typeof methodName !== 'string' || methodName === '' || methodName.length > METHOD_NAME_CHARS_MAX) {
    throw new BadRequest(`methodName must be a text of 1 to ${METHOD_NAME_CHARS_MAX} characters`);
  }
  const text = payload === undefined ? '' : JSON.stringify(payload);
  if (Buffer.byteLength(text) > PAYLOAD_BYTES_MAX) throw new BadRequest('payload is larger than 128 KiB');
  return {
    name: methodName,
    body: text,
    responseTimeoutMs: seconds('responseTimeoutInSeconds', responseTimeoutInSeconds, RESPONSE_TIMEOUT_SECS) * 1000,
    connectTimeoutMs: seconds('connectTimeoutInSeconds', connectTimeoutInSeconds, CONNECT_TIMEOUT_SECS) * 1000,
  };
}

function seconds(name: string, value: Json | undefined, limits: { min: number; max: number; default: number }): number {
  if (value === undefined || value === null) return limits.default;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < limits.min || value > limits.max) {
    throw new BadRequest(
      `${name} is ${JSON.stringify(value)}, wanted a whole number from ${limits.min} to ${limits.max}`,
    );
  }
  return value;
}

function onError(logger: Logger): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) return next(error);
    if (error instanceof BadRequest) return void response.status(400).json({ message: error.message });
    if (error instanceof MethodError)
      return void response.status(STATUS_OF[error.reason]).json({ message: error.message });
    const status = (error as { status?: unknown }).status;
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return void response
        .status(status === 413 ? 413 : 400)
        .json({ message: 'Body is no valid JSON of at most 128 KiB' });
    }
    logger.error('Method request failed', { error: describeError(error) });
    response.status(500).json({ message: 'Internal error' });
  };
}
