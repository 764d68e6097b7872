import { describe, expect, test } from '@jest/globals';
import { type AgentSection, aModule, anAgentSection } from '../test/base-manifest.ts';
import { parseAgentDesired } from './agent-desired.ts';
import { splitCreateOptions } from './create-options.ts';
import type { JsonObject } from './json.ts';
import type { AgentDesired } from './manifest.ts';

function parsed(section: JsonObject): AgentDesired {
  const result = parseAgentDesired(section);
  if (!result.ok) throw new Error(result.description);
  return result.desired;
}

function withModule(change: JsonObject): AgentSection {
  const section = anAgentSection();
  section.modules.MCC = aModule(change);
  return section;
}

test('a minimal manifest parses; defaults are the original’s', () => {
  expect(parsed({ ...anAgentSection(), $version: 4, $metadata: {} })).toEqual({
    schemaVersion: '1.1',
    runtime: { type: 'docker', minDockerVersion: 'v1.25', registryCredentials: [] },
    edgeAgent: {
      name: 'edgeAgent',
      type: 'docker',
      version: '',
      status: 'running',
      restartPolicy: 'always',
      imagePullPolicy: 'on-create',
      startupOrder: 0,
      image: 'wayside/agent:1',
      createOptions: {},
      env: {},
    },
    edgeHub: {
      name: 'edgeHub',
      type: 'docker',
      version: '',
      status: 'running',
      restartPolicy: 'always',
      imagePullPolicy: 'on-create',
      startupOrder: 4294967295,
      image: 'wayside/hub:1',
      createOptions: {},
      env: {},
    },
    modules: [],
  });
});

test('restartPolicy defaults: on-unhealthy for modules, always for edgeHub', () => {
  const section = withModule({});
  delete section.modules.MCC!.restartPolicy;
  delete section.systemModules.edgeHub.restartPolicy;
  const desired = parsed(section);
  expect(desired.modules[0]?.restartPolicy).toBe('on-unhealthy');
  expect(desired.edgeHub.restartPolicy).toBe('always');
});

test('enums are read in any case, pull policy also as OnCreate', () => {
  const [module] = parsed(
    withModule({ restartPolicy: 'On-Failure', status: 'STOPPED', type: 'Docker', imagePullPolicy: 'OnCreate' }),
  ).modules;
  expect(module).toMatchObject({
    restartPolicy: 'on-failure',
    status: 'stopped',
    type: 'docker',
    imagePullPolicy: 'on-create',
  });
});

test('env numbers and booleans become strings', () => {
  const env = { N: { value: 5 }, B: { value: false }, S: { value: 'x' }, A__b: { value: 1.5, note: 'ignored' } };
  expect(parsed(withModule({ env })).modules[0]?.env).toEqual({ N: '5', B: 'false', S: 'x', A__b: '1.5' });
});

test('unknown fields are ignored', () => {
  const section = withModule({ unknown: { a: 1 }, settings: { image: 'x', other: 1 } });
  expect(parsed({ ...section, extra: true }).modules).toHaveLength(1);
});

test.each([
  ['absent', { image: 'x' }],
  ['empty', { image: 'x', createOptions: '' }],
  ['blank', { image: 'x', createOptions: '  ' }],
  ['null', { image: 'x', createOptions: 'null' }],
  ['JSON null', { image: 'x', createOptions: null }],
])('createOptions %s means {}', (_name, settings) => {
  const [module] = parsed(withModule({ settings })).modules;
  expect(module?.createOptions).toEqual({});
  expect(module?.image).toBe('x:latest');
});

test('25 chunks are joined', () => {
  const createOptions = { Env: Array.from({ length: 400 }, (_, i) => `NAME_${i}=value with ü ${i}`) };
  const chunks = splitCreateOptions(createOptions);
  expect(Object.keys(chunks).length).toBeGreaterThanOrEqual(20);
  expect(parsed(withModule({ settings: { image: 'x', ...chunks } })).modules[0]?.createOptions).toEqual(createOptions);
});

test('credentials keep their order and need all three fields', () => {
  const section = anAgentSection();
  section.runtime.settings.registryCredentials = {
    b: { username: 'u', password: 'p', address: 'b.example' },
    a: { username: 'u', password: 'p', address: 'a.example' },
  };
  expect(parsed(section).runtime.registryCredentials.map((c) => c.id)).toEqual(['b', 'a']);
  section.runtime.settings.registryCredentials = { a: { username: 'u', password: { s3cret: 1 }, address: 'x' } };
  const result = parseAgentDesired(section);
  expect(result).toMatchObject({ ok: false, code: 400 });
  expect(JSON.stringify(result)).not.toContain('s3cret');
});

describe('parseAgentDesired() refuses', () => {
  test.each<[string, JsonObject]>([
    ['an empty section', {}],
    ['only $version', { $version: 1, $metadata: {} }],
  ])('%s with 417', (_name, section) => {
    expect(parseAgentDesired(section)).toMatchObject({ ok: false, code: 417 });
  });

  test.each(['0.9', '1.2', '2.0', '1', 'x', ''])('schemaVersion %j with 412', (schemaVersion) => {
    expect(parseAgentDesired({ ...anAgentSection(), schemaVersion })).toMatchObject({ ok: false, code: 412 });
  });

  test('a missing schemaVersion with 400', () => {
    const { schemaVersion: _gone, ...section } = anAgentSection();
    expect(parseAgentDesired(section)).toMatchObject({ ok: false, code: 400 });
  });

  test.each<[string, (section: AgentSection) => void, string]>([
    [
      'another runtime',
      (s) => Object.assign(s.runtime, { type: 'podman' }),
      'runtime.type is "podman", wanted one of docker',
    ],
    ['no edgeHub', (s) => Object.assign(s.systemModules, { edgeHub: null }), 'systemModules.edgeHub is missing'],
    ['a bad status', (s) => Object.assign(s.modules, { m: aModule({ status: 'on' }) }), 'modules.m.status is "on"'],
    ['no status', (s) => Object.assign(s.modules, { m: aModule({ status: null }) }), 'modules.m.status is missing'],
    ['a bad name', (s) => Object.assign(s.modules, { 'a b': aModule() }), 'modules.a b is no module name'],
    ['a list as modules', (s) => Object.assign(s, { modules: [1] }), 'modules is a list of 1, wanted an object'],
    [
      'no image',
      (s) => Object.assign(s.modules, { m: aModule({ settings: {} }) }),
      'modules.m.settings.image is missing',
    ],
    ['a blank image', (s) => Object.assign(s.modules, { m: aModule({ settings: { image: ' ' } }) }), 'blank'],
    [
      'bad createOptions',
      (s) => Object.assign(s.modules, { m: aModule({ settings: { image: 'x', createOptions: '{' } }) }),
      'modules.m.settings.createOptions is wrong: createOptions is no JSON',
    ],
    ['a start-up order', (s) => Object.assign(s.modules, { m: aModule({ startupOrder: -1 }) }), 'startupOrder is -1'],
    ['an env value', (s) => Object.assign(s.modules, { m: aModule({ env: { A: 'x' } }) }), 'modules.m.env.A is wrong'],
    ['an env name', (s) => Object.assign(s.modules, { m: aModule({ env: { 'A B': { value: 'x' } } }) }), 'env.A B'],
  ])('%s with 400', (_name, change, text) => {
    const section = anAgentSection();
    change(section);
    const result = parseAgentDesired(section);
    expect(result).toMatchObject({ ok: false, code: 400, description: expect.stringContaining(text) });
  });

  test('names every problem at once', () => {
    const section = withModule({
      status: 'on',
      restartPolicy: 'sometimes',
      settings: { image: '' },
      env: { A: { value: null } },
    });
    const result = parseAgentDesired(section);
    expect(result.ok ? [] : result.problems.map((p) => p.path)).toEqual([
      'modules.MCC.status',
      'modules.MCC.restartPolicy',
      'modules.MCC.settings.image',
      'modules.MCC.env.A',
    ]);
  });

  test('with a description that fits the twin, however many problems', () => {
    const section = anAgentSection();
    for (let i = 0; i < 500; i += 1) section.modules[`m${i}`] = aModule({ status: 'x' });
    const result = parseAgentDesired(section);
    expect(result.ok ? 0 : result.description.length).toBeLessThan(1100);
  });
});

test('$upstream is the parent', () => {
  const section = withModule({ settings: { image: '$upstream:8000/cache:1' } });
  expect(parseAgentDesired(section, { parentHostname: 'parent' })).toMatchObject({
    ok: true,
    desired: { modules: [{ image: 'parent:8000/cache:1' }] },
  });
  expect(parseAgentDesired(section)).toMatchObject({ ok: false, code: 400 });
});

test('hostile keys stay keys', () => {
  const section = anAgentSection();
  section.modules = JSON.parse(
    '{"__proto__": {"type":"docker","status":"running","settings":{"image":"x"},"env":{"__proto__":{"value":"v"}}}}',
  );
  const [module] = parsed(section).modules;
  expect(module?.name).toBe('__proto__');
  expect(Object.entries(module?.env ?? {})).toEqual([['__proto__', 'v']]);
});
