// The registration call over HTTPS. Reads the cloud's answer; what to do about a refusal is decided elsewhere.

import { EdgeError } from '@wayside/kit';
import type { ProvisionAnswer } from '@wayside/protocol';
import type { CloudHttp } from '../cloud-http.ts';
import type { AskRegistration } from './registration.ts';

/** Statuses with which the cloud says no to this request for good. */
const REFUSED = new Set([400, 403]);

export function cloudRegistration(http: CloudHttp): AskRegistration {
  return async (cloudUrl, request) => {
    const response = await http.request({ method: 'POST', url: `${cloudUrl}/api/v1/provision`, json: request });
    if (response.status === 200 && response.body !== null && typeof response.body === 'object') {
      return { kind: 'answer', answer: response.body as unknown as ProvisionAnswer };
    }
    const { code, message } = errorOf(response.body);
    if (REFUSED.has(response.status)) return { kind: 'refused', code, message };
    throw new EdgeError(
      'DAEMON_REGISTRATION_UNREACHABLE',
      `Cannot register with ${cloudUrl}: it answered ${response.status} ${code}, wanted 200`,
      { source: 'upstream', retry: 'backoff', details: { status: response.status } },
    );
  };
}

function errorOf(body: unknown): { code: string; message: string } {
  const error = (body as { error?: { code?: unknown; message?: unknown } } | null)?.error;
  return { code: String(error?.code ?? 'no code'), message: String(error?.message ?? 'no reason given') };
}
