import { describe, expect, test } from '@jest/globals';
import {
  formatPropertyBag,
  parseInboundTopic,
  parsePropertyBag,
  parseSubscription,
  parseUserName,
  topicOf,
} from './topics.ts';

describe('parseInboundTopic()', () => {
  test.each([
    ['devices/d1/messages/events/', { kind: 'telemetry', deviceId: 'd1', bag: '' }],
    ['devices/d1/messages/events', { kind: 'telemetry', deviceId: 'd1', bag: '' }],
    ['devices/d1/messages/events/a=b', { kind: 'telemetry', deviceId: 'd1', bag: 'a=b' }],
    [
      'devices/d1/modules/m/messages/events/%24.on=out1/',
      { kind: 'telemetry', deviceId: 'd1', moduleId: 'm', bag: '%24.on=out1/' },
    ],
    ['$iothub/twin/GET/?$rid=0a1-b', { kind: 'twinGet', rid: '0a1-b' }],
    ['$iothub/twin/PATCH/properties/reported/?$rid=7', { kind: 'twinReported', rid: '7' }],
    ['$iothub/twin/PATCH/properties/reported/?$rid=7&$version=12', { kind: 'twinReported', rid: '7', version: 12 }],
    ['$iothub/twin/PATCH/properties/reported/?%24version=12&%24rid=7', { kind: 'twinReported', rid: '7', version: 12 }],
    ['$iothub/methods/res/200/?$rid=1', { kind: 'methodResult', status: 200, rid: '1' }],
    ['$iothub/methods/res/-5/?$rid=1', { kind: 'methodResult', status: -5, rid: '1' }],
  ])('%s', (topic, parsed) => {
    expect(parseInboundTopic(topic)).toEqual(parsed);
  });

  test.each([
    'devices/d1/messages/eventsx/',
    'devices//messages/events/',
    'devices/d1/modules//messages/events/',
    'devices/d1/messages/devicebound/',
    'some/other/topic',
    '$iothub/twin/res/200/?$rid=1',
    '',
  ])('knows no %j', (topic) => {
    expect(parseInboundTopic(topic)).toBeUndefined();
  });

  test.each([
    ['$iothub/twin/GET/?$rid=', '$rid is empty'],
    ['$iothub/twin/GET/', 'query'],
    ['$iothub/twin/GET/?x=1', '$rid is empty'],
    ['$iothub/twin/GET/?$rid=1&$rid=2', 'twice'],
    ['$iothub/twin/GET/?$rid=%zz', 'percent'],
    [`$iothub/twin/GET/?$rid=${'1'.repeat(129)}`, 'at most 128'],
    ['$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x', 'whole number'],
    ['$iothub/methods/res/ok/?$rid=1', 'status'],
    ['$iothub/methods/res/200', 'wanted'],
  ])('refuses %j: %s', (topic, why) => {
    expect(() => parseInboundTopic(topic)).toThrow(why);
    expect(() => parseInboundTopic(topic)).toThrow(RangeError);
  });
});

test.each([
  ['$iothub/twin/res/#', 'd', undefined, 'twinRes'],
  ['$iothub/twin/PATCH/properties/desired/#', 'd', 'm', 'desired'],
  ['$iothub/methods/POST/#', 'd', 'm', 'methods'],
  ['devices/d/messages/devicebound/#', 'd', undefined, 'c2d'],
  ['devices/d/modules/m/inputs/#', 'd', 'm', 'inputs'],
  ['devices/d/modules/m/#', 'd', 'm', 'inputs'],
  ['devices/other/messages/devicebound/#', 'd', undefined, undefined],
  ['devices/d/messages/devicebound/#', 'd', 'm', undefined],
  ['devices/d/modules/other/#', 'd', 'm', undefined],
  ['devices/+/messages/devicebound/#', 'd', undefined, undefined],
  ['#', 'd', undefined, undefined],
  ['$iothub/#', 'd', undefined, undefined],
])('parseSubscription(%j) of %s/%s is %s', (filter, deviceId, moduleId, wanted) => {
  expect(parseSubscription(filter, { deviceId, moduleId })).toBe(wanted);
});

test('topicOf writes what the parsers and the SDK read', () => {
  expect(topicOf.twinRes(200, 'r 1')).toBe('$iothub/twin/res/200/?$rid=r%201');
  expect(topicOf.twinRes(204, '1', 9)).toBe('$iothub/twin/res/204/?$rid=1&$version=9');
  expect(topicOf.desired(4)).toBe('$iothub/twin/PATCH/properties/desired/?$version=4');
  expect(topicOf.method('GetModuleLogs', '3')).toBe('$iothub/methods/POST/GetModuleLogs/?$rid=3');
  expect(topicOf.method('a/b#+', '3')).not.toMatch(/POST\/a\/b|[#+]/);
  expect(topicOf.input('d', 'm', 'in1', 'a=b')).toBe('devices/d/modules/m/inputs/in1/a=b');
  expect(topicOf.c2d('d', 'a=b')).toBe('devices/d/messages/devicebound/a=b');
  expect(parseInboundTopic(topicOf.telemetry('d', 'm', 'a=b'))).toEqual({
    kind: 'telemetry',
    deviceId: 'd',
    moduleId: 'm',
    bag: 'a=b',
  });
  expect(parseInboundTopic(topicOf.telemetry('d', undefined, ''))).toEqual({
    kind: 'telemetry',
    deviceId: 'd',
    bag: '',
  });
});

describe('property bags', () => {
  test('a bag of the real SDK', () => {
    expect(parsePropertyBag('%24.mid=m%201%2F2&%24.ct=application%2Fjson&%24.ce=utf-8&k%2Bey=v%2Fal%20ue%23')).toEqual({
      system: { messageId: 'm 1/2', contentType: 'application/json', contentEncoding: 'utf-8' },
      app: { 'k+ey': 'v/al ue#' },
    });
  });

  test('encoded and plain `$.` mean the same; a trailing slash is cut', () => {
    const wanted = { system: { outputName: 'out1' }, app: {} };
    expect(parsePropertyBag('%24.on=out1/')).toEqual(wanted);
    expect(parsePropertyBag('$.on=out1')).toEqual(wanted);
  });

  test.each([
    ['', {}],
    ['?a=1', { a: '1' }],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['&&a=1&', { a: '1' }],
    ['a=1+2', { a: '1+2' }],
  ])('%j', (bag, app) => {
    expect(parsePropertyBag(bag)).toEqual({ system: {}, app });
  });

  test('refuses bad encoding and too many properties', () => {
    expect(() => parsePropertyBag('a=%e0%zz')).toThrow(RangeError);
    expect(() => parsePropertyBag('a&'.repeat(2000))).toThrow('at most 1024');
  });

  test('a hostile key stays a key', () => {
    const { app } = parsePropertyBag('__proto__=x&constructor=y');
    expect(Object.keys(app)).toEqual(['__proto__', 'constructor']);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test('formatPropertyBag() is the inverse', () => {
    const properties = {
      system: { contentType: 'application/json', outputName: 'o/1', correlationId: 'ä' },
      app: { 'k&=': 'v #+', b: '' },
    };
    const bag = formatPropertyBag(properties);
    expect(bag).toBe('%24.on=o%2F1&%24.cid=%C3%A4&%24.ct=application%2Fjson&k%26%3D=v%20%23%2B&b=');
    expect(parsePropertyBag(bag)).toEqual(properties);
  });

  test('an application property cannot pass for a system one; unknown system names are dropped', () => {
    expect(formatPropertyBag({ system: { nonsense: 'x' }, app: { '$.cdid': 'other', a: 'b' } })).toBe('a=b');
    expect(formatPropertyBag({ system: {}, app: { a: 'b' } })).toBe('a=b');
  });
});

describe('parseUserName()', () => {
  test.each([
    ['h.example/d/?api-version=2021-04-12&DeviceClientType=x%2F1', 'h.example', 'd', undefined, '2021-04-12'],
    ['h/d/m/?api-version=2018-06-30', 'h', 'd', 'm', '2018-06-30'],
    ['h/d/$edgeAgent/api-version=1', 'h', 'd', '$edgeAgent', '1'],
    ['h/d/api-version=1', 'h', 'd', undefined, '1'],
    ['h/d', 'h', 'd', undefined, null],
    ['h/d/', 'h', 'd', undefined, null],
  ])('%s', (text, host, deviceId, moduleId, version) => {
    const parsed = parseUserName(text);
    expect(parsed).toMatchObject({ host, deviceId });
    expect(parsed?.moduleId).toBe(moduleId);
    expect(parsed?.query.get('api-version')).toBe(version);
  });

  test.each([
    '',
    'h',
    '/d/?a=b',
    'h//?a=b',
    'h/d/m/x/?a=b',
    'h/d#/?a=b',
    'h/d+/?a=b',
    `h/${'d'.repeat(129)}/?a=b`,
    'h/d e/?a=b',
  ])('refuses %j', (text) => {
    expect(parseUserName(text)).toBeUndefined();
  });
});
