// The gateway's error catalogue and the error a client gets in a twin answer.

import { EdgeError } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';

export const ERRORS = {
  GATEWAY_CERTIFICATE_INVALID: {
    meaning: 'The server certificate or its key could not be used.',
    action: 'Check that certificate chain and private key are PEM and belong together.',
  },
  GATEWAY_REQUEST_REFUSED: {
    meaning: 'A twin request of a client was refused; its IoT Hub error code and text were sent to the client.',
    action: 'Read the text: it names the current and the allowed value. Change the module that sent it.',
  },
} as const;

/** An answer to a client: `status` goes into the topic (and HTTP status), `errorCode` into the body (IoT Hub's six digits, e.g. 400004). */
export class IotHubError extends EdgeError {
  readonly status: number;
  readonly errorCode: number;

  constructor(
    status: number,
    errorCode: number,
    message: string,
    options: { details?: JsonObject; cause?: unknown } = {},
  ) {
    super('GATEWAY_REQUEST_REFUSED', message, {
      ...options,
      retry: status === 429 || status >= 500 ? 'backoff' : 'never',
      source: 'downstream',
    });
    this.status = status;
    this.errorCode = errorCode;
  }
}
