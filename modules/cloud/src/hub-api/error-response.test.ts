import { expect, test } from '@jest/globals';
import { refusal } from '../errors.ts';
import { iotHubErrorForm } from '../iot-hub-errors.ts';
import { errorBody, methodErrorBody } from './error-response.ts';

const NOW_MS = Date.UTC(2026, 10, 2, 3, 4, 5);

test('the body has the form the SDKs cut apart, and no second semicolon', () => {
  const form = iotHubErrorForm(refusal('CLOUD_DEVICE_NOT_FOUND', 'No device "a;b"'));
  expect([form.status, form.name, form.number]).toEqual([404, 'DeviceNotFound', 404001]);
  expect(errorBody(form, form.message, 'TRACK', NOW_MS)).toEqual({
    Message: 'ErrorCode:DeviceNotFound;No device "a,b"',
    ExceptionMessage: 'Tracking ID:TRACK-G:0-TimeStamp:11/02/2026 03:04:05',
  });
});

test('direct methods carry JSON text', () => {
  const form = iotHubErrorForm(refusal('CLOUD_METHOD_TIMEOUT', 'silent'));
  const body = methodErrorBody(form, form.message, 'TRACK', NOW_MS, 65_000);
  expect(body.ExceptionMessage).toBe('');
  expect(JSON.parse(body.Message)).toEqual({
    ...{ errorCode: 504101, trackingId: 'TRACK', message: 'silent', info: { timeout: '00:01:05' } },
    timestampUtc: '2026-11-02T03:04:05.000Z',
  });
});

test('what is not ours is a server error whose text stays inside', () => {
  expect(iotHubErrorForm(new Error('SQLITE_FULL at /secret/path'))).toMatchObject({
    ...{ status: 500, name: 'ServerError', message: expect.not.stringContaining('secret') },
  });
  expect(iotHubErrorForm(refusal('CLOUD_STORE_FAILED', 'Cannot open /secret/path'))).toMatchObject({
    ...{ status: 500, message: expect.not.stringContaining('secret') },
  });
});
