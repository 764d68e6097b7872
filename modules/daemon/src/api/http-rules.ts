// Rules of both sockets (iotedge.md 4.2): api-version is mandatory, bodies are JSON, errors are `{message}` with a fitting status.

import type { RequestListener } from 'node:http';
import { describeError, EdgeError, isEdgeError, type Logger } from '@wayside/kit';
import { API_VERSIONS } from '@wayside/protocol';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Router } from 'express';

/** Largest request body: the agent encrypts a whole deployment in one call. */
const REQUEST_BODY_BYTES_MAX = 4 * 1024 * 1024;

/** Status of an error on the wire, by its code; 500 for the rest. */
const STATUS: { [code: string]: number } = {
  DAEMON_API_VERSION: 400,
  DAEMON_REQUEST_INVALID: 400,
  DAEMON_DECRYPT_FAILED: 400,
  KIT_DURATION_INVALID: 400,
  DAEMON_FORBIDDEN: 403,
  DAEMON_NOT_FOUND: 404,
  DAEMON_IDENTITY_UNKNOWN: 404,
  DAEMON_MODULE_EXISTS: 409,
  DAEMON_CONTAINER_FOREIGN: 409,
  DAEMON_CLOUD_UNREACHABLE: 503,
  DAEMON_ENGINE_UNREACHABLE: 503,
  KIT_QUEUE_FULL: 503,
};

/** Statuses of the engine that mean the same to our caller. */
const ENGINE_STATUSES = new Set([400, 404, 409]);

/** An Express application with the rules around the given routes. */
export function application(routes: Router, log: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(requireApiVersion);
  // Clients of the original do not all name the content type.
  app.use(express.json({ limit: REQUEST_BODY_BYTES_MAX, type: () => true, strict: false }));
  app.use(routes);
  app.use((request, _response, next) => {
    next(
      new EdgeError('DAEMON_NOT_FOUND', `Cannot ${request.method} ${request.path}: no such path`, {
        source: 'downstream',
      }),
    );
  });
  app.use(errorAnswer(log));
  return app;
}

export function listenerOf(app: Express): RequestListener {
  return app as unknown as RequestListener;
}

const requireApiVersion: RequestHandler = (request, _response, next) => {
  const version = request.query['api-version'];
  if (typeof version === 'string' && (API_VERSIONS as readonly string[]).includes(version)) return next();
  const current = version === undefined ? 'missing' : JSON.stringify(version);
  next(
    new EdgeError(
      'DAEMON_API_VERSION',
      `Cannot serve the request: api-version is ${current}, wanted one of ${API_VERSIONS.join(', ')}`,
      {
        source: 'downstream',
      },
    ),
  );
};

/** Express knows an error handler by its four parameters. */
function errorAnswer(log: Logger): ErrorRequestHandler {
  return (error, request, response, _next) => {
    const status = statusOf(error);
    // The refusal of the original is this one word; all others tell what, code and cause.
    const message = isEdgeError(error, 'DAEMON_FORBIDDEN') ? error.message : describeError(error);
    if (status >= 500)
      log.error('Request failed', {
        method: request.method,
        path: request.path,
        status,
        reason: message,
        code: codeOf(error),
      });
    else log.debug('Request refused', { method: request.method, path: request.path, status, reason: message });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(status).json({ message });
  };
}

function statusOf(error: unknown): number {
  if (isEdgeError(error)) {
    const ofEngine = error.code === 'DAEMON_ENGINE_REFUSED' ? Number(error.details.status) : 0;
    return ENGINE_STATUSES.has(ofEngine) ? ofEngine : (STATUS[error.code] ?? 500);
  }
  // body-parser and the router name their own: 400 for bad JSON or a bad escape in the path, 413 for a large body.
  const { status } = error as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

function codeOf(error: unknown): string | undefined {
  return isEdgeError(error) ? error.code : undefined;
}

/** A field of a request body that must be text. */
export function textField(body: unknown, name: string): string {
  const value = fieldOf(body, name);
  if (typeof value === 'string') return value;
  throw new EdgeError(
    'DAEMON_REQUEST_INVALID',
    `Cannot read the body: ${name} is ${JSON.stringify(value) ?? 'missing'}, wanted a string`,
    {
      source: 'downstream',
    },
  );
}

/** A field of a request body that must be base64. */
export function bytesField(body: unknown, name: string): Buffer {
  const text = textField(body, name);
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0) return Buffer.from(text, 'base64');
  throw new EdgeError('DAEMON_REQUEST_INVALID', `Cannot read the body: ${name} is no base64, wanted base64`, {
    source: 'downstream',
  });
}

export function fieldOf(body: unknown, name: string): unknown {
  return body !== null && typeof body === 'object' ? (body as { [key: string]: unknown })[name] : undefined;
}
