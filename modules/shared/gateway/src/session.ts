// A session is the set of subscription families an identity holds, each with its granted QoS. The SDKs subscribe once in the life of a
// client object (cloud.md 3.3), so the host stores sessions durably: as JSON or, by sessionToBits, as one integer.

import type { Subscription } from '@wayside/protocol';

export type GrantedQos = 0 | 1;

export interface Session {
  readonly subscriptions: Readonly<Partial<Record<Subscription, GrantedQos>>>;
}

export const EMPTY_SESSION: Session = { subscriptions: {} };

/** Order is part of the stored form: append only. Two bits a family: subscribed, granted QoS 1. */
const BIT_ORDER: readonly Subscription[] = ['twinRes', 'desired', 'methods', 'c2d', 'inputs'];

export function sessionToBits(session: Session): number {
  let bits = 0;
  for (const [index, family] of BIT_ORDER.entries()) {
    const qos = session.subscriptions[family];
    if (qos !== undefined) bits |= (qos === 1 ? 3 : 1) << (index * 2);
  }
  return bits;
}

export function sessionFromBits(bits: number): Session {
  const subscriptions: Partial<Record<Subscription, GrantedQos>> = {};
  for (const [index, family] of BIT_ORDER.entries()) {
    const pair = (bits >> (index * 2)) & 3;
    if (pair & 1) subscriptions[family] = pair === 3 ? 1 : 0;
  }
  return { subscriptions };
}

export function withSubscription(session: Session, family: Subscription, qos: GrantedQos): Session {
  return { subscriptions: { ...session.subscriptions, [family]: qos } };
}

export function withoutSubscription(session: Session, family: Subscription): Session {
  const { [family]: _gone, ...subscriptions } = session.subscriptions;
  return { subscriptions };
}
