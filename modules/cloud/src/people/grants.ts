// Nobody gives more than they have: the one rule behind roles, scopes, invitations and tokens. Pure.

import { refusal } from '../errors.ts';
import { isAtMost, type Person } from './roles.ts';
import { isWithin, type Scope, scopeText } from './scope.ts';

export interface Grant {
  role: string;
  scope: Scope;
}

export function mayGrant(by: Pick<Person, 'role' | 'scopes'>, grant: Grant): boolean {
  return isAtMost(grant.role, by.role) && by.scopes.every((scope) => isWithin(grant.scope, scope));
}

/** CLOUD_GRANT_REFUSED. `what` completes "Cannot ..". */
export function requireGrant(by: Person, grant: Grant, what: string): void {
  if (mayGrant(by, grant)) return;
  const own = by.scopes.map(scopeText).join(' and ');
  throw refusal(
    'CLOUD_GRANT_REFUSED',
    `Cannot ${what}: it means ${grant.role} of ${scopeText(grant.scope)}, and ${by.username} is ${by.role} of ${own}`,
  );
}
