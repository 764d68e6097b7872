import { expect, test } from '@jest/globals';
import { CALL_RIGHTS, type Call, isPolicyName, mayCall, POLICY_RIGHTS, type PolicyName } from './rights.ts';

// One row a policy: what it may, everything else it may not.
const MAY: { [P in PolicyName]: Call[] } = {
  iothubowner: Object.keys(CALL_RIGHTS) as Call[],
  service: ['readTwin', 'writeTwin', 'query', 'invokeMethod', 'readStatistics', 'readJobs', 'runJob', 'sendToDevice'],
  registryRead: ['readConfiguration', 'readIdentity', 'readTwin', 'query', 'readStatistics', 'readJobs'],
  registryReadWrite: [
    'readConfiguration',
    'readIdentity',
    'writeIdentity',
    'readTwin',
    'writeTwin',
    'query',
    'deploy',
    'readStatistics',
    'readJobs',
  ],
  device: ['actAsDevice'],
};

test.each(Object.keys(POLICY_RIGHTS) as PolicyName[])('policy %s may exactly its calls', (policy) => {
  const allowed = (Object.keys(CALL_RIGHTS) as Call[]).filter((call) => mayCall(policy, call));
  expect(allowed.sort()).toEqual([...MAY[policy]].sort());
});

test('names of Object.prototype are no policies', () => {
  expect(['constructor', '__proto__', 'toString', ''].filter(isPolicyName)).toEqual([]);
});
