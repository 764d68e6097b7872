import { expect, test } from '@jest/globals';
import { aHubSection } from '../test/base-manifest.ts';
import { parseHubDesired } from './hub-desired.ts';
import type { JsonObject } from './json.ts';

const ROUTE = 'FROM /messages/* INTO $upstream';

test('routes as strings and objects, defaults for priority and time to live', () => {
  const routes = { a: ROUTE, b: { route: ROUTE }, c: { route: ROUTE, priority: 0, timeToLiveSecs: 60 } };
  expect(parseHubDesired({ ...aHubSection(), routes, $version: 2 })).toEqual({
    ok: true,
    desired: {
      schemaVersion: '1.1',
      routes: [
        { name: 'a', route: ROUTE, priority: 2000000000, timeToLiveSecs: 0 },
        { name: 'b', route: ROUTE, priority: 2000000000, timeToLiveSecs: 0 },
        { name: 'c', route: ROUTE, priority: 0, timeToLiveSecs: 60 },
      ],
      timeToLiveSecs: 7200,
    },
  });
});

test('storeLimits and a negative time to live are read', () => {
  const storeAndForwardConfiguration = { timeToLiveSecs: -1, storeLimits: { maxSizeBytes: 1000000 } };
  expect(parseHubDesired({ ...aHubSection(), storeAndForwardConfiguration })).toMatchObject({
    ok: true,
    desired: { timeToLiveSecs: -1, maxSizeBytes: 1000000 },
  });
});

test('1.0: no store section needed, blank routes are skipped, objects are refused', () => {
  expect(parseHubDesired({ schemaVersion: '1.0', routes: { a: ROUTE, b: ' ' } })).toMatchObject({
    ok: true,
    desired: { routes: [{ name: 'a' }], timeToLiveSecs: 7200 },
  });
  expect(parseHubDesired({ schemaVersion: '1.0', routes: { a: { route: ROUTE } } })).toMatchObject({
    ok: false,
    code: 400,
  });
});

const BROKER = {
  bridges: [{ endpoint: '$upstream', settings: [{ direction: 'in', topic: '#' }] }],
  authorizations: [
    {
      identities: ['{{iot:identity}}'],
      allow: [{ operations: ['mqtt:connect', 'mqtt:publish'], resources: ['a'] }],
      deny: [],
    },
  ],
};

test('1.2 with a full mqttBroker loads, the broker is ignored', () => {
  expect(parseHubDesired({ ...aHubSection(), schemaVersion: '1.2', mqttBroker: BROKER })).toMatchObject({
    ok: true,
    desired: { schemaVersion: '1.2', routes: [{ name: 'upstream' }] },
  });
});

test.each<[string, JsonObject, string]>([
  ['an unsupported version', { schemaVersion: '1.4' }, 'unsupported schema version'],
  ['no version', { schemaVersion: null }, 'schemaVersion is missing'],
  ['no routes', { routes: null }, 'routes is missing'],
  ['no store section', { storeAndForwardConfiguration: null }, 'storeAndForwardConfiguration is missing'],
  ['no time to live', { storeAndForwardConfiguration: {} }, 'timeToLiveSecs is missing'],
  ['a time to live as text', { storeAndForwardConfiguration: { timeToLiveSecs: '7200' } }, 'timeToLiveSecs is "7200"'],
  ['a route of a number', { routes: { a: 1 } }, 'routes.a is 1, wanted a string or an object'],
  ['a blank route', { routes: { a: '' } }, 'routes.a is blank'],
  ['an object without a route', { routes: { a: { priority: 1 } } }, 'routes.a.route is missing'],
  [
    'a priority of 10',
    { routes: { a: { route: ROUTE, priority: 10 } } },
    'routes.a.priority is 10, wanted a whole number from 0 to 9',
  ],
  ['a route name', { routes: { 'a b': ROUTE } }, 'routes.a b is no route name'],
  [
    'a broker without identities',
    { schemaVersion: '1.2', mqttBroker: { authorizations: [{ identities: [], allow: [] }] } },
    'mqttBroker.authorizations[0].identities is wrong',
  ],
  [
    'an unknown broker operation',
    {
      schemaVersion: '1.3',
      mqttBroker: { authorizations: [{ identities: ['x'], allow: [{ operations: ['mqtt:fly'] }] }] },
    },
    'mqttBroker.authorizations[0].allow[0].operations holds "mqtt:fly"',
  ],
])('refuses %s', (_name, change, text) => {
  expect(parseHubDesired({ ...aHubSection(), ...change })).toMatchObject({
    ok: false,
    code: 400,
    description: expect.stringContaining(text),
  });
});
