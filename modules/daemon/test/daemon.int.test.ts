// The daemon against a real engine: containers, sockets, identities, restarts. Everything made carries the instance label of this run.

import { createHmac, randomBytes, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import Docker from 'dockerode';
import { CloudDouble } from './cloud-double.ts';
import { call, DaemonProcess, until } from './daemon-process.ts';
import { buildTinyImage } from './tiny-image.ts';

jest.setTimeout(60_000);

const INSTANCE = `dt-${randomBytes(4).toString('hex')}`;
const IMAGE = `wayside-daemon-test:${INSTANCE}`;
const docker = new Docker({ socketPath: '/var/run/docker.sock' });
const label = `io.wayside.instance=${INSTANCE}`;
const cloud = new CloudDouble();
let daemon: DaemonProcess;

const specOf = (name: string, createOptions: object = {}, env: { key: string; value: string }[] = []) => ({
  name,
  type: 'docker',
  imagePullPolicy: 'On-Create',
  config: { settings: { image: IMAGE, createOptions }, env },
});
const containerOf = (name: string) => docker.getContainer(`${INSTANCE}-${name}`);
const running = async (name: string) => (await containerOf(name).inspect()).State.Running;

beforeAll(async () => {
  await buildTinyImage(docker, IMAGE, { 'io.wayside.instance': INSTANCE, 'io.wayside.component': 'image' });
  await cloud.start();
  daemon = await DaemonProcess.prepare();
  await daemon.file('upstream-ca.pem', cloud.caPem);
  await daemon.configure(`
hostname = "node1"
instance = "${INSTANCE}"
cloud_timeout_sec = 2
[provisioning]
source = "manual"
connection_string = "${cloud.connectionString}"
[upstream]
https_port = ${cloud.port}
ca_cert = "file://${join(daemon.directory, 'etc', 'upstream-ca.pem')}"
[agent.config]
image = "${IMAGE}"
[agent.env]
RuntimeLogLevel = "debug"
`);
  await daemon.start();
});

afterAll(async () => {
  await daemon?.remove();
  await cloud.stop();
  const containers = await docker.listContainers({ all: true, filters: { label: [label] } });
  await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
  const networks = await docker.listNetworks({ filters: { label: [label] } });
  await Promise.all(networks.map(({ Id }) => docker.getNetwork(Id).remove()));
  const images = await docker.listImages({ all: true, filters: { label: [label] } });
  await Promise.all(
    images.map(({ Id }) =>
      docker
        .getImage(Id)
        .remove({ force: true })
        .catch(() => undefined),
    ),
  );
});

test('starts edgeAgent by itself, with its identity registered', async () => {
  await until('edgeAgent runs', () => running('edgeAgent'));
  const row = cloud.modules.get('$edgeAgent');
  expect(row?.managedBy).toBe('IotEdge');
  expect(row?.authentication.type).toBe('sas');
  const inspect = await containerOf('edgeAgent').inspect();
  expect(inspect.Config.Env).toEqual(
    expect.arrayContaining([
      'IOTEDGE_MODULEID=$edgeAgent',
      'IOTEDGE_MANAGEMENTURI=unix:///var/run/iotedge-mgmt/mgmt.sock',
      `WAYSIDE_UPSTREAM_HTTPS_PORT=${cloud.port}`,
      'RuntimeLogLevel=debug',
    ]),
  );
  const storage = await stat(join(daemon.directory, 'var', 'storage', 'edgeAgent'));
  expect([storage.uid, storage.gid]).toEqual([13622, 13622]);
});

describe('rules of the socket', () => {
  test.each([
    ['GET', '/modules?api-version=', 400, undefined],
    ['GET', '/modules?api-version=2001-01-01', 400, undefined],
    ['GET', '/nowhere', 404, undefined],
    ['GET', '/modules/none', 404, undefined],
    ['GET', '/modules/..%2f..%2fetc', 400, undefined],
    ['GET', '/modules/%zz', 400, undefined],
    ['DELETE', '/modules/none', 404, undefined],
    ['POST', '/modules/none/start', 404, undefined],
    ['GET', '/modules/none/logs?tail=x', 400, undefined],
    ['POST', '/modules', 400, '{"name":'],
    [
      'POST',
      '/modules',
      400,
      { name: 'a/b', type: 'x', imagePullPolicy: 'y', config: { settings: { image: '', createOptions: 3 } } },
    ],
    ['PUT', '/modules/a', 400, specOf('b')],
    ['POST', '/modules', 413, `"${'x'.repeat(5 * 1024 * 1024)}"`],
  ])('%s %s answers %i with a message', async (method: string, path: string, status: number, body: unknown) => {
    const answer = await daemon.manage(method, path, body);
    expect(answer.status).toBe(status);
    expect(typeof answer.json.message).toBe('string');
    expect(Object.keys(answer.json)).toEqual(['message']);
  });

  test('a request without api-version is refused', async () => {
    const answer = await call(daemon.managementSocket, 'GET', '/modules?x-api-version=1');
    expect(answer.status).toBe(400);
  });

  test('socket rights: management root and group 13622, workload below a directory of root alone', async () => {
    const management = await stat(daemon.managementSocket);
    expect([management.mode & 0o777, management.uid, management.gid]).toEqual([0o660, 0, 13622]);
    expect((await stat(daemon.workloadSocket('edgeAgent'))).mode & 0o777).toBe(0o666);
    expect((await stat(join(daemon.directory, 'run', 'workload'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(daemon.directory, 'var', 'daemon'))).mode & 0o777).toBe(0o700);
  });
});

describe('life of a module', () => {
  test('create, start, list, stop, restart, replace, remove', async () => {
    const created = await daemon.manage(
      'POST',
      '/modules',
      specOf('m1', { HostConfig: { Binds: ['/tmp:/data:ro'] } }, [{ key: 'A', value: 'b' }]),
    );
    expect(created.status).toBe(201);
    expect(created.json).toMatchObject({
      id: 'id',
      name: 'm1',
      type: 'docker',
      status: { runtimeStatus: { status: 'stopped' } },
    });
    expect((await daemon.manage('POST', '/modules', specOf('m1'))).status).toBe(409);

    expect((await daemon.manage('POST', '/modules/m1/start')).status).toBe(204);
    expect((await daemon.manage('POST', '/modules/m1/start')).status).toBe(204);
    const got = await daemon.manage('GET', '/modules/m1');
    expect(got.json.status).toMatchObject({
      runtimeStatus: { status: 'running' },
      startTime: expect.stringMatching(/^20/),
    });
    expect(got.json.config.env).toEqual([]);

    const inspect = await containerOf('m1').inspect();
    expect(inspect.Config.Env).toEqual(
      expect.arrayContaining(['A=b', 'IOTEDGE_GATEWAYHOSTNAME=node1', 'IOTEDGE_DEVICEID=node1']),
    );
    expect(inspect.HostConfig.LogConfig).toMatchObject({ Type: 'local' });
    expect(Object.keys(inspect.NetworkSettings.Networks)).toEqual([`azure-iot-edge-${INSTANCE}`]);
    expect(inspect.HostConfig.Binds).toContain('/tmp:/data:ro');

    const list = await daemon.manage('GET', '/modules');
    expect(list.json.modules.map((m: { name: string }) => m.name)).toEqual(['edgeAgent', 'm1']);

    expect((await daemon.manage('POST', '/modules/m1/restart')).status).toBe(204);
    expect((await daemon.manage('POST', '/modules/m1/stop')).status).toBe(204);
    expect((await daemon.manage('POST', '/modules/m1/stop')).status).toBe(204);
    expect((await daemon.manage('GET', '/modules/m1')).json.status.runtimeStatus.status).toMatch(/stopped|failed/);

    const replaced = await daemon.manage('PUT', '/modules/m1?start=true', specOf('m1', {}, [{ key: 'A', value: 'c' }]));
    expect(replaced.status).toBe(201);
    expect(replaced.json.status.runtimeStatus.status).toBe('running');
    expect((await containerOf('m1').inspect()).Config.Env).toContain('A=c');

    expect((await daemon.manage('DELETE', '/modules/m1')).status).toBe(204);
    expect((await daemon.manage('GET', '/modules/m1')).status).toBe(404);
    await expect(stat(daemon.workloadSocket('m1'))).rejects.toThrow(/ENOENT/);
  });

  test('a failed start says what the engine says', async () => {
    await daemon.manage('POST', '/modules', specOf('broken', { Entrypoint: ['/no/such/program'] }));
    const answer = await daemon.manage('POST', '/modules/broken/start');
    expect(answer.status).toBe(400);
    expect(answer.json.message).toContain('/no/such/program');
    await daemon.manage('DELETE', '/modules/broken');
  });

  test('an image that is nowhere is named; Never does not ask a registry', async () => {
    const spec = { ...specOf('m2'), imagePullPolicy: 'Never' };
    spec.config.settings.image = 'wayside-none:1';
    const answer = await daemon.manage('POST', '/modules/m2/prepareupdate', spec);
    expect(answer.status).toBe(500);
    expect(answer.json.message).toContain('wayside-none:1');
    expect((await daemon.manage('POST', '/modules/m2/prepareupdate', specOf('m2'))).status).toBe(204);
  });

  test('a container of somebody else is left alone', async () => {
    const foreign = await docker.createContainer({
      name: `${INSTANCE}-foreign`,
      Image: IMAGE,
      Labels: { 'io.wayside.instance': INSTANCE },
    });
    expect((await daemon.manage('POST', '/modules', specOf('foreign'))).status).toBe(409);
    expect((await daemon.manage('PUT', '/modules/foreign', specOf('foreign'))).status).toBe(409);
    expect((await daemon.manage('DELETE', '/modules/foreign')).status).toBe(409);
    await foreign.inspect();
    await foreign.remove();
  });
});

describe('logs', () => {
  beforeAll(async () => {
    const Cmd = ['echo one; echo two >&2; while :; do sleep 0.2; echo tick; done'];
    await daemon.manage('PUT', '/modules/talker?start=true', specOf('talker', { Cmd }));
  });
  afterAll(() => daemon.manage('DELETE', '/modules/talker'));

  test('keep the frames of the engine', async () => {
    const answer = await until('both lines are there', async () => {
      const logs = await daemon.manage('GET', '/modules/talker/logs');
      return logs.bytes.includes('two') && logs;
    });
    expect(answer.headers['content-type']).toMatch(/^text\/plain/);
    const frames = framesOf(answer.bytes);
    expect(frames).toContainEqual([1, 'one\n']);
    expect(frames).toContainEqual([2, 'two\n']);
  });

  test('take tail, since and timestamps', async () => {
    const last = await daemon.manage('GET', '/modules/talker/logs?tail=1&timestamps=true');
    expect(framesOf(last.bytes)).toHaveLength(1);
    expect(framesOf(last.bytes)[0]?.[1]).toMatch(/^20\d\d-.*Z /);
    const future = await daemon.manage('GET', `/modules/talker/logs?since=${Math.floor(Date.now() / 1000) + 1000}`);
    expect(future.bytes).toHaveLength(0);
  });

  test('follow sends lines as they come', async () => {
    const { request } = await import('node:http');
    const text = await new Promise<string>((resolve, reject) => {
      let seen = '';
      const outgoing = request(
        {
          socketPath: daemon.managementSocket,
          path: '/modules/talker/logs?follow=true&tail=0&api-version=2022-08-03',
          agent: false,
        },
        (response) => {
          response.on('error', () => undefined);
          response.on('data', (chunk: Buffer) => {
            seen += chunk.toString();
            if ((seen.match(/tick/g) ?? []).length >= 3) {
              outgoing.destroy();
              resolve(seen);
            }
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
    expect(text).toContain('tick');
  });
});

describe('workload API', () => {
  beforeAll(async () => {
    await daemon.manage('POST', '/identities', { moduleId: 'worker', managedBy: 'IotEdge' });
    await daemon.manage('PUT', '/modules/worker?start=true', specOf('worker'));
  });
  afterAll(() => daemon.manage('DELETE', '/modules/worker'));
  const work = (method: string, path: string, body?: unknown) =>
    call(daemon.workloadSocket('worker'), method, path, body);

  test('signs with the key that the cloud was given', async () => {
    const row = cloud.modules.get('worker');
    const data = Buffer.from('localhost%2Fdevices%2Fnode1%2Fmodules%2Fworker\n1900000000');
    const answer = await work('POST', `/modules/worker/genid/${row?.generationId}/sign`, {
      keyId: 'primary',
      algo: 'HMACSHA256',
      data: data.toString('base64'),
    });
    expect(answer.status).toBe(200);
    const key = Buffer.from(row?.authentication.symmetricKey?.primaryKey ?? '', 'base64');
    expect(answer.json).toEqual({ digest: createHmac('sha256', key).update(data).digest('base64') });
  });

  test.each(['edgeAgent', '%24edgeAgent', 'edgeHub', 'other'])('answers 403 for %s', async (name) => {
    for (const path of [
      `/modules/${name}/genid/1/sign`,
      `/modules/${name}/genid/1/encrypt`,
      `/modules/${name}/genid/1/certificate/server`,
      `/modules/${name}/certificate/identity`,
    ]) {
      const answer = await work('POST', path, { data: '' });
      expect([answer.status, answer.json]).toEqual([403, { message: 'forbidden' }]);
    }
  });

  test('the management API is not on it', async () => {
    expect((await work('POST', '/modules', specOf('x'))).status).toBe(404);
    expect((await work('DELETE', '/modules/edgeAgent')).status).toBe(404);
    expect((await work('GET', '/identities')).status).toBe(404);
  });

  test('encrypts and decrypts, bound to the generation', async () => {
    const initializationVector = Buffer.from('vector').toString('base64');
    const plaintext = Buffer.from('secret').toString('base64');
    const { json } = await work('POST', '/modules/worker/genid/7/encrypt', { plaintext, initializationVector });
    const { ciphertext } = json;
    expect((await work('POST', '/modules/worker/genid/7/decrypt', { ciphertext, initializationVector })).json).toEqual({
      plaintext,
    });
    expect((await work('POST', '/modules/worker/genid/8/decrypt', { ciphertext, initializationVector })).status).toBe(
      400,
    );
  });

  test('bad bodies are refused', async () => {
    expect((await work('POST', '/modules/worker/genid/1/sign', {})).status).toBe(400);
    expect((await work('POST', '/modules/worker/genid/1/sign', { data: '***' })).status).toBe(400);
    expect((await work('POST', '/modules/worker/genid/1/certificate/server', { commonName: 'x' })).status).toBe(400);
    expect((await work('GET', '/trust-bundle?api-version=1')).status).toBe(400);
  });

  test('server certificate holds in a TLS handshake with the trust bundle only', async () => {
    const tls = await import('node:tls');
    const expiration = new Date(Date.now() + 1000 * 60 * 60 * 24 * 30).toISOString();
    const issued = await work('POST', '/modules/worker/genid/1/certificate/server', {
      commonName: 'node1',
      expiration,
    });
    expect(issued.status).toBe(201);
    expect(issued.json.privateKey.type).toBe('key');
    const bundle = (await work('GET', '/trust-bundle')).json.certificate as string;
    expect(bundle).toContain(cloud.caPem.trim());

    const server = tls.createServer({ key: issued.json.privateKey.bytes, cert: issued.json.certificate }, (socket) =>
      socket.end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const connect = (ca: string, servername: string) =>
      new Promise<string>((resolve) => {
        const socket = tls.connect({ port, host: '127.0.0.1', ca, servername }, () => {
          socket.end();
          resolve('ok');
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      });
    expect(await connect(bundle, 'node1')).toBe('ok');
    expect(await connect(bundle, 'other')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await connect(cloud.caPem, 'node1')).not.toBe('ok');
    await new Promise((resolve) => server.close(resolve));
    expect(new X509Certificate(issued.json.certificate).subjectAltName).toBe('DNS:node1, DNS:worker');
    expect((await work('GET', '/manifest-trust-bundle')).json).toEqual({ certificate: '' });
  });

  test("works from inside a container, as the image's user, over a read-only mount", async () => {
    const script = `
      const http = require('node:http');
      const ask = (socketPath, method, path, body) => new Promise((resolve) => {
        const r = http.request({ socketPath, method, path: path + '?api-version=2018-06-28' }, (a) => { let t = ''; a.on('data', (c) => t += c); a.on('end', () => resolve(a.statusCode + ' ' + t.slice(0, 40))); });
        r.on('error', (e) => resolve(e.code));
        r.end(body);
      });
      (async () => {
        const w = process.env.IOTEDGE_WORKLOADURI.slice(7);
        console.log('sign', await ask(w, 'POST', '/modules/' + process.env.IOTEDGE_MODULEID + '/genid/1/sign', JSON.stringify({ data: 'YQ==' })));
        console.log('other', await ask(w, 'POST', '/modules/edgeAgent/genid/1/sign', JSON.stringify({ data: 'YQ==' })));
        console.log('management', await ask('/var/run/iotedge-mgmt/mgmt.sock', 'GET', '/modules'));
        try { require('node:fs').writeFileSync('/var/run/iotedge/x', ''); console.log('wrote'); } catch (e) { console.log('write', e.code); }
      })();`;
    const options = { Entrypoint: ['/bin/node', '-e', script], User: '13622:13622' };
    await daemon.manage('PUT', '/modules/inside?start=true', specOf('inside', options));
    const text = await until('the script ended', async () => {
      const logs = await daemon.manage('GET', '/modules/inside/logs');
      return logs.bytes.includes('write') && logs.bytes.toString();
    });
    expect(text).toMatch(/sign 200 \{"digest"/);
    expect(text).toMatch(/other 403/);
    expect(text).toMatch(/management ENOENT/);
    expect(text).toMatch(/write E(ROFS|ACCES)/);
    await daemon.manage('DELETE', '/modules/inside');
  });
});

describe('identities', () => {
  test('create, list, update, delete reach the cloud', async () => {
    const created = await daemon.manage('POST', '/identities', { moduleId: 'id1', managedBy: 'IotEdge' });
    expect(created.status).toBe(200);
    expect(created.json).toEqual({
      moduleId: 'id1',
      managedBy: 'IotEdge',
      generationId: cloud.modules.get('id1')?.generationId,
      authType: 'sas',
    });
    const listed = await daemon.manage('GET', '/identities/');
    expect(listed.json.identities).toContainEqual(created.json);
    expect((await daemon.manage('PUT', '/identities/id1', { moduleId: 'id1', managedBy: 'me' })).json.managedBy).toBe(
      'me',
    );
    expect(cloud.modules.get('id1')?.managedBy).toBe('me');
    expect((await daemon.manage('DELETE', '/identities/id1')).status).toBe(204);
    expect(cloud.modules.has('id1')).toBe(false);
    expect((await daemon.manage('PUT', '/identities/id1', { managedBy: 'me' })).status).toBe(404);
    expect((await daemon.manage('POST', '/identities', { moduleId: 'a/b' })).status).toBe(400);
  });

  test('keys that the cloud changed are registered again', async () => {
    await daemon.manage('POST', '/identities', { moduleId: 'id2' });
    const row = cloud.modules.get('id2');
    const wanted = structuredClone(row?.authentication);
    if (row) row.authentication = { type: 'sas', symmetricKey: { primaryKey: 'AAAA', secondaryKey: 'AAAA' } };
    await daemon.manage('GET', '/identities');
    await until('the keys are back', async () => {
      expect(cloud.modules.get('id2')?.authentication).toEqual(wanted);
      return true;
    });
  });

  test('a cloud that is away: the list comes from the cache, creating is a clear error', async () => {
    const before = (await daemon.manage('GET', '/identities')).json;
    cloud.failWith = 0;
    try {
      const listed = await daemon.manage('GET', '/identities');
      expect([listed.status, listed.json]).toEqual([200, before]);
      const startMs = Date.now();
      await daemon.manage('GET', '/identities');
      expect(Date.now() - startMs).toBeLessThan(500);
      const created = await daemon.manage('POST', '/identities', { moduleId: 'offline' });
      expect(created.status).toBe(503);
      expect(created.json.message).toMatch(/Cannot reach the cloud at localhost/);
      expect((await daemon.manage('POST', '/modules', specOf('offline'))).status).toBe(503);
    } finally {
      cloud.failWith = undefined;
    }
  });
});

describe('system', () => {
  test('systeminfo and resources', async () => {
    const info = (await daemon.manage('GET', '/systeminfo')).json;
    expect(info).toMatchObject({ osType: 'linux', provisioning: { dynamicReprovisioning: false } });
    expect(info.total_memory).toBeGreaterThan(1e8);
    const resources = (await daemon.manage('GET', '/systeminfo/resources')).json;
    expect(resources.used_ram).toBeLessThan(resources.total_ram);
    expect(resources.disks.length).toBeGreaterThan(0);
    const stats = JSON.parse(resources.docker_stats) as { name: string; cpu_stats: object }[];
    expect(stats.map(({ name }) => name)).toContain(`/${INSTANCE}-edgeAgent`);
  });

  test('support bundle is a zip with inspect documents, logs and the network, without secrets', async () => {
    await daemon.manage(
      'PUT',
      '/modules/secretive?start=true',
      specOf('secretive', { Cmd: ['echo hello; exec sleep 1000'], Env: ['DB_PASSWORD=hunter2'] }),
    );
    const answer = await daemon.manage('GET', '/systeminfo/supportbundle?since=1h');
    expect(answer.status).toBe(200);
    const entries = await unzip(answer.bytes);
    expect([...entries.keys()]).toEqual(
      expect.arrayContaining([
        'inspect/edgeAgent.json',
        'logs/edgeAgent_log.txt',
        'inspect/secretive.json',
        'logs/secretive_log.txt',
        `network/azure-iot-edge-${INSTANCE}.json`,
      ]),
    );
    expect(entries.get('logs/secretive_log.txt')).toMatch(/Z hello\n/);
    expect([...entries.values()].join('')).not.toContain('hunter2');
    const system = await unzip((await daemon.manage('GET', '/systeminfo/supportbundle?edge_runtime_only=true')).bytes);
    expect([...system.keys()].join()).not.toContain('secretive');
    await daemon.manage('DELETE', '/modules/secretive');
  });
});

describe('restarts', () => {
  test('a restarted daemon leaves modules running and their sockets work again, also without the cloud', async () => {
    await daemon.manage('PUT', '/modules/keeper?start=true', specOf('keeper'));
    const sign = () => call(daemon.workloadSocket('keeper'), 'POST', '/modules/keeper/genid/1/sign', { data: 'YQ==' });
    const before = await sign();
    const startedAt = (await containerOf('keeper').inspect()).State.StartedAt;
    const agentStartedAt = (await containerOf('edgeAgent').inspect()).State.StartedAt;
    const directory = await stat(join(daemon.directory, 'run', 'workload', 'keeper'));
    await cloud.stop();

    expect(await daemon.stop()).toBe(0);
    expect(await running('keeper')).toBe(true);
    await daemon.start();
    expect((await sign()).json).toEqual(before.json);
    expect((await stat(join(daemon.directory, 'run', 'workload', 'keeper'))).ino).toBe(directory.ino);

    await daemon.stop('SIGKILL');
    await daemon.start();
    expect((await sign()).json).toEqual(before.json);
    expect((await containerOf('keeper').inspect()).State.StartedAt).toBe(startedAt);
    expect((await containerOf('edgeAgent').inspect()).State.StartedAt).toBe(agentStartedAt);

    // A container that went away is made again from local state.
    await containerOf('edgeAgent').remove({ force: true });
    await until('edgeAgent is back without the cloud', () => running('edgeAgent'));
    expect((await daemon.manage('PUT', '/modules/keeper?start=true', specOf('keeper'))).status).toBe(201);
    await cloud.start(cloud.port);
    await daemon.manage('DELETE', '/modules/keeper');
  });

  test('edgeAgent that is killed, stopped or removed comes back', async () => {
    for (const blow of [
      () => containerOf('edgeAgent').kill(),
      () => daemon.manage('POST', '/modules/edgeAgent/stop'),
      () => containerOf('edgeAgent').remove({ force: true }),
    ]) {
      const before = (await containerOf('edgeAgent').inspect()).State.StartedAt;
      await blow();
      await until(
        'edgeAgent runs again',
        async () => {
          const { State } = await containerOf('edgeAgent').inspect();
          return State.Running && State.StartedAt !== before;
        },
        40_000,
      );
    }
  });

  test('an update of edgeAgent is answered first, survives container and daemon', async () => {
    const update = specOf('edgeAgent', { Labels: { 'net.azure-devices.edge.version': '2' } }, [
      { key: 'NEW', value: 'yes' },
    ]);
    const answer = await daemon.manage('PUT', '/modules/edgeAgent', update);
    expect(answer.status).toBe(201);
    const hasNew = async () => {
      const { Config, State } = await containerOf('edgeAgent').inspect();
      return State.Running && Config.Env.includes('NEW=yes') && Config.Env.includes('RuntimeLogLevel=debug');
    };
    await until('the new edgeAgent runs', hasNew);
    await daemon.stop();
    await containerOf('edgeAgent').remove({ force: true });
    await daemon.start();
    await until('the new edgeAgent runs after both went', hasNew);
  });
});

test('with another host name the modules of the old one are removed and edgeAgent is made anew', async () => {
  await daemon.manage('PUT', '/modules/old?start=true', specOf('old'));
  await daemon.stop();
  await daemon.configure((await daemon.configuration()).replace('hostname = "node1"', 'hostname = "node2"'));
  await daemon.start();
  await expect(containerOf('old').inspect()).rejects.toMatchObject({ statusCode: 404 });
  await until('edgeAgent has the new host name', async () =>
    (await containerOf('edgeAgent').inspect()).Config.Env.includes('EdgeDeviceHostName=node2'),
  );
  await daemon.stop();
  await daemon.start();
  await until('edgeAgent runs under its new name', () => running('edgeAgent'));
});

test('listing modules is quick', async () => {
  await Promise.all(
    [1, 2, 3, 4].map((n) => daemon.manage('PUT', `/modules/quick${n}?start=true`, specOf(`quick${n}`))),
  );
  const times: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    const startMs = performance.now();
    expect((await daemon.manage('GET', '/modules')).json.modules).toHaveLength(5);
    times.push(performance.now() - startMs);
  }
  times.sort((a, b) => a - b);
  process.stderr.write(`GET /modules with 5 modules: median ${times[10]?.toFixed(1)} ms\n`);
  expect(times[10]).toBeLessThan(250);
});

test('secrets are in no log line', async () => {
  expect(daemon.log).not.toContain(cloud.deviceKey);
  const keys = JSON.parse(await readFile(join(daemon.directory, 'var', 'daemon', 'keys.json'), 'utf8'));
  expect(daemon.log).not.toContain(keys.identity);
});

function framesOf(bytes: Buffer): [number, string][] {
  const frames: [number, string][] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    frames.push([bytes[at] as number, bytes.subarray(at + 8, at + 8 + length).toString()]);
    at += 8 + length;
  }
  return frames;
}

async function unzip(bytes: Buffer): Promise<Map<string, string>> {
  const { default: yauzl } = await import('yauzl');
  const entries = new Map<string, string>();
  await new Promise<void>((resolve, reject) => {
    yauzl.fromBuffer(bytes, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error);
      zip.on('entry', (entry) => {
        zip.openReadStream(entry, (failed, stream) => {
          if (failed) return reject(failed);
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.on('end', () => {
            entries.set(entry.fileName, Buffer.concat(chunks).toString());
            zip.readEntry();
          });
        });
      });
      zip.on('end', () => resolve());
      zip.readEntry();
    });
  });
  return entries;
}
