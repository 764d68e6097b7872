// Errors across threads: a structured clone would lose the class and the code, so they go as plain data.

import { describeError, EdgeError, isEdgeError } from '@wayside/kit';

export interface PlainError {
  /** null for an error that is none of ours. */
  code: string | null;
  message: string;
}

export function toPlainError(error: unknown): PlainError {
  if (isEdgeError(error)) return { code: error.code, message: error.message };
  return { code: null, message: describeError(error) };
}

export function fromPlainError({ code, message }: PlainError): Error {
  return code === null ? new Error(message) : new EdgeError(code, message);
}
