// Password hashes at once are few: each takes 32 MiB and a core for some 50 ms.

import { loginLimited } from './login-limited.ts';
import { hashPassword, verifyPassword } from './password.ts';
import { newToken } from './sessions.ts';

const PASSWORD_CHECKS_MAX = 4;
const BUSY_RETRY_MS = 1_000;
/** A hash of nothing: an unknown user costs as much time as a wrong password. */
const DECOY_HASH = hashPassword(newToken());

export class PasswordGate {
  private running = 0;

  /** false for a wrong password and, after the same time, for no hash. CLOUD_LOGIN_LIMITED when too many are checked. */
  fits(password: string, hash: string | undefined): Promise<boolean> {
    return this.run(async () => {
      const isRight = await verifyPassword(password, hash ?? (await DECOY_HASH));
      return isRight && hash !== undefined;
    });
  }

  hash(password: string): Promise<string> {
    return this.run(() => hashPassword(password));
  }

  private async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= PASSWORD_CHECKS_MAX) {
      throw loginLimited({ waitMs: BUSY_RETRY_MS, why: `${PASSWORD_CHECKS_MAX} passwords are being checked` });
    }
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
    }
  }
}
