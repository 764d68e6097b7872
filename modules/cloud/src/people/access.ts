// Who may do what: the one place that answers it. A role is a set of rights; routes name the right they need.

export type Right =
  /** See nodes, their state, messages, timeline, metrics. */
  | 'read'
  /** Restart modules, read logs, call methods. */
  | 'operate'
  /** Create, change and delete nodes, deploy manifests, issue registration keys. */
  | 'deploy'
  /** Read connection strings: with them every other right can be had through the IoT Hub API. */
  | 'admin';

const ROLES: { readonly [role: string]: readonly Right[] } = {
  viewer: ['read'],
  operator: ['read', 'operate'],
  deployer: ['read', 'operate', 'deploy'],
  admin: ['read', 'operate', 'deploy', 'admin'],
};

export interface Person {
  username: string;
  role: string;
}

export function mayDo(person: Person, right: Right): boolean {
  return Object.hasOwn(ROLES, person.role) && (ROLES[person.role]?.includes(right) ?? false);
}
