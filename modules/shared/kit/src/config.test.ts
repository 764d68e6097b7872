import { describe, expect, test } from '@jest/globals';
import { ConfigError, type ConfigProblem, loadConfig, parseToml } from './config.ts';
import { Secret } from './secret.ts';

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['hostname'],
  properties: {
    hostname: { type: 'string', minLength: 1, 'x-env': ['GATEWAY', 'HOST_NAME'] },
    logLevel: { enum: ['info', 'debug'], type: 'string', default: 'info', 'x-env': 'LOG_LEVEL' },
    upstream: {
      type: 'object',
      properties: {
        mqttPort: { type: 'integer', minimum: 1, maximum: 65535, default: 8883, 'x-restart': true },
        tls: { type: 'boolean', default: true },
        key: { type: 'string', 'x-secret': true, pattern: '^[a-z]+$' },
      },
    },
    servers: { type: 'array', items: { type: 'string', format: 'ipv4' }, default: [], 'x-env': 'SERVERS' },
    labels: { type: 'object', additionalProperties: { type: 'string' }, 'x-env': 'LABELS' },
    limit: { type: ['integer', 'string'], 'x-env': 'LIMIT' },
  },
} as const;

interface Config {
  hostname: string;
  logLevel: string;
  upstream: { mqttPort: number; tls: boolean; key?: Secret };
  servers: string[];
  labels?: { [name: string]: string };
  limit?: number | string;
}

function load(file: object, env: { [name: string]: string } = {}, envPrefix?: string): Config {
  return loadConfig<Config>({ schema: SCHEMA, sources: { file, env }, envPrefix });
}

function problemsOf(file: object, env: { [name: string]: string } = {}, envPrefix?: string): readonly ConfigProblem[] {
  try {
    load(file, env, envPrefix);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig()', () => {
  test('fills defaults, also in sections that are absent', () => {
    expect(load({ hostname: 'n1' })).toEqual({
      hostname: 'n1',
      logLevel: 'info',
      upstream: { mqttPort: 8883, tls: true },
      servers: [],
    });
  });

  test('the environment outranks the file; the first variable present wins; an empty one is absent', () => {
    const config = load({ hostname: 'file', logLevel: 'debug' }, { GATEWAY: '', HOST_NAME: 'env', LOG_LEVEL: '' });
    expect([config.hostname, config.logLevel]).toEqual(['env', 'debug']);
  });

  test('variables are read by the wanted type', () => {
    const config = load(
      { hostname: 'n' },
      {
        SERVERS: '10.0.0.1, 10.0.0.2',
        LABELS: '{"a":"b"}',
        LIMIT: '5',
        WAYSIDE_UPSTREAM_MQTT_PORT: '1883',
        WAYSIDE_UPSTREAM_TLS: 'off',
      },
      'WAYSIDE_',
    );
    expect(config).toMatchObject({
      servers: ['10.0.0.1', '10.0.0.2'],
      labels: { a: 'b' },
      limit: 5,
      upstream: { mqttPort: 1883, tls: false },
    });
    expect(load({ hostname: 'n' }, { LIMIT: 'infinite' }).limit).toBe('infinite');
  });

  test('without a prefix, only x-env is read', () => {
    expect(load({ hostname: 'n' }, { UPSTREAM_MQTT_PORT: '1' }).upstream.mqttPort).toBe(8883);
  });

  test('the result is frozen to the ground, the sources stay as they were', () => {
    const file = { hostname: 'n', upstream: { mqttPort: 1 } };
    const config = load(file);
    expect(() => Object.assign(config.upstream, { mqttPort: 2 })).toThrow(TypeError);
    expect(() => config.servers.push('x')).toThrow('not extensible');
    expect(file).toEqual({ hostname: 'n', upstream: { mqttPort: 1 } });
    file.upstream.mqttPort = 3;
    expect(config.upstream.mqttPort).toBe(1);
  });

  test('x-secret values are Secrets and stand in no problem', () => {
    const config = load({ hostname: 'n', upstream: { key: 'hush' } });
    expect(config.upstream.key).toBeInstanceOf(Secret);
    expect(config.upstream.key?.reveal()).toBe('hush');
    expect(JSON.stringify(config)).not.toContain('hush');
    expect(problemsOf({ hostname: 'n', upstream: { key: 'HUSH 1' } })).toEqual([
      { path: 'upstream.key', message: 'is [secret], wanted text that matches ^[a-z]+$' },
    ]);
  });

  test.each<[string, object, { [name: string]: string }, ConfigProblem[]]>([
    ['missing', {}, {}, [{ path: 'GATEWAY or HOST_NAME (hostname)', message: 'is missing' }]],
    [
      'unknown',
      { hostname: 'n', hostnam: 1 },
      {},
      [{ path: 'hostnam', message: 'is no known setting, did you mean "hostname"?' }],
    ],
    [
      'unknown below',
      { hostname: 'n', upstream: { qttPort: 1 } },
      {},
      [{ path: 'upstream.qttPort', message: 'is no known setting, did you mean "mqttPort"?' }],
    ],
    ['unknown, nothing close', { hostname: 'n', zzz: 1 }, {}, [{ path: 'zzz', message: 'is no known setting' }]],
    ['type', { hostname: 5 }, {}, [{ path: 'hostname', message: 'is 5, wanted string' }]],
    [
      'no text for numbers in a file',
      { hostname: 'n', upstream: { mqttPort: '80' } },
      {},
      [{ path: 'upstream.mqttPort', message: 'is "80", wanted integer' }],
    ],
    [
      'range',
      { hostname: 'n', upstream: { mqttPort: 70000 } },
      {},
      [{ path: 'upstream.mqttPort', message: 'is 70000, wanted <= 65535' }],
    ],
    [
      'enum',
      { hostname: 'n' },
      { LOG_LEVEL: 'loud' },
      [{ path: 'LOG_LEVEL (logLevel)', message: 'is "loud", wanted one of "info", "debug"' }],
    ],
    ['format', { hostname: 'n', servers: ['x'] }, {}, [{ path: 'servers.0', message: 'is "x", wanted a valid ipv4' }]],
    ['object', { hostname: 'n', upstream: 'x' }, {}, [{ path: 'upstream', message: 'is "x", wanted object' }]],
    ['variable', { hostname: 'n' }, { LABELS: 'x' }, [{ path: 'LABELS (labels)', message: 'is "x", wanted object' }]],
  ])('names the problem: %s', (_name, file, env, problems) => {
    expect(problemsOf(file, env)).toEqual(problems);
  });

  test('all problems come at once, also in the message', () => {
    const problems = problemsOf({ x: 1, upstream: { mqttPort: 0, tls: 'no' }, servers: 'a' });
    expect(problems.map((p) => p.path).toSorted()).toEqual([
      'GATEWAY or HOST_NAME (hostname)',
      'servers',
      'upstream.mqttPort',
      'upstream.tls',
      'x',
    ]);
    expect(() => load({ x: 1 })).toThrow(/2 problem\(s\)\n {2}.*hostname|hostname.*\n/s);
  });

  test('a variable that cannot be read is not missing as well', () => {
    const schema = { type: 'object', required: ['port'], properties: { port: { type: 'integer', 'x-env': 'PORT' } } };
    const load = () => loadConfig({ schema, sources: { env: { PORT: 'x' } } });
    expect(load).toThrow('Configuration is invalid: 1 problem(s)\n  PORT (port): is "x", wanted integer');
  });

  test('a missing setting is named by the variable the prefix gives it', () => {
    const schema = { type: 'object', required: ['deviceId'], properties: { deviceId: { type: 'string' } } };
    expect(() => loadConfig({ schema, sources: {}, envPrefix: 'IOTEDGE_' })).toThrow(
      '  IOTEDGE_DEVICE_ID (deviceId): is missing',
    );
    expect(() => loadConfig({ schema, sources: {} })).toThrow('  deviceId: is missing');
  });

  test('a bad number in a variable is one problem, named by the variable', () => {
    expect(problemsOf({ hostname: 'n' }, { WAYSIDE_UPSTREAM_MQTT_PORT: '8883x' }, 'WAYSIDE_')).toEqual([
      { path: 'WAYSIDE_UPSTREAM_MQTT_PORT (upstream.mqttPort)', message: 'is "8883x", wanted integer' },
    ]);
  });
});

describe('parseToml()', () => {
  test('reads the original’s configuration', () => {
    const text =
      'hostname = "n"\n[provisioning]\nsource = "manual"\n[agent.config]\nimage = "x:1"\n[agent.env]\nA = "b"\n';
    expect(parseToml(text)).toEqual({
      hostname: 'n',
      provisioning: { source: 'manual' },
      agent: { config: { image: 'x:1' }, env: { A: 'b' } },
    });
  });

  test('names line and column, quotes no text', () => {
    expect(() => parseToml('a = 1\nkey = "hush')).toThrow(/line 2, column \d+: /);
    expect(() => parseToml('a = 1\nkey = "hush')).toThrow(expect.not.stringContaining('hush') as never);
  });
});
