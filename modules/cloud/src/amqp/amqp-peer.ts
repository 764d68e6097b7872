// Who an AMQP client is: proved by SASL PLAIN or by a put-token on $cbs, both with a shared access signature, for as long as it lasts.

import type { Clock } from '@wayside/kit';
import { refusal } from '../errors.ts';
import { mayCall } from '../identity/rights.ts';
import type { SasAuthenticator } from '../identity/sas-authenticator.ts';

/** From accept to the first token. */
const PROOF_TIMEOUT_MS = 30_000;
/** SASL PLAIN user of a back end: `{policy}@sas.root.{hub}`. */
const PLAIN_USER = /^([^@]+)@sas\.root\./;

export class AmqpPeer {
  /** Shown in logs. */
  policy = '';
  private readonly parts: { authenticator: Pick<SasAuthenticator, 'authenticate'>; clock: Clock };
  private readonly expired: (why: string) => void;
  private timer = new AbortController();
  private expiresAtMs = 0;

  /** `expired` is called once, when no token came in time or the last one ran out. */
  constructor(
    parts: { authenticator: Pick<SasAuthenticator, 'authenticate'>; clock: Clock },
    expired: (why: string) => void,
  ) {
    this.parts = parts;
    this.expired = expired;
    this.arm(PROOF_TIMEOUT_MS, 'no token came');
  }

  get isProved(): boolean {
    return this.expiresAtMs > this.parts.clock.nowMs();
  }

  /** Takes a token. Throws CLOUD_UNAUTHORIZED, CLOUD_FORBIDDEN; then an earlier token stays in force. */
  async prove(token: string): Promise<void> {
    const { principal, expiresAtSecs } = await this.parts.authenticator.authenticate(token);
    if (principal.kind !== 'policy' || !mayCall(principal.policy, 'sendToDevice')) {
      throw refusal('CLOUD_FORBIDDEN', 'Cannot serve this client over AMQP: it wants a policy with ServiceConnect');
    }
    // A token for one device says nothing about the queues of the hub.
    if (principal.resource.includes('/')) {
      throw refusal('CLOUD_FORBIDDEN', 'Cannot serve this client over AMQP: the token is not for the whole hub');
    }
    this.policy = principal.policy;
    this.expiresAtMs = expiresAtSecs * 1_000;
    this.arm(this.expiresAtMs - this.parts.clock.nowMs(), 'the token expired');
  }

  /** SASL PLAIN. */
  async provePlain(user: string, password: string): Promise<boolean> {
    const name = PLAIN_USER.exec(user)?.[1];
    try {
      await this.prove(password);
      return name === undefined || name === this.policy;
    } catch {
      return false;
    }
  }

  close(): void {
    this.timer.abort();
    this.expiresAtMs = 0;
  }

  private arm(ms: number, why: string): void {
    this.timer.abort();
    this.timer = new AbortController();
    this.parts.clock.sleep(ms, this.timer.signal).then(
      () => this.expired(why),
      () => undefined,
    );
  }
}
