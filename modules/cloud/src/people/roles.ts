// Roles and the rights they stand for. A right is what a route asks for; a role is what a person has.

import type { Scope } from './scope.ts';

export type Right =
  /** See nodes, their state, messages, timeline, metrics. */
  | 'read'
  /** Restart modules, read logs, call methods. */
  | 'operate'
  /** Create, change and delete nodes, deploy manifests, issue registration keys. */
  | 'deploy'
  /** Users, audit, connection strings: with the latter every other right can be had through the IoT Hub API. */
  | 'admin';

export const ROLES = ['viewer', 'operator', 'deployer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Each role has the rights of those before it. */
const RIGHTS: { readonly [R in Role]: readonly Right[] } = {
  viewer: ['read'],
  operator: ['read', 'operate'],
  deployer: ['read', 'operate', 'deploy'],
  admin: ['read', 'operate', 'deploy', 'admin'],
};

/** Somebody who may do something: a user, or a token or policy in its own name. */
export interface Person {
  username: string;
  role: string;
  /** A node must be in every one of them. */
  scopes: readonly Scope[];
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

export function rightsOf(role: string): readonly Right[] {
  return isRole(role) ? RIGHTS[role] : [];
}

export function mayDo(person: Pick<Person, 'role'>, right: Right): boolean {
  return rightsOf(person.role).includes(right);
}

/** The lesser of two roles; a text that is no role is less than any. */
export function lesserRole(a: string, b: string): string {
  if (!isRole(a)) return a;
  if (!isRole(b)) return b;
  return ROLES.indexOf(a) < ROLES.indexOf(b) ? a : b;
}

/** Does `role` give no right that `than` has not? */
export function isAtMost(role: string, than: string): boolean {
  return rightsOf(role).every((right) => rightsOf(than).includes(right));
}
