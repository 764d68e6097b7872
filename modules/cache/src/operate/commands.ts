// What an operator can have this cache do, by whatever way it is asked: operations port and direct methods share these.
// Each command takes plain JSON and answers a status with plain JSON.

import { type EdgeError, isEdgeError, type Logger } from '@wayside/kit';

export interface CommandAnswer {
  /** As of HTTP, and as the status of a direct method. */
  status: number;
  payload: unknown;
}

/** @param by who asked: `operations` or `method` */
export type Command = (payload: unknown, by: string) => Promise<CommandAnswer> | CommandAnswer;

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  CACHE_PURGE_INVALID: 400,
  CACHE_PURGE_BUSY: 503,
  CACHE_PURGE_UNRECORDED: 503,
  CACHE_PREFETCH_INVALID: 400,
  CACHE_PREFETCH_BUSY: 503,
  CACHE_PREFETCH_UNRECORDED: 503,
  CACHE_PREFETCH_UNKNOWN: 404,
  CACHE_PURGE_UNKNOWN: 404,
  CACHE_CERTIFICATE_INVALID: 400,
  CACHE_CERTIFICATE_FAILED: 500,
  CACHE_TLS_OFF: 409,
};

/** Runs a command; what it throws becomes an answer with its code. */
export async function runCommand(
  command: Command,
  payload: unknown,
  by: string,
  logger: Logger,
): Promise<CommandAnswer> {
  try {
    return await command(payload, by);
  } catch (error) {
    if (isEdgeError(error) && STATUS_OF_CODE[error.code] !== undefined) return refusal(error);
    logger.error('Command failed', { error });
    return {
      status: 500,
      payload: { error: { code: 'CACHE_COMMAND_FAILED', message: 'The cache could not do that; its log says why' } },
    };
  }
}

function refusal(error: EdgeError): CommandAnswer {
  const { code, message, details } = error;
  const problems = details.problems === undefined ? {} : { problems: details.problems };
  return { status: STATUS_OF_CODE[code] ?? 500, payload: { error: { code, message, ...problems } } };
}

/** A whole number from a payload or a query, within bounds. */
export function limitOf(value: unknown, fallback: number, most: number): number {
  const number = Number(value ?? fallback);
  return Number.isInteger(number) && number > 0 ? Math.min(number, most) : fallback;
}

export function fieldOf(payload: unknown, name: string): unknown {
  return payload !== null && typeof payload === 'object' ? (payload as Record<string, unknown>)[name] : undefined;
}
