// What a job must look like before it is stored.

import { expect, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { parseJob } from './job-input.ts';

const twinJob = (more: JsonObject = {}): JsonObject => ({
  type: 'scheduleUpdateTwin',
  queryCondition: '*',
  updateTwin: { tags: { ring: 1 } },
  ...more,
});
const methodJob = (more: JsonObject = {}): JsonObject => ({
  type: 'scheduleDeviceMethod',
  queryCondition: "deviceId = 'd'",
  cloudToDeviceMethod: { methodName: 'reboot' },
  ...more,
});

test.each<[string, JsonObject, string]>([
  ['query', methodJob(), 'jobId'],
  ['a b', methodJob(), 'jobId'],
  ['x', methodJob({ jobId: 'y' }), 'as in the path'],
  ['x', methodJob({ type: 'import' }), 'type is "import"'],
  ['x', methodJob({ queryCondition: null }), 'queryCondition is null'],
  ['x', methodJob({ queryCondition: 'tags.a = ' }), 'position 9'],
  ['x', methodJob({ queryCondition: '' }), 'position 0'],
  ['x', methodJob({ cloudToDeviceMethod: {} }), 'methodName'],
  ['x', methodJob({ cloudToDeviceMethod: { methodName: 'm', responseTimeoutInSeconds: 1 } }), 'from 5 to 300'],
  ['x', methodJob({ startTime: 'tomorrow' }), 'startTime'],
  ['x', methodJob({ startTime: '2026-13-01T00:00:00Z' }), 'startTime'],
  ['x', methodJob({ maxExecutionTimeInSeconds: 0 }), 'maxExecutionTimeInSeconds'],
  ['x', twinJob({ updateTwin: {} }), 'updateTwin is'],
  ['x', twinJob({ updateTwin: [] }), 'wanted a JSON object'],
  ['x', twinJob({ updateTwin: { tags: { 'a.b': 1 } } }), 'tags section'],
  ['x', twinJob({ queryCondition: 'FROM devices.modules', updateTwin: { tags: { a: 1 } } }), 'have no tags'],
])('%s %j', (jobId, body, message) => {
  expect(() => parseJob(jobId, body, 0)).toThrow(
    expect.objectContaining({ message: expect.stringContaining(message) }),
  );
});

test('times of every zone, and the defaults', () => {
  const startOf = (startTime: string | null) => parseJob('x', methodJob({ startTime }), 5).startMs;
  expect(startOf(null)).toBe(5);
  expect(startOf('2026-01-31T08:00:00Z')).toBe(Date.UTC(2026, 0, 31, 8));
  expect(startOf('2026-01-31T08:00:00.0000000')).toBe(Date.UTC(2026, 0, 31, 8));
  expect(startOf('2026-01-31T08:00:00+02:00')).toBe(Date.UTC(2026, 0, 31, 6));
  expect(parseJob('x', methodJob(), 5).executionSecsMax).toBe(3_600);
});
