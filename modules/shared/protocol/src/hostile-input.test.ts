// Random damage to good input: the readers answer or throw a RangeError, nothing else, and never change what they read.

import { expect, test } from '@jest/globals';
import { aManifest, aModule } from '../test/base-manifest.ts';
import { randomObject, seededNumbers } from '../test/seeded-json.ts';
import { parseAgentDesired } from './agent-desired.ts';
import { checkManifest, readEnvelope } from './check-manifest.ts';
import { parseHubDesired } from './hub-desired.ts';
import type { Json, JsonObject } from './json.ts';
import { parseSasToken } from './sas.ts';
import { formatPropertyBag, parseInboundTopic, parsePropertyBag, parseUserName } from './topics.ts';
import { jsonEqual } from './twin.ts';

type Next = (below: number) => number;

/** Every object and list of a document, the document itself first. */
function containersOf(value: Json): (JsonObject | Json[])[] {
  if (value === null || typeof value !== 'object') return [];
  return [value, ...Object.values(value).flatMap(containersOf)];
}

/** Replaces, deletes or renames one thing anywhere in the document. */
function damage(document: JsonObject, next: Next): void {
  const containers = containersOf(document).filter((c) => Object.keys(c).length > 0);
  const container = containers[next(containers.length)] as JsonObject;
  const keys = Object.keys(container);
  const key = keys[next(keys.length)] as string;
  const strange: Json[] = [
    null,
    true,
    -1,
    1.5,
    1e308,
    '',
    ' ',
    '$upstream',
    '\u0000',
    'x'.repeat(5000),
    [],
    [null],
    {},
    randomObject(next, 3),
  ];
  switch (next(4)) {
    case 0:
      if (Array.isArray(container)) container.pop();
      else delete container[key];
      break;
    case 1:
      Object.defineProperty(
        container,
        ['__proto__', 'a b', 'a.b', '', '$version', 'createOptions07'][next(6)] as string,
        {
          value: container[key],
          enumerable: true,
          configurable: true,
          writable: true,
        },
      );
      break;
    default:
      container[key] = strange[next(strange.length)] as Json;
  }
}

test('damaged manifests are judged, whatever the damage', () => {
  let refused = 0;
  for (let seed = 1; seed <= 600; seed += 1) {
    const next = seededNumbers(seed);
    const manifest = aManifest();
    const agent = manifest.$edgeAgent['properties.desired'];
    agent.modules.MCC = aModule({ env: { A: { value: 1 } }, startupOrder: 1 });
    agent.runtime.settings.registryCredentials = { r: { username: 'u', password: 'p', address: 'a' } };
    manifest.MCC = { 'properties.desired': { a: { b: [1, 'x'] } } };
    for (let i = next(3); i >= 0; i -= 1) damage(manifest, next);
    const before = JSON.stringify(manifest);
    try {
      const envelope = readEnvelope({ content: { modulesContent: manifest } });
      if ('problems' in envelope || checkManifest(envelope.modulesContent).length > 0) refused += 1;
      for (const section of containersOf(manifest) as JsonObject[]) {
        if (Array.isArray(section)) continue;
        parseAgentDesired(section);
        parseHubDesired(section);
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${before}`, { cause: error });
    }
    if (JSON.stringify(manifest) !== before) throw new Error(`seed ${seed}: the document was changed`);
  }
  // Some damage is harmless (another image name), most is not.
  expect(refused).toBeGreaterThan(300);
});

test('what checkManifest() accepts, the device accepts', () => {
  let accepted = 0;
  for (let seed = 1; seed <= 600; seed += 1) {
    const next = seededNumbers(seed + 50_000);
    const manifest = aManifest();
    manifest.$edgeAgent['properties.desired'].modules.MCC = aModule();
    damage(manifest, next);
    if (checkManifest(manifest).length > 0) continue;
    accepted += 1;
    const results = [
      parseAgentDesired(manifest.$edgeAgent['properties.desired'], { parentHostname: 'p' }),
      parseHubDesired(manifest.$edgeHub['properties.desired']),
    ];
    if (results.some((result) => !result.ok)) throw new Error(`seed ${seed}: ${JSON.stringify(manifest)}`);
  }
  expect(accepted).toBeGreaterThan(20);
});

test('random text in topics, bags, user names and tokens', () => {
  const alphabet = [
    '$',
    '/',
    '?',
    '&',
    '=',
    '%',
    '%24',
    '%zz',
    '#',
    '+',
    'a',
    '1',
    'devices/d/',
    '$iothub/',
    'twin/GET/',
    '$rid',
    'methods/res/',
    'messages/events/',
    'SharedAccessSignature ',
    'sr=',
    'sig=',
    'se=',
    '\u0000',
    'ü',
  ];
  for (let seed = 1; seed <= 8000; seed += 1) {
    const next = seededNumbers(seed);
    const text = Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join('');
    for (const read of [parseInboundTopic, parsePropertyBag, parseUserName, parseSasToken]) {
      try {
        read(text);
      } catch (error) {
        if (!(error instanceof RangeError))
          throw new Error(`seed ${seed}: ${read.name}(${JSON.stringify(text)})`, { cause: error });
      }
    }
  }
  expect.assertions(0);
});

test('a property bag that was written is read back, for any names and values', () => {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const next = seededNumbers(seed);
    const word = () =>
      Array.from(
        { length: 1 + next(4) },
        () => ['a', '&', '=', '/', '%', '+', ' ', '#', 'ü', '😀', '?'][next(11)],
      ).join('');
    const app = Object.fromEntries(Array.from({ length: next(5) }, () => [word(), word()]));
    const system: { [name: string]: string } =
      next(2) === 0 ? { messageId: word(), outputName: word() } : { contentType: word() };
    const read = parsePropertyBag(formatPropertyBag({ system, app }));
    if (!jsonEqual(read, { system, app })) throw new Error(`seed ${seed}: ${JSON.stringify({ system, app, read })}`);
  }
  expect.assertions(0);
});
