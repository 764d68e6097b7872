// Who may do what on the IoT Hub face: the shared access policies, their rights, and the right each kind of call needs.

export type Right = 'RegistryRead' | 'RegistryWrite' | 'ServiceConnect' | 'DeviceConnect';

export type PolicyName = 'iothubowner' | 'service' | 'registryRead' | 'registryReadWrite' | 'device';

/** RegistryWrite implies RegistryRead (cloud.md 2.1). */
export const POLICY_RIGHTS: { readonly [P in PolicyName]: readonly Right[] } = {
  iothubowner: ['RegistryRead', 'RegistryWrite', 'ServiceConnect', 'DeviceConnect'],
  service: ['ServiceConnect'],
  registryRead: ['RegistryRead'],
  registryReadWrite: ['RegistryRead', 'RegistryWrite'],
  device: ['DeviceConnect'],
};

/** Any one of the named rights is enough. Twins serve both back ends (ServiceConnect) and registry tools. */
export const CALL_RIGHTS = {
  readIdentity: ['RegistryRead'],
  writeIdentity: ['RegistryWrite'],
  readTwin: ['ServiceConnect', 'RegistryRead'],
  writeTwin: ['ServiceConnect', 'RegistryWrite'],
  query: ['ServiceConnect', 'RegistryRead'],
  invokeMethod: ['ServiceConnect'],
  sendToDevice: ['ServiceConnect'],
  runJob: ['ServiceConnect'],
  readJobs: ['ServiceConnect', 'RegistryRead'],
  deploy: ['RegistryWrite'],
  readConfiguration: ['RegistryRead'],
  readStatistics: ['RegistryRead', 'ServiceConnect'],
  actAsDevice: ['DeviceConnect'],
} as const satisfies { [call: string]: readonly Right[] };

export type Call = keyof typeof CALL_RIGHTS;

export function isPolicyName(name: string): name is PolicyName {
  return Object.hasOwn(POLICY_RIGHTS, name);
}

export function mayCall(policy: PolicyName, call: Call): boolean {
  const needed: readonly Right[] = CALL_RIGHTS[call];
  return POLICY_RIGHTS[policy].some((right) => needed.includes(right));
}
