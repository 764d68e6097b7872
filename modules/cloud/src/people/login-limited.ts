// The refusal of a login for the time being.

import { EdgeError } from '@wayside/kit';
import type { LoginWait } from './login-limits.ts';

export function loginLimited({ waitMs, why }: LoginWait): EdgeError {
  const retryAfterSecs = Math.ceil(waitMs / 1000);
  return new EdgeError('CLOUD_LOGIN_LIMITED', `Cannot log in: ${why}, try again in ${retryAfterSecs} s`, {
    details: { retryAfterSecs },
    retry: { afterMs: waitMs },
    source: 'downstream',
  });
}
