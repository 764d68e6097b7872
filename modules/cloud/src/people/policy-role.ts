// The shared access policies of the IoT Hub face and the roles of people are one scale: what each stands for on the other face. Pure.

import type { Call, PolicyName } from '../identity/rights.ts';
import type { Right, Role } from './roles.ts';

/** `device` speaks for devices and has no role. */
const POLICY_ROLES: { readonly [P in PolicyName]: Role | '' } = {
  iothubowner: 'admin',
  service: 'operator',
  registryRead: 'viewer',
  registryReadWrite: 'deployer',
  device: '',
};

export function policyRole(policy: PolicyName): Role | '' {
  return POLICY_ROLES[policy];
}

/** What a person needs for a call of the IoT Hub face. Identities hold the keys of devices, so reading them takes more than seeing. */
const CALL_RIGHTS_OF_PEOPLE: { readonly [C in Call]: Right | 'nobody' } = {
  readIdentity: 'deploy',
  writeIdentity: 'deploy',
  readTwin: 'read',
  writeTwin: 'deploy',
  query: 'read',
  invokeMethod: 'operate',
  sendToDevice: 'operate',
  runJob: 'deploy',
  readJobs: 'read',
  deploy: 'deploy',
  // Contents of deployments hold registry passwords.
  readConfiguration: 'deploy',
  readStatistics: 'read',
  actAsDevice: 'nobody',
};

/** 'nobody' also for a call that the table does not know. */
export function rightForCall(call: Call): Right | 'nobody' {
  return Object.hasOwn(CALL_RIGHTS_OF_PEOPLE, call) ? CALL_RIGHTS_OF_PEOPLE[call] : 'nobody';
}

/** Calls that change nothing and are not logged. */
const QUIET_CALLS: readonly Call[] = [
  ...(['readIdentity', 'readTwin', 'query', 'readJobs', 'readConfiguration', 'readStatistics', 'actAsDevice'] as const),
];

export function isChange(call: Call): boolean {
  return !QUIET_CALLS.includes(call);
}
