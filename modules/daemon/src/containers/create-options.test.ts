import { describe, expect, test } from '@jest/globals';
import type { JsonObject, ModuleSpec } from '@wayside/protocol';
import { containerBody } from './create-options.ts';
import type { NodeFacts } from './node-facts.ts';

const FACTS: NodeFacts = {
  instance: '',
  hostname: 'node1',
  iothubHostname: 'wayside-cloud',
  deviceId: 'node1',
  mqttPort: 8883,
  httpsPort: 443,
  network: 'azure-iot-edge',
  dns: { servers: [], hosts: [] },
  proxy: { https: '', no: '' },
  allowElevatedPermissions: true,
  agentEnv: {},
  hostManagementDir: '/run/wayside/mgmt',
  hostWorkloadDir: (m) => `/run/wayside/workload/${m}`,
  hostStorageDir: (m) => `/var/lib/wayside/storage/${m}`,
};

const specOf = (createOptions: JsonObject = {}, env: { [name: string]: string } = {}): ModuleSpec => ({
  name: 'MCC',
  type: 'docker',
  imagePullPolicy: 'On-Create',
  config: {
    settings: { image: 'wayside/cache:1', createOptions },
    env: Object.entries(env).map(([key, value]) => ({ key, value })),
  },
});

interface Body {
  Image: string;
  Env: string[];
  Labels: { [name: string]: string };
  HostConfig: JsonObject & { Binds: string[] };
  NetworkingConfig: { EndpointsConfig?: { [network: string]: { Aliases?: string[] } } };
}
const bodyOf = (name: string, spec: ModuleSpec = specOf(), facts: Partial<NodeFacts> = {}): Body =>
  containerBody({ spec, name, generationId: '42', facts: { ...FACTS, ...facts } }) as unknown as Body;
const envOf = (body: Body): { [name: string]: string } =>
  Object.fromEntries(body.Env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));

describe('environment', () => {
  test('of an ordinary module', () => {
    expect(envOf(bodyOf('MCC'))).toEqual({
      IOTEDGE_WORKLOADURI: 'unix:///var/run/iotedge/workload.sock',
      IOTEDGE_AUTHSCHEME: 'sasToken',
      IOTEDGE_APIVERSION: '2022-08-03',
      IOTEDGE_MODULEGENERATIONID: '42',
      IOTEDGE_IOTHUBHOSTNAME: 'wayside-cloud',
      IOTEDGE_DEVICEID: 'node1',
      IOTEDGE_MODULEID: 'MCC',
      IOTEDGE_GATEWAYHOSTNAME: 'node1',
    });
  });

  test('of edgeAgent: management socket, network, [agent.env], no gateway', () => {
    const env = envOf(bodyOf('edgeAgent', specOf(), { agentEnv: { RuntimeLogLevel: 'debug', X: '1' } }));
    expect(env).toMatchObject({
      IOTEDGE_MODULEID: '$edgeAgent',
      IOTEDGE_MANAGEMENTURI: 'unix:///var/run/iotedge-mgmt/mgmt.sock',
      Mode: 'iotedged',
      NetworkId: 'azure-iot-edge',
      EdgeDeviceHostName: 'node1',
      StorageFolder: '/storage',
      X: '1',
    });
    expect(env).not.toHaveProperty('IOTEDGE_GATEWAYHOSTNAME');
    expect(env).not.toHaveProperty('WAYSIDE_UPSTREAM_MQTT_PORT');
  });

  test('log level of [agent.env] goes to every module, other variables do not', () => {
    const env = envOf(bodyOf('MCC', specOf(), { agentEnv: { RuntimeLogLevel: 'debug', X: '1' } }));
    expect(env.RuntimeLogLevel).toBe('debug');
    expect(env).not.toHaveProperty('X');
  });

  test('ports off the standard and the proxy go to agent and hub only', () => {
    const facts = { mqttPort: 18883, httpsPort: 8443, proxy: { https: 'http://p:1', no: 'node1' } };
    const wanted = {
      WAYSIDE_UPSTREAM_MQTT_PORT: '18883',
      WAYSIDE_UPSTREAM_HTTPS_PORT: '8443',
      https_proxy: 'http://p:1',
      no_proxy: 'node1',
    };
    expect(envOf(bodyOf('edgeHub', specOf(), facts))).toMatchObject(wanted);
    for (const name of Object.keys(wanted)) expect(envOf(bodyOf('MCC', specOf(), facts))).not.toHaveProperty(name);
  });

  test('module settings beat injected values, createOptions.Env beats both, values keep their "="', () => {
    const spec = specOf(
      { Env: ['A=own=x', 'IOTEDGE_AUTHSCHEME=x'] },
      { A: 'settings', B: 'settings', RuntimeLogLevel: 'info' },
    );
    expect(envOf(bodyOf('MCC', spec, { agentEnv: { RuntimeLogLevel: 'debug' } }))).toMatchObject({
      A: 'own=x',
      B: 'settings',
      RuntimeLogLevel: 'info',
      IOTEDGE_AUTHSCHEME: 'x',
    });
  });
});

describe('binds', () => {
  test('a module gets its own workload directory and nothing of others', () => {
    expect(bodyOf('MCC', specOf({ HostConfig: { Binds: ['/data:/nginx/cache1'] } })).HostConfig.Binds).toEqual([
      '/data:/nginx/cache1',
      '/run/wayside/workload/MCC:/var/run/iotedge:ro',
    ]);
  });

  test('only edgeAgent gets the management directory; agent and hub get storage', () => {
    expect(bodyOf('edgeAgent').HostConfig.Binds).toEqual([
      '/run/wayside/workload/edgeAgent:/var/run/iotedge:ro',
      '/run/wayside/mgmt:/var/run/iotedge-mgmt:ro',
      '/var/lib/wayside/storage/edgeAgent:/storage',
    ]);
    expect(bodyOf('edgeHub').HostConfig.Binds).toEqual([
      '/run/wayside/workload/edgeHub:/var/run/iotedge:ro',
      '/var/lib/wayside/storage/edgeHub:/storage',
    ]);
  });

  test.each<[string, JsonObject]>([
    ['a bind at /storage', { HostConfig: { Binds: ['/mine:/storage'] } }],
    ['a mount at /storage', { HostConfig: { Mounts: [{ Type: 'volume', Source: 'v', Target: '/storage' }] } }],
    ['another StorageFolder', { Env: ['StorageFolder=/elsewhere'] }],
  ])('%s replaces the storage of edgeHub', (_name, options) => {
    expect(bodyOf('edgeHub', specOf(options)).HostConfig.Binds.join()).not.toContain('/var/lib/wayside/storage');
  });
});

describe('volumes', () => {
  test('one that a mount makes carries the label of the node beside its own; others are left alone', () => {
    const data = { Type: 'volume', Source: 'v', Target: '/data', VolumeOptions: { Labels: { a: 'b' }, NoCopy: true } };
    const folder = { Type: 'bind', Source: '/mine', Target: '/mine' };
    const { HostConfig } = bodyOf('MCC', specOf({ HostConfig: { Mounts: [data, folder] } }));
    expect(HostConfig.Mounts).toEqual([
      { ...data, VolumeOptions: { Labels: { a: 'b', 'io.wayside.instance': 'default' }, NoCopy: true } },
      folder,
    ]);
    expect('Mounts' in bodyOf('MCC').HostConfig).toBe(false);
  });
});

describe('network', () => {
  test('module network with the module name as alias; edgeHub also answers to the host name', () => {
    expect(bodyOf('MCC').NetworkingConfig).toEqual({ EndpointsConfig: { 'azure-iot-edge': { Aliases: ['MCC'] } } });
    expect(bodyOf('edgeHub').NetworkingConfig).toEqual({
      EndpointsConfig: { 'azure-iot-edge': { Aliases: ['edgeHub', 'node1'] } },
    });
    expect(bodyOf('MCC').HostConfig.NetworkMode).toBe('azure-iot-edge');
  });

  test('host network is left alone', () => {
    const body = bodyOf('MCC', specOf({ HostConfig: { NetworkMode: 'host' } }));
    expect(body.HostConfig.NetworkMode).toBe('host');
    expect(body.NetworkingConfig).toEqual({});
  });

  test('a network of the deployment is kept, aliases are added on ours', () => {
    const EndpointsConfig = { other: { Aliases: ['x'] } };
    expect(bodyOf('edgeHub', specOf({ NetworkingConfig: { EndpointsConfig } })).NetworkingConfig).toEqual({
      EndpointsConfig,
    });
    const ours = { 'azure-iot-edge': { Aliases: ['x'] } };
    expect(bodyOf('edgeHub', specOf({ NetworkingConfig: { EndpointsConfig: ours } })).NetworkingConfig).toEqual({
      EndpointsConfig: { 'azure-iot-edge': { Aliases: ['x', 'edgeHub', 'node1'] } },
    });
  });

  test('hosts are added, name servers only where there are none', () => {
    const facts = { dns: { servers: ['10.0.0.53'], hosts: ['cloud:host-gateway'] } };
    expect(bodyOf('MCC', specOf({ HostConfig: { ExtraHosts: ['a:1.2.3.4'] } }), facts).HostConfig).toMatchObject({
      ExtraHosts: ['a:1.2.3.4', 'cloud:host-gateway'],
      Dns: ['10.0.0.53'],
    });
    expect(bodyOf('MCC', specOf({ HostConfig: { Dns: ['9.9.9.9'] } }), facts).HostConfig.Dns).toEqual(['9.9.9.9']);
  });
});

describe('log limit', () => {
  test('is set where the deployment gives none', () => {
    expect(bodyOf('MCC').HostConfig.LogConfig).toEqual({
      Type: 'local',
      Config: { 'max-size': '10m', 'max-file': '3' },
    });
    expect(bodyOf('MCC', specOf({ HostConfig: { LogConfig: {} } })).HostConfig.LogConfig).toMatchObject({
      Type: 'local',
    });
  });
  test('of the deployment is kept', () => {
    const LogConfig = { Type: 'journald', Config: {} };
    expect(bodyOf('MCC', specOf({ HostConfig: { LogConfig } })).HostConfig.LogConfig).toEqual(LogConfig);
  });
});

describe('elevated permissions', () => {
  const options: JsonObject = { HostConfig: { Privileged: true, CapAdd: ['SYS_ADMIN'], CapDrop: ['KILL', 'CHOWN'] } };
  test('are kept where allowed', () => {
    expect(bodyOf('MCC', specOf(options)).HostConfig).toMatchObject({ Privileged: true, CapAdd: ['SYS_ADMIN'] });
  });
  test.each([
    ['as Docker writes it', options],
    ['in another case', { hostconfig: { privileged: true, capadd: ['SYS_ADMIN'], capDrop: ['KILL', 'CHOWN'] } }],
    [
      'twice',
      { HostConfig: { Privileged: false, privileged: true, CapAdd: [], CAPADD: ['X'], CapDrop: ['KILL', 'CHOWN'] } },
    ],
  ])('are cleared where not, %s', (_name, given) => {
    const { HostConfig } = bodyOf('MCC', specOf(given as JsonObject), { allowElevatedPermissions: false });
    expect(HostConfig).toMatchObject({ Privileged: false, CapAdd: [], CapDrop: ['KILL', 'CHOWN', 'SETUID'] });
    expect(Object.keys(HostConfig).filter((key) => /^(privileged|capadd|capdrop)$/i.test(key))).toHaveLength(3);
  });
});

describe('labels', () => {
  test('of the deployment are kept, ours cannot be overridden', () => {
    const Labels = { x: 'y', 'io.wayside.instance': 'other', 'net.azure-devices.edge.version': '1' };
    expect(bodyOf('MCC', specOf({ Labels })).Labels).toEqual({
      x: 'y',
      'net.azure-devices.edge.version': '1',
      'net.azure-devices.edge.owner': 'Microsoft.Azure.Devices.Edge.Agent',
      'net.azure-devices.edge.original-image': 'wayside/cache:1',
      'io.wayside.instance': 'default',
      'io.wayside.component': 'module',
      'io.wayside.module': 'MCC',
    });
    expect(bodyOf('MCC', specOf(), { instance: 'b' }).Labels['io.wayside.instance']).toBe('b');
  });

  test('of the first edgeAgent carry its settings', () => {
    expect(bodyOf('edgeAgent', specOf({ User: '1' }, { A: 'b' })).Labels).toMatchObject({
      'net.azure-devices.edge.create-options': '{"User":"1"}',
      'net.azure-devices.edge.env': '{"A":{"value":"b"}}',
    });
  });
});

test('other options pass through; the image is the one of the settings', () => {
  expect(bodyOf('MCC', specOf({ User: 'x', Image: 'evil', ExposedPorts: { '80/tcp': {} } }))).toMatchObject({
    User: 'x',
    Image: 'wayside/cache:1',
    ExposedPorts: { '80/tcp': {} },
  });
});
