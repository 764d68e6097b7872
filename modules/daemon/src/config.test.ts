import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '@wayside/kit';
import { type DaemonConfig, readConfig } from './config.ts';

const KEY = Buffer.alloc(32, 1).toString('base64');
const MANUAL = `
hostname = "node1"
[provisioning]
source = "manual"
connection_string = "HostName=hub.example;DeviceId=node1;SharedAccessKey=${KEY}"
`;
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

const read = (text: string, files: { [path: string]: string } = {}): DaemonConfig =>
  readConfig({
    text,
    readTextFile: (path) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return content;
    },
  });

const problemsOf = (text: string, files: { [path: string]: string } = {}): { [path: string]: string } => {
  try {
    read(text, files);
  } catch (error) {
    if (error instanceof ConfigError)
      return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]));
    throw error;
  }
  throw new Error('no problem found');
};

describe('readConfig()', () => {
  test('manual connection string with all defaults', () => {
    const config = read(MANUAL);
    expect(config).toMatchObject({
      hostname: 'node1',
      instance: '',
      provisioning: { source: 'manual', iothubHostname: 'hub.example', deviceId: 'node1' },
      upstream: { mqttPort: undefined, httpsPort: undefined, caPem: undefined },
      cloudTimeoutMs: 10_000,
      cloudRetries: 1,
      connectionsMax: { management: 50, workload: 10 },
      allowElevatedPermissions: true,
      watchdogRetriesMax: 'infinite',
      engineSocket: '/var/run/docker.sock',
      network: { name: 'azure-iot-edge', ipv6: false, ipam: [] },
      edgeCa: { lifeDays: 3650, renewAtShare: 0.8, rotateKey: false },
      imageCleanup: { enabled: true, recurrenceMs: 86_400_000, ageMs: 7 * 86_400_000, minuteOfDay: 0 },
    });
    if (config.provisioning.source === 'manual') expect(config.provisioning.deviceKey.reveal()).toBe(KEY);
    expect(JSON.stringify(config)).not.toContain(KEY);
  });

  test("the original's keys are taken", () => {
    const config = read(
      `
hostname = "node1"
allow_elevated_docker_permissions = false
cloud_timeout_sec = 5
cloud_retries = 3
trust_bundle_cert = "file:///etc/wayside/roots.pem"
auto_reprovisioning_mode = "OnErrorOnly"
iotedge_max_requests = { management = 9, workload = 3 }
[provisioning]
source = "manual"
iothub_hostname = "hub.example"
device_id = "d"
[provisioning.authentication]
method = "sas"
device_id_pk = { uri = "file:///etc/wayside/key" }
[agent]
name = "edgeAgent"
type = "docker"
imagePullPolicy = "never"
[agent.config]
image = "registry.example/agent"
createOptions = '{"HostConfig":{"Memory":1}}'
[agent.config.auth]
username = "u"
password = "p"
serveraddress = "registry.example"
[agent.env]
RuntimeLogLevel = "debug"
Number = 3
[connect]
workload_uri = "unix:///x"
[listen]
management_uri = "unix:///y"
[watchdog]
max_retries = 7
[edge_ca]
auto_generated_edge_ca_expiry_days = 30
[edge_ca.auto_renew]
rotate_key = true
threshold = "66%"
retry = "4%"
[moby_runtime]
uri = "unix:///run/podman.sock"
network = { name = "net", ipv6 = true, ipam = { config = [{ subnet = "fd00::/64" }] } }
[image_garbage_collection]
enabled = false
cleanup_recurrence = "2d"
image_age_cleanup_threshold = "90m"
cleanup_time = "23:30"
`,
      { '/etc/wayside/key': `${KEY}\n`, '/etc/wayside/roots.pem': PEM },
    );
    expect(config).toMatchObject({
      provisioning: { iothubHostname: 'hub.example', deviceId: 'd' },
      trustBundlePem: PEM,
      allowElevatedPermissions: false,
      connectionsMax: { management: 9, workload: 3 },
      agent: {
        image: 'registry.example/agent:latest',
        imagePullPolicy: 'Never',
        createOptions: { HostConfig: { Memory: 1 } },
        env: { RuntimeLogLevel: 'debug', Number: '3' },
      },
      watchdogRetriesMax: 7,
      edgeCa: { lifeDays: 30, renewAtShare: 0.66, rotateKey: true },
      engineSocket: '/run/podman.sock',
      network: { name: 'net', ipv6: true, ipam: [{ subnet: 'fd00::/64' }] },
      imageCleanup: { enabled: false, recurrenceMs: 2 * 86_400_000, ageMs: 90 * 60_000, minuteOfDay: 1410 },
    });
  });

  test('our own keys are taken', () => {
    const config = read(
      `
hostname = "node1"
instance = "b"
[provisioning]
source = "registration"
cloud_url = "https://wayside-cloud:8443/"
customer_id = "c"
cache_node_id = "n"
customer_key = "ck"
registration_key = "rk"
[upstream]
mqtt_port = 18883
https_port = 8443
ca_cert = "/etc/wayside/upstream-ca.pem"
[dns]
servers = ["10.0.0.53"]
hosts = ["wayside-cloud:host-gateway"]
[proxy]
https_proxy = "http://proxy:3128"
no_proxy = "node1"
`,
      { '/etc/wayside/upstream-ca.pem': PEM },
    );
    expect(config).toMatchObject({
      instance: 'b',
      provisioning: {
        source: 'registration',
        cloudUrl: 'https://wayside-cloud:8443',
        customerId: 'c',
        cacheNodeId: 'n',
      },
      upstream: { mqttPort: 18883, httpsPort: 8443, caPem: PEM },
      dns: { servers: ['10.0.0.53'], hosts: ['wayside-cloud:host-gateway'] },
      proxy: { https: 'http://proxy:3128', no: 'node1' },
      network: { name: 'azure-iot-edge-b' },
    });
  });
});

describe('readConfig() names', () => {
  test('every problem at once: unknown keys, wrong values', () => {
    const problems = problemsOf(`${MANUAL}
[upstream]
mqttport = 1
https_port = 70000
[agent]
imagePullPolicy = "sometimes"
[image_garbage_collection]
cleanup_time = "25:00"
`);
    expect(Object.keys(problems).sort()).toEqual([
      'agent.imagePullPolicy',
      'image_garbage_collection.cleanup_time',
      'upstream.https_port',
      'upstream.mqttport',
    ]);
    expect(problems['upstream.mqttport']).toMatch(/no known setting/);
    expect(problems['upstream.https_port']).toMatch(/70000/);
  });

  test.each<[string, string, string]>([
    ['no hostname', '[provisioning]\nsource = "manual"', 'hostname'],
    ['no provisioning', 'hostname = "a"', 'provisioning'],
    ['DPS', 'hostname = "a"\n[provisioning]\nsource = "dps"\nid_scope = "x"', 'provisioning.source'],
    ['nothing to identify with', 'hostname = "a"\n[provisioning]\nsource = "manual"', 'provisioning'],
    [
      'no registration key',
      'hostname = "a"\n[provisioning]\nsource = "registration"\ncloud_url = "https://c"',
      'provisioning.registration_key',
    ],
    [
      'plain http',
      'hostname = "a"\n[provisioning]\nsource = "registration"\ncloud_url = "http://c"',
      'provisioning.cloud_url',
    ],
    [
      'x509',
      'hostname = "a"\n[provisioning]\nsource = "manual"\niothub_hostname = "h"\ndevice_id = "d"\n[provisioning.authentication]\nmethod = "x509"',
      'provisioning.authentication.method',
    ],
    ['a bad host name', MANUAL.replace('"node1"', '"no de"'), 'hostname'],
    ['a nested node', `parent_hostname = "p"\n${MANUAL}`, 'parent_hostname'],
    ['half an Edge CA', `${MANUAL}\n[edge_ca]\ncert = "file:///c"`, 'edge_ca'],
    ['EST', `${MANUAL}\n[edge_ca]\nmethod = "est"`, 'edge_ca.method'],
    ['a missing file', `trust_bundle_cert = "file:///no"\n${MANUAL}`, 'trust_bundle_cert'],
    ['createOptions that are no JSON', `${MANUAL}\n[agent.config]\ncreateOptions = "{"`, 'agent.config.createOptions'],
    ['half an auth', `${MANUAL}\n[agent.config.auth]\nusername = "u"`, 'agent.config.auth'],
    [
      'a duration of words',
      `${MANUAL}\n[image_garbage_collection]\ncleanup_recurrence = "1 fortnight"`,
      'image_garbage_collection.cleanup_recurrence',
    ],
    ['text that is no TOML', 'hostname = ', 'config.toml'],
  ])('%s', (_name, text, path) => {
    expect(Object.keys(problemsOf(text, { '/c': PEM }))).toContain(path);
  });

  test.each([
    ['no device', `HostName=h;SharedAccessKey=${KEY}`],
    ['a module', `HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=${KEY}`],
    ['no key', 'HostName=h;DeviceId=d'],
    ['a key that is no base64', 'HostName=h;DeviceId=d;SharedAccessKey=top-secret!'],
    ['nonsense', 'top-secret'],
  ])('a connection string with %s, without quoting it', (_name, text) => {
    const problems = problemsOf(`hostname = "a"\n[provisioning]\nsource = "manual"\nconnection_string = "${text}"`);
    expect(Object.keys(problems)).toContain('provisioning.connection_string');
    expect(JSON.stringify(problems)).not.toContain(KEY);
    expect(JSON.stringify(problems)).not.toContain('top-secret');
  });
});
