// The whole agent as a process: the real azure-iot-device SDK against the real device front end over TLS, unix sockets to a model daemon.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { listen } from '@wayside/kit';
import { TestCa, type TestCertificate } from '@wayside/kit/test-certificates';
import type { AgentHealth, JsonObject } from '@wayside/protocol';
import { AgentProcess } from './agent-process.ts';
import { ConnectProxy } from './connect-proxy.ts';
import { DEVICE, FakeCloud, until } from './fake-cloud.ts';
import { FakeDaemon, logFrame } from './fake-daemon.ts';

/** Generous: the machine may run other suites beside this one. */
const TEST_MS_MAX = 120_000;
/** What DESIGN 10 allows from a manifest to running modules; alone on a machine it is 1 to 2 s. */
const SEEN_MS_MAX = 10_000;
const KEY = randomBytes(32).toString('base64');
let ca: TestCa;
let certificate: TestCertificate;
let folder: string;
let daemon: FakeDaemon;
let cloud: FakeCloud;
let agent: AgentProcess | undefined;

const envOf = (change: { [name: string]: string } = {}) => ({
  IOTEDGE_MANAGEMENTURI: `unix://${join(folder, 'daemon.sock')}`,
  IOTEDGE_WORKLOADURI: `unix://${join(folder, 'daemon.sock')}`,
  IOTEDGE_IOTHUBHOSTNAME: 'localhost',
  IOTEDGE_DEVICEID: DEVICE,
  IOTEDGE_MODULEID: '$edgeAgent',
  IOTEDGE_MODULEGENERATIONID: '42',
  IOTEDGE_AUTHSCHEME: 'sasToken',
  WAYSIDE_UPSTREAM_MQTT_PORT: String(cloud.port),
  StorageFolder: join(folder, 'storage'),
  CoolOffTimeUnitInSeconds: '1',
  Metrics__Listener__Port: '0',
  ...change,
});

const freePort = async (): Promise<number> => {
  const server = createServer();
  const { port } = await listen(server, { port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.close(resolve));
  return port;
};
const moduleOf = (image: string, change: JsonObject = {}): JsonObject => ({
  type: 'docker',
  status: 'running',
  restartPolicy: 'always',
  version: '1.0',
  settings: { image, createOptions: '{}' },
  ...change,
});
const manifest = (modules: JsonObject): JsonObject => ({
  schemaVersion: '1.1',
  runtime: {
    type: 'docker',
    settings: {
      minDockerVersion: 'v1.25',
      registryCredentials: { r: { username: 'user', password: 'very-secret', address: 'reg.example' } },
    },
  },
  systemModules: {
    edgeAgent: { type: 'docker', settings: { image: 'repo/agent:1', createOptions: '{}' } },
    edgeHub: moduleOf('repo/hub:1', { startupOrder: 0 }),
  },
  modules,
});
const startAgent = (change?: { [name: string]: string }) => {
  agent = new AgentProcess(envOf(change));
  return agent;
};
const statusCode = () => (cloud.reported.lastDesiredStatus as { code?: number } | undefined)?.code;
const settled = (code = 200) =>
  until(
    `lastDesiredStatus ${code} of version ${cloud.version}`,
    () => cloud.reported.lastDesiredVersion === cloud.version && statusCode() === code,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${agent?.output}`);
  });
const healths = () =>
  cloud.telemetry
    .filter((each) => each.properties.messageType === 'health')
    .map((each) => each.body as unknown as AgentHealth);

beforeAll(async () => {
  ca = await TestCa.create();
  certificate = await ca.issue(['localhost']);
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayside-agent-'));
  daemon = new FakeDaemon({ socketPath: join(folder, 'daemon.sock'), trustBundle: ca.pem, keyBase64: KEY });
  for (const image of ['repo/hub:1', 'repo/a:1', 'repo/a:2']) daemon.registry.add(image);
  cloud = new FakeCloud(certificate, KEY);
  await daemon.start();
  await cloud.start();
});
afterEach(async () => {
  await agent?.end('SIGKILL');
  agent = undefined;
  await cloud.stop();
  await daemon.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('edgeAgent', () => {
  test(
    'twin to running modules to reported properties; patches, crashes and removals are acted on',
    async () => {
      startAgent();
      await until('the first report', () => statusCode() === 417);
      const appliedMs = Date.now();
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1', { env: { X: { value: 1 } } }) }));
      await until('both modules running', () =>
        ['edgeHub', 'a'].every((name) => daemon.engine.containers.get(name)?.state === 'running'),
      );
      expect(Date.now() - appliedMs).toBeLessThan(SEEN_MS_MAX);
      await settled();
      expect(cloud.userNames[0]).toBe(`localhost ${DEVICE}/$edgeAgent`);
      expect(cloud.reported).toMatchObject({
        schemaVersion: '1.0',
        version: { version: '0.1.0' },
        lastDesiredStatus: { code: 200, description: '' },
        runtime: {
          type: 'docker',
          platform: { os: 'linux', architecture: 'amd64', version: '0.1.0' },
          settings: {
            minDockerVersion: 'v1.25',
            registryCredentials: { r: { username: 'user', address: 'reg.example' } },
          },
        },
        systemModules: {
          edgeHub: { runtimeStatus: 'running', status: 'running', restartPolicy: 'always', startupOrder: 0 },
          edgeAgent: { type: 'docker', startupOrder: 0, runtimeStatus: 'running' },
        },
        modules: {
          a: {
            type: 'docker',
            version: '1.0',
            status: 'running',
            restartPolicy: 'always',
            imagePullPolicy: 'on-create',
            runtimeStatus: 'running',
            restartCount: 0,
            lastExitTimeUtc: '0001-01-01T00:00:00',
            settings: { image: 'repo/a:1', imageHash: 'sha256:repo/a:1', createOptions: '{}' },
            env: { X: { value: '1' } },
          },
        },
      });
      expect(JSON.stringify(cloud.reported)).not.toContain('very-secret');
      expect(agent?.output).not.toContain('very-secret');

      daemon.engine.end('a', 137);
      await until('a restarted', () => (cloud.reported.modules as JsonObject & { a: JsonObject }).a.restartCount === 1);
      await until(
        'a running again',
        () => (cloud.reported.modules as JsonObject & { a: JsonObject }).a.runtimeStatus === 'running',
      );

      cloud.patchDesired({ modules: { a: null } });
      await settled();
      expect(daemon.engine.containers.has('a')).toBe(false);
      expect(daemon.engine.identities.has('a')).toBe(false);
      expect(cloud.reported.modules).toEqual({});
    },
    TEST_MS_MAX,
  );

  test(
    'health messages: at once on change, with the shape of the contract',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      startAgent();
      await settled();
      await until('a health message with a running', () =>
        healths().some((health) => health.modules.some((m) => m.name === 'a' && m.runtimeStatus === 'running')),
      );
      const message = cloud.telemetry.find((each) => each.properties.messageType === 'health');
      expect(message?.system).toMatchObject({ contentType: 'application/json', contentEncoding: 'utf-8' });
      expect(healths().at(-1)).toMatchObject({
        schemaVersion: '1.0',
        agentVersion: '0.1.0',
        host: { totalMemoryBytes: expect.any(Number) },
      });
      const before = healths().length;
      const killedMs = Date.now();
      daemon.engine.end('a', 1);
      await until('the crash in a health message', () =>
        healths()
          .slice(before)
          .some((health) => health.modules.some((m) => m.name === 'a' && m.exitCode === 1)),
      );
      expect(Date.now() - killedMs).toBeLessThan(SEEN_MS_MAX);
    },
    TEST_MS_MAX,
  );

  test(
    'a restart of the daemon is told of, with its new start',
    async () => {
      startAgent();
      const told = () => healths().at(-1)?.daemon ?? undefined;
      const first = await until('the daemon in the health message', told);
      expect(first.version).toBe('0.1.0');
      await until('an uptime beyond the jitter', () => Date.now() - Date.parse(first.startTimeUtc) > 4_000);
      expect(told()).toEqual(first);
      await daemon.stop();
      await daemon.start();
      const restartedMs = Date.now();
      await until('the new start', () => told()?.startTimeUtc !== first.startTimeUtc);
      expect(Date.now() - restartedMs).toBeLessThan(SEEN_MS_MAX);
      expect(Math.abs(Date.parse(told()?.startTimeUtc ?? '') - restartedMs)).toBeLessThan(3_000);
    },
    TEST_MS_MAX,
  );

  test(
    'starts from the encrypted backup while the cloud is away, and catches up after',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1', { env: { SECRET: { value: 'hush-hush' } } }) }));
      startAgent();
      await settled();
      const backup = join(folder, 'storage', 'edgeAgent', 'backup.json');
      await until('the backup', () => agent?.output.includes('Deployment received'));
      await agent?.end();
      expect(await readFile(backup, 'utf8')).not.toMatch(/hush-hush|repo/);
      expect(await readFile(join(folder, 'storage', 'edgeAgent', 'last-good.json'), 'utf8')).not.toMatch(
        /hush-hush|repo/,
      );
      await cloud.stop();
      daemon.engine.containers.clear();
      daemon.registry.clear();
      startAgent();
      await until('both modules from the backup', () =>
        ['edgeHub', 'a'].every((name) => daemon.engine.containers.get(name)?.state === 'running'),
      );
      daemon.engine.end('a', 1);
      cloud.patchDesired({ modules: { a: { status: 'stopped' } } });
      await cloud.start();
      await settled();
      expect(daemon.engine.containers.get('a')?.state).not.toBe('running');
      // The crash happened while the cloud was away; its message came all the same.
      await until('the missed change', () =>
        healths().some((health) => health.modules.some((m) => m.name === 'a' && m.exitCode === 1)),
      );
    },
    TEST_MS_MAX,
  );

  test(
    'the twin is read again after a reconnect: changes that nobody announced arrive',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      startAgent();
      await settled();
      await cloud.stop();
      cloud.patchDesiredUnheard({ modules: { a: { settings: { image: 'repo/a:2' } } } });
      await cloud.start();
      await settled();
      expect(daemon.engine.containers.get('a')?.image).toBe('repo/a:2');
      // A lost notification shows as a gap with the next one.
      cloud.patchDesiredUnheard({ modules: { a: { settings: { image: 'repo/a:1' } } } });
      cloud.patchDesired({ modules: { a: { version: '2.0' } } });
      await settled();
      expect(daemon.engine.containers.get('a')?.image).toBe('repo/a:1');
    },
    TEST_MS_MAX,
  );

  test(
    'bad deployments: 400, 412, 417 with reasons, modules left alone',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      startAgent();
      await settled();
      cloud.patchDesired({ schemaVersion: '2.0' });
      await settled(412);
      cloud.patchDesired({ schemaVersion: '1.1', modules: { a: { restartPolicy: 'sometimes' } } });
      await settled(400);
      expect((cloud.reported.lastDesiredStatus as JsonObject).description).toMatch(/restartPolicy/);
      cloud.patchDesired({ schemaVersion: null, runtime: null, systemModules: null, modules: null });
      await settled(417);
      expect(daemon.engine.containers.get('a')?.state).toBe('running');
    },
    TEST_MS_MAX,
  );

  test(
    'direct methods',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      startAgent();
      await settled();
      daemon.logs.set(
        'a',
        Buffer.concat([
          logFrame(1, '<6> 2026-01-01 00:00:00.000 +00:00 [INF] one\n'),
          logFrame(2, '<3> 2026-01-01 00:00:01.000 +00:00 [ERR] two\n'),
        ]),
      );
      expect(await cloud.method('ping', null)).toEqual({ status: 200, payload: null });
      expect(await cloud.method('PING', undefined)).toEqual({ status: 200, payload: null });
      const unknown = await cloud.method('nope', {});
      expect(unknown.status).toBe(400);
      expect((unknown.payload as { message: string }).message).toContain(
        "Command 'nope' not found. The supported commands are - ping, RestartModule, GetModuleLogs",
      );
      expect(await cloud.method('RestartModule', { schemaVersion: '1.0', id: 'a' })).toEqual({
        status: 200,
        payload: null,
      });
      expect((await cloud.method('RestartModule', { schemaVersion: '1.0', id: 'zzz' })).status).toBe(400);
      const logs = {
        schemaVersion: '1.0',
        items: { id: 'A', filter: { loglevel: 3 } },
        encoding: 'none',
        contentType: 'text',
      };
      expect(await cloud.method('GetModuleLogs', logs)).toEqual({
        status: 200,
        payload: [{ id: 'a', payloadBytes: null, payload: '<3> 2026-01-01 00:00:01.000 +00:00 [ERR] two\n' }],
      });
      const zipped = await cloud.method('GetModuleLogs', { ...logs, encoding: 'gzip', contentType: 'json' });
      const [entry] = zipped.payload as { payloadBytes: string }[];
      expect(JSON.parse(gunzipSync(Buffer.from(entry?.payloadBytes ?? '', 'base64')).toString())).toEqual([
        {
          iothub: 'localhost',
          device: DEVICE,
          id: 'a',
          stream: 'stdout',
          loglevel: 3,
          text: '[ERR] two',
          timestamp: '2026-01-01T00:00:01.000Z',
        },
      ]);
    },
    TEST_MS_MAX,
  );

  test(
    'UpstreamProtocol=MqttWs: over WebSocket, directly and through a proxy with a password',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      const env = {
        UpstreamProtocol: 'AmqpWs',
        WAYSIDE_UPSTREAM_HTTPS_PORT: String(cloud.webPort),
        WAYSIDE_UPSTREAM_MQTT_PORT: '1',
      };
      startAgent(env);
      await settled();
      expect(await cloud.method('ping', null)).toEqual({ status: 200, payload: null });
      await agent?.end();
      const proxy = new ConnectProxy();
      await proxy.start();
      try {
        cloud.patchDesired({ modules: { a: { version: '2.0' } } });
        startAgent({ ...env, https_proxy: `http://user:hush-hush@127.0.0.1:${proxy.port}` });
        await settled();
        const authorization = `Basic ${Buffer.from('user:hush-hush').toString('base64')}`;
        expect(proxy.asked[0]).toBe(`localhost:${cloud.webPort} ${authorization}`);
        expect(agent?.output).not.toContain('hush-hush');
        await agent?.end();
      } finally {
        await proxy.stop();
      }
    },
    TEST_MS_MAX,
  );

  test(
    'RestartModule of edgeAgent is left to the daemon, after the answer',
    async () => {
      daemon.engine.containers.set('edgeAgent', {
        name: 'edgeAgent',
        image: 'repo/agent:1',
        imageHash: '',
        labels: {},
        state: 'running',
        description: '',
      });
      cloud.patchDesired(manifest({}));
      startAgent();
      await settled();
      expect(await cloud.method('RestartModule', { schemaVersion: '1.0', id: 'edgeAgent' })).toEqual({
        status: 200,
        payload: null,
      });
      await until('the restart', () => daemon.restarted[0] === 'edgeAgent');
    },
    TEST_MS_MAX,
  );

  test(
    'a new edgeAgent image: the agent replaces itself first and alone, once',
    async () => {
      daemon.registry.add('repo/agent:2');
      daemon.engine.containers.set('edgeAgent', {
        name: 'edgeAgent',
        image: 'repo/agent:1',
        imageHash: '',
        labels: {},
        state: 'running',
        description: '',
      });
      const next = manifest({ a: moduleOf('repo/a:1') });
      (next.systemModules as JsonObject).edgeAgent = {
        type: 'docker',
        settings: { image: 'repo/agent:2', createOptions: '{}' },
      };
      cloud.patchDesired(next);
      startAgent();
      await until('the replacement', () => daemon.engine.containers.get('edgeAgent')?.image === 'repo/agent:2');
      await agent?.end('SIGKILL');
      const spec = daemon.engine.specs.get('edgeAgent');
      expect(spec?.config.settings.createOptions.Labels).toMatchObject({
        'net.azure-devices.edge.create-options': '{}',
        'net.azure-devices.edge.env': '{}',
      });
      startAgent();
      await settled();
      expect(daemon.requests.filter((request) => request === 'PUT /modules/edgeAgent')).toHaveLength(1);
    },
    TEST_MS_MAX,
  );

  test(
    'metrics and health endpoint',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      const port = await freePort();
      startAgent({ Metrics__Listener__Port: String(port) });
      await settled();
      expect(await cloud.method('ping', null)).toMatchObject({ status: 200 });
      const read = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
      const lines = (await read('/metrics')).split('\n');
      const labels = `iothub="localhost",edge_device="${DEVICE}"`;
      const find = (start: string, part: string) =>
        lines.find((line) => line.startsWith(start) && line.includes(part) && line.includes(labels));
      expect(find('edgeAgent_module_start_total', 'module_name="a"')).toMatch(/ 1$/);
      expect(find('edgeAgent_edgeagent_direct_method_invocations_count_total', 'method_name="ping"')).toMatch(/ 1$/);
      expect(find('edgeAgent_iothub_syncs_total', '')).toMatch(/ 1$/);
      expect(find('edgeAgent_command_latency_seconds_count', 'command="create"')).toMatch(/ 2$/);
      expect(find('edgeAgent_deployment_time_seconds_count', '')).toMatch(/ 1$/);
      expect(find('edgeAgent_total_disk_space_bytes', 'disk_name="sda"')).toMatch(/ 10$/);
      expect(find('edgeAgent_used_memory_bytes', 'module_name="a"')).toMatch(/ 7$/);
      expect(find('edgeAgent_used_memory_bytes', 'module_name="_host_"')).toMatch(/ 1000$/);
      expect(JSON.parse(await read('/healthz'))).toEqual({ status: 'ok', reason: '' });
    },
    TEST_MS_MAX,
  );

  describe('uploads', () => {
    let store: Server;
    let port: number;
    const blobs = new Map<string, { type: string | undefined; body: Buffer }>();
    beforeAll(async () => {
      store = createServer((request, response) => {
        const pieces: Buffer[] = [];
        request.on('data', (piece: Buffer) => pieces.push(piece));
        request.on('end', () => {
          blobs.set(request.url ?? '', {
            type: request.headers['x-ms-blob-type'] as string,
            body: Buffer.concat(pieces),
          });
          response.writeHead(201).end();
        });
      });
      port = (await listen(store, { port: 0, host: '127.0.0.1' })).port;
    });
    afterAll(() => void store.close());

    test(
      'UploadModuleLogs and UploadSupportBundle put block blobs; GetTaskStatus follows',
      async () => {
        cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
        startAgent();
        await settled();
        daemon.logs.set('a', logFrame(1, 'plain\n'));
        const sasUrl = `http://127.0.0.1:${port}/box?sig=very-secret`;
        const taskOf = async (name: string, payload: JsonObject) => {
          const { status, payload: task } = await cloud.method(name, { schemaVersion: '1.0', sasUrl, ...payload });
          expect(status).toBe(200);
          const { correlationId } = task as { correlationId: string };
          let state = '';
          while (state !== 'Completed') {
            const answer = await cloud.method('GetTaskStatus', { schemaVersion: '1.0', correlationId });
            state = (answer.payload as { status: string }).status;
            expect(['Running', 'Completed']).toContain(state);
          }
        };
        await taskOf('UploadModuleLogs', { items: [{ id: 'all' }], encoding: 'gzip', contentType: 'text' });
        await taskOf('UploadSupportBundle', { since: '1h', edgeRuntimeOnly: true });
        const urls = [...blobs.keys()];
        const log = urls.find((url) =>
          /^\/box\/localhost\/node1\/a-\d{4}-\d\d-\d\d--\d\d-\d\d-\d\d\.log\.gz\?sig=very-secret$/.test(url),
        );
        expect(blobs.get(log ?? '')?.type).toBe('BlockBlob');
        expect(gunzipSync(blobs.get(log ?? '')?.body ?? Buffer.alloc(0)).toString()).toBe('plain\n');
        const bundle = urls.find((url) => url.includes('/support-bundle-'));
        expect(blobs.get(bundle ?? '')?.body.toString()).toMatch(/^PK.*since=1h.*edge_runtime_only=true/);
        const unknown = await cloud.method('GetTaskStatus', { schemaVersion: '1.0', correlationId: 'x' });
        expect(unknown.payload).toMatchObject({ status: 'Unknown' });
        expect(agent?.output).not.toContain('very-secret');
      },
      TEST_MS_MAX,
    );
  });

  test(
    'SIGTERM: reports 406, leaves the modules running, exits 0',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      startAgent();
      await settled();
      expect(await agent?.end('SIGTERM')).toBe(0);
      expect(cloud.reported.lastDesiredStatus).toEqual({ code: 406, description: 'Agent is not running' });
      expect((cloud.reported.modules as { a: JsonObject }).a.runtimeStatus).toBe('unknown');
      expect(daemon.engine.containers.get('a')?.state).toBe('running');
    },
    TEST_MS_MAX,
  );

  test(
    'SIGTERM with StopModulesOnShutdown stops them',
    async () => {
      cloud.patchDesired(manifest({ a: moduleOf('repo/a:1') }));
      startAgent({ StopModulesOnShutdown: 'true' });
      await settled();
      expect(await agent?.end('SIGTERM')).toBe(0);
      expect([...daemon.engine.containers.values()].map(({ state }) => state)).toEqual(['stopped', 'stopped']);
    },
    TEST_MS_MAX,
  );

  test(
    'a bad configuration names every problem and exits 153',
    async () => {
      const broken = startAgent({ IOTEDGE_DEVICEID: '', WAYSIDE_UPSTREAM_MQTT_PORT: '99999', MaxRestartCount: 'many' });
      const code = await until('the exit', () => broken.child.exitCode ?? undefined);
      expect(code).toBe(153);
      for (const name of ['deviceId', 'WAYSIDE_UPSTREAM_MQTT_PORT', 'MaxRestartCount'])
        expect(broken.output).toContain(name);
    },
    TEST_MS_MAX,
  );
});
