// The module as its container runs it: the process with the Azure SDK against the device protocol, BIRD in a namespace, a router behind it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TestCa } from '@wayside/kit/test-certificates';
import type { BgpRoutes } from '@wayside/protocol';
import { EdgeHub } from './edge-hub.ts';
import { Lab, NODE_IPV4, ROUTER_IPV4, until, whyNot } from './lab.ts';
import { RoutesReceiver } from './routes-receiver.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const EXIT_CONFIG_INVALID = 153;
const TEST_MS_MAX = 240_000;
const PASSWORD = 'very-secret-key';

const reason = whyNot();
if (reason !== undefined) console.warn(`bgp as a process is skipped: ${reason}`);
const suite = reason === undefined ? describe : describe.skip;

let child: ChildProcess | undefined;
let output = '';

function start(env: { [name: string]: string }): ChildProcess {
  output = '';
  child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN], {
    env: { PATH: process.env.PATH, ...env },
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text) => {
      output += text;
    });
  }
  return child;
}

afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.kill('SIGTERM')) await once(child, 'close');
  child = undefined;
}, TEST_MS_MAX);

test(
  'wrong settings: every problem, exit code 153',
  async () => {
    const [code] = await once(start({ BGP_PORT: '0', BGP_STORAGE_DIR: 'x', BGP_POLL_SECS: 'soon' }), 'close');
    expect(code).toBe(EXIT_CONFIG_INVALID);
    for (const name of ['BGP_PORT', 'BGP_STORAGE_DIR', 'BGP_POLL_SECS']) expect(output).toContain(name);
  },
  TEST_MS_MAX,
);

suite('bgp as a process', () => {
  let lab: Lab;
  let hub: EdgeHub;
  let env: { [name: string]: string };

  beforeEach(async () => {
    lab = new Lab();
    const ca = await TestCa.create('edge ca');
    hub = new EdgeHub(ca);
    await hub.up();
    const caFile = join(lab.folder, 'ca.pem');
    writeFileSync(caFile, ca.pem);
    const key = Buffer.from('key').toString('base64');
    env = {
      IOTEDGE_WORKLOADURI: 'unix:///nowhere',
      EdgeHubConnectionString: `HostName=hub.example;DeviceId=node1;ModuleId=bgp;SharedAccessKey=${key};GatewayHostName=localhost:${hub.port}`,
      EdgeModuleCACertificateFile: caFile,
      BGP_STORAGE_DIR: join(lab.folder, 'storage'),
      BGP_RUN_DIR: join(lab.folder, 'run'),
      BGP_BIRD_PROGRAM: lab.birdProgram(),
      ...{ BGP_POLL_SECS: '0.2', BGP_SETTLE_SECS: '0.5', BGP_REREAD_SECS: '1' },
    };
  }, TEST_MS_MAX);

  afterEach(async () => {
    if (child !== undefined && child.exitCode === null && child.kill('SIGTERM')) await once(child, 'close');
    await hub.down();
    await lab.close();
  }, TEST_MS_MAX);

  const received = () => {
    const receiver = new RoutesReceiver();
    for (const { type, body } of hub.messages) if (type === 'bgpRoutes') receiver.take(body as unknown as BgpRoutes);
    return receiver;
  };

  test(
    'twin to session to messages; methods; an edgeHub that goes and comes back loses nothing; the password is nowhere',
    async () => {
      start(env);
      await until('not configured is said', () =>
        hub.messages.some(({ body }) => JSON.stringify(body).includes('BGP_NOT_CONFIGURED')),
      );
      hub.setDesired({
        localAsn: 64_510,
        routerId: NODE_IPV4,
        sessions: { r1: { neighborAddress: ROUTER_IPV4, neighborAsn: 'x' } },
      });
      await until('the problem is reported', () =>
        JSON.stringify(hub.twin.reported).includes('sessions.r1.neighborAsn'),
      );
      hub.setDesired({ sessions: { r1: { neighborAsn: 64_500, password: PASSWORD } } });
      const routes = (
        ...prefixes: string[]
      ) => `protocol bgp n4 { local ${ROUTER_IPV4} as 64500; neighbor ${NODE_IPV4} as 64510; password "${PASSWORD}";
        connect delay time 1; ipv4 { import none; export all; }; }
        protocol static s4 { ipv4; ${prefixes.map((prefix) => `route ${prefix} blackhole;`).join(' ')} }`;
      const router = await lab.birdRouter(routes('20.1.0.0/16', '20.2.0.0/16'));
      await until('the prefixes are reported', () => received().prefixes().join() === '20.1.0.0/16,20.2.0.0/16');
      expect(hub.messages.find(({ type }) => type === 'bgpRoutes')?.output).toBe('routes');
      await until('the settings are reported', () => hub.twin.reported.appliedVersion === hub.twin.desired.$version);

      const sessions = await hub.method('sessions', {});
      expect(sessions).toMatchObject({ status: 200, payload: { sessions: [{ id: 'r1', state: 'Established' }] } });
      const prefixes = await hub.method('prefixes', { contains: '20.2.3.4' });
      expect(prefixes).toMatchObject({
        status: 200,
        payload: { prefixes: [{ prefix: '20.2.0.0/16', asPath: '64500' }] },
      });
      expect(await hub.method('prefixes', { limit: 0 })).toMatchObject({ status: 400 });
      expect(await hub.method('restartSession', { session: 'r9' })).toMatchObject({ status: 404 });

      await hub.down();
      await router.configure(routes('20.2.0.0/16', '20.3.0.0/16'));
      await until(
        'a try failed',
        () => output.includes('BGP_MESSAGE_FAILED') || output.includes('BGP_HUB_UNREACHABLE'),
      );
      await hub.up();
      await until('the change is reported', () => received().prefixes().join() === '20.2.0.0/16,20.3.0.0/16');
      expect(received().gaps).toEqual([]);

      const { status, payload } = await hub.method('resync', { reason: 'test' });
      expect(status).toBe(200);
      await until('the snapshot came', () => received().messages.at(-1)?.epoch === payload.epoch);
      expect(received().gaps).toEqual([]);

      expect(await healthOf(join(lab.folder, 'run', 'health.sock'))).toBe(200);
      expect(output + JSON.stringify(hub.messages) + JSON.stringify(hub.twin.reported)).not.toContain(PASSWORD);
      for (const file of ['run/bird.conf', 'storage/desired.json']) {
        expect(readFileSync(join(lab.folder, file), 'utf8')).toContain(PASSWORD);
        expect(statSync(join(lab.folder, file)).mode & 0o777).toBe(0o600);
      }
      child?.kill('SIGTERM');
      const [code] = await once(child as ChildProcess, 'close');
      expect(code).toBe(0);
      expect(existsSync(join(lab.folder, 'run', 'bird.ctl'))).toBe(false);
    },
    TEST_MS_MAX,
  );
});

function healthOf(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path: '/healthz' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}
