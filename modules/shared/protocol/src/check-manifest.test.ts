import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { aManifest, aModule, type BaseManifest } from '../test/base-manifest.ts';
import { checkManifest, readEnvelope } from './check-manifest.ts';
import type { JsonObject } from './json.ts';

const AGENT = 'modulesContent.$edgeAgent.properties.desired';
const HUB = 'modulesContent.$edgeHub.properties.desired';

describe('readEnvelope()', () => {
  const modulesContent = aManifest();
  test.each<[string, unknown]>([
    ['plain', { modulesContent }],
    ['under content', { content: { modulesContent } }],
    ['a configuration', { id: 'x', content: { modulesContent }, targetCondition: '*', priority: 1, labels: {} }],
    ['a template', { '$schema-template': '2.0.0', modulesContent }],
  ])('%s', (_name, document) => {
    expect(readEnvelope(document)).toEqual({ modulesContent });
  });

  test.each<[unknown, string]>([
    [undefined, ''],
    [[], ''],
    ['{}', ''],
    [{}, 'modulesContent'],
    [{ content: null }, 'modulesContent'],
    [{ modulesContent: [] }, 'modulesContent'],
    [{ modulesContent: { a: 1 } }, 'modulesContent.a'],
  ])('%j has a problem at %j', (document, path) => {
    const result = readEnvelope(document);
    expect('problems' in result && result.problems.map((p) => p.path)).toEqual([path]);
  });
});

type Change = (
  agent: BaseManifest['$edgeAgent']['properties.desired'],
  hub: JsonObject,
  manifest: BaseManifest,
) => void;

describe('checkManifest()', () => {
  test('a good manifest has no problem', () => {
    const manifest = aManifest();
    manifest.$edgeAgent['properties.desired'].modules.MCC = aModule({
      version: '1',
      startupOrder: 3,
      imagePullPolicy: 'never',
      env: { A: { value: 1 } },
    });
    manifest.MCC = { 'properties.desired': { origins: { a: { hosts: 'a.example' } } } };
    expect(checkManifest(manifest)).toEqual([]);
  });

  test('the published manifests have no problem', () => {
    const folder = new URL('../../../../deployment/', import.meta.url);
    const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
    const manifests = names
      .map((name) => readEnvelope(JSON.parse(readFileSync(new URL(name, folder), 'utf8'))))
      .filter((read) => 'modulesContent' in read);
    expect(manifests.length).toBeGreaterThanOrEqual(2);
    for (const { modulesContent } of manifests) expect(checkManifest(modulesContent)).toEqual([]);
  });

  test.each<[string, Change, string, string]>([
    ['no edgeHub', (_a, _h, m) => delete (m as JsonObject).$edgeHub, 'modulesContent.$edgeHub', 'is missing'],
    [
      'an agent version',
      (a) => Object.assign(a, { schemaVersion: '1.3' }),
      `${AGENT}.schemaVersion`,
      'wanted one of "1.0", "1.1"',
    ],
    ['no runtime', (a) => delete (a as JsonObject).runtime, `${AGENT}.runtime`, 'is missing'],
    ['an unknown top field', (a) => Object.assign(a, { extra: 1 }), `${AGENT}.extra`, 'is no known field'],
    [
      'restartPolicy',
      (a) => Object.assign(a.modules, { m: aModule({ restartPolicy: 'sometimes' }) }),
      `${AGENT}.modules.m.restartPolicy`,
      'is "sometimes", wanted one of "never", "on-failure", "on-unhealthy", "always"',
    ],
    [
      'a misspelt field',
      (a) => Object.assign(a.modules, { m: aModule({ restartpolicy: 'x' }) }),
      `${AGENT}.modules.m.restartpolicy`,
      'is no known field',
    ],
    [
      'a name with a space',
      (a) => Object.assign(a.modules, { 'm m': aModule() }),
      `${AGENT}.modules.m m`,
      'is no module name',
    ],
    [
      'a system name',
      (a) => Object.assign(a.modules, { edgeHub: aModule() }),
      `${AGENT}.modules.edgeHub`,
      'name of a system module',
    ],
    [
      'a name Docker refuses',
      (a) => Object.assign(a.modules, { _m: aModule() }),
      `${AGENT}.modules._m`,
      'wanted a letter or digit first',
    ],
    [
      'startupOrder',
      (a) => Object.assign(a.modules, { m: aModule({ startupOrder: 4294967296 }) }),
      `${AGENT}.modules.m.startupOrder`,
      'is 4294967296, wanted <= 4294967295',
    ],
    [
      'createOptions JSON',
      (a) => Object.assign(a.modules, { m: aModule({ settings: { image: 'x', createOptions: '{"HostConfig":' } }) }),
      `${AGENT}.modules.m.settings.createOptions`,
      'createOptions is no JSON',
    ],
    [
      'createOptions as an object',
      (a) => Object.assign(a.modules, { m: aModule({ settings: { image: 'x', createOptions: {} } }) }),
      `${AGENT}.modules.m.settings.createOptions`,
      'is an object, wanted string',
    ],
    [
      'an image',
      (a) => Object.assign(a.modules, { m: aModule({ settings: { image: 'a b' } }) }),
      `${AGENT}.modules.m.settings.image`,
      'wanted [registry/]name',
    ],
    [
      'a credential',
      (a) => Object.assign(a.runtime.settings, { registryCredentials: { r: { username: 'u', address: 'x' } } }),
      `${AGENT}.runtime.settings.registryCredentials.r.password`,
      'is missing',
    ],
    ['no routes', (_a, h) => delete h.routes, `${HUB}.routes`, 'is missing'],
    ['a route name', (_a, h) => Object.assign(h, { routes: { 'a.b': 'x' } }), `${HUB}.routes.a.b`, 'is no route name'],
    [
      'a route priority',
      (_a, h) => Object.assign(h, { routes: { a: { route: 'x', priority: 10 } } }),
      `${HUB}.routes.a.priority`,
      'is 10, wanted <= 9',
    ],
    [
      'an object route in 1.0',
      (_a, h) => Object.assign(h, { schemaVersion: '1.0', routes: { a: { route: 'x' } } }),
      `${HUB}.routes.a`,
      'schemaVersion 1.1',
    ],
    [
      'a layer key',
      (_a, _h, m) => Object.assign(m.$edgeAgent, { 'properties.desired.modules.x': {} }),
      'modulesContent.$edgeAgent.properties.desired.modules.x',
      'layer key',
    ],
    [
      'a module twin',
      (_a, _h, m) => Object.assign(m, { MCC: { desired: {} } }),
      'modulesContent.MCC.desired',
      'is no known field',
    ],
    [
      'a bad twin key',
      (_a, _h, m) => Object.assign(m, { MCC: { 'properties.desired': { 'a.b': 1 } } }),
      'modulesContent.MCC.properties.desired.a.b',
      'name holds',
    ],
    [
      'a twin too large',
      (_a, _h, m) =>
        Object.assign(m, {
          MCC: {
            'properties.desired': Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${i}`, 'x'.repeat(4000)])),
          },
        }),
      'modulesContent.MCC.properties.desired',
      'at most 32768',
    ],
    [
      'a bad module name',
      (_a, _h, m) => Object.assign(m, { 'a b': { 'properties.desired': {} } }),
      'modulesContent.a b',
      'is no module name',
    ],
  ])('%s', (_name, change, path, text) => {
    const manifest = aManifest();
    change(manifest.$edgeAgent['properties.desired'], manifest.$edgeHub['properties.desired'], manifest);
    const problems = checkManifest(manifest);
    expect(problems.map((p) => p.path)).toContain(path);
    expect(problems.find((p) => p.path === path)?.message).toContain(text);
  });

  test('every problem comes at once, each place once', () => {
    const manifest = aManifest();
    const agent = manifest.$edgeAgent['properties.desired'];
    agent.modules.a = aModule({ status: 'on', settings: { image: '' } });
    agent.modules.b = aModule({ type: 'podman' });
    manifest.$edgeHub['properties.desired'].routes = { r: 5 };
    const paths = checkManifest(manifest).map((p) => p.path);
    expect(paths.toSorted()).toEqual(
      [
        `${AGENT}.modules.a.settings.image`,
        `${AGENT}.modules.a.status`,
        `${AGENT}.modules.b.type`,
        `${HUB}.routes.r`,
      ].toSorted(),
    );
  });

  test('secrets do not stand in problems', () => {
    const manifest = aManifest();
    manifest.$edgeAgent['properties.desired'].modules.m = aModule({
      env: { TOKEN: 'hush-hush', T2: { value: ['hush-hush'] } },
    });
    const { settings } = manifest.$edgeAgent['properties.desired'].runtime;
    settings.registryCredentials = { r: { username: 'u', password: ['hush-hush'], address: 'hush-hush x' } };
    const text = JSON.stringify(checkManifest(manifest));
    expect(text).toContain('TOKEN');
    expect(text).not.toContain('hush-hush');
  });

  test('a hostile document is answered, not thrown', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`) as JsonObject;
    expect(checkManifest({ ...aManifest(), MCC: { 'properties.desired': deep } }).length).toBeGreaterThan(0);
    expect(
      checkManifest(JSON.parse('{"__proto__":{"properties.desired":{}},"$edgeAgent":[],"$edgeHub":1}')).length,
    ).toBeGreaterThan(0);
  });
});
