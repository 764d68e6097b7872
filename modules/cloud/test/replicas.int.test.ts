import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { MqttClient } from 'mqtt';
import { startBalancer } from './balancer.ts';
import { until } from './cloud-under-test.ts';
import { PostgresServer } from './postgres-server.ts';
import { ReplicaProcess } from './replica-process.ts';

// Whole processes on a machine that does other things as well.
jest.setTimeout(240_000);

/** AMQP 1.0, security layers (5.3.1): a server answers this header with its own. */
const SASL_HEADER = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1');

let postgres: PostgresServer;
let databaseUrl: string;
let a: ReplicaProcess;
let b: ReplicaProcess;
const stateDir = mkdtempSync(join(tmpdir(), 'wayside-replicas-'));
const clients: MqttClient[] = [];

function speaksAmqp(port: number, ca: string): Promise<boolean> {
  const answer = Promise.withResolvers<boolean>();
  const socket = connectTls({ host: 'localhost', port, ca }, () => socket.write(SASL_HEADER));
  socket.once('data', (bytes: Buffer) => answer.resolve(bytes.subarray(0, SASL_HEADER.length).equals(SASL_HEADER)));
  socket.on('error', () => answer.resolve(false));
  socket.on('close', () => answer.resolve(false));
  return answer.promise.finally(() => socket.destroy());
}

beforeAll(async () => {
  postgres = await PostgresServer.start();
  databaseUrl = await postgres.createDatabase();
  // Both at once: they migrate, make CA, secrets and the first user.
  [a, b] = await Promise.all([
    ReplicaProcess.start(databaseUrl, stateDir),
    ReplicaProcess.start(databaseUrl, stateDir),
  ]);
  const token = await a.login();
  a.useToken(token);
  b.useToken(token);
});

afterAll(async () => {
  for (const client of clients) client.end(true);
  await Promise.all([a?.stop('SIGKILL'), b?.stop('SIGKILL')]);
  await postgres?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

async function connect(replica: ReplicaProcess, deviceId: string, moduleId?: string): Promise<MqttClient> {
  const key = await replica.keyOf(deviceId, moduleId);
  const client = await replica.connect(deviceId, key, moduleId);
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

async function aDevice(deviceId: string): Promise<void> {
  expect((await a.hub('PUT', `/devices/${deviceId}`, { deviceId })).status).toBe(200);
}

/** Answers every method with its own name. */
async function answerMethods(client: MqttClient): Promise<void> {
  client.on('message', (topic) => {
    const call = /^\$iothub\/methods\/POST\/(\w+)\/\?\$rid=(.+)$/.exec(topic);
    if (call) client.publish(`$iothub/methods/res/200/?$rid=${call[2]}`, JSON.stringify({ answered: call[1] }));
  });
  await client.subscribeAsync('$iothub/methods/POST/#', { qos: 0 });
}

const call = (replica: ReplicaProcess, deviceId: string, connectTimeoutInSeconds = 0) =>
  replica.hub('POST', `/twins/${deviceId}/methods`, {
    ...{ methodName: 'ping', payload: {}, responseTimeoutInSeconds: 30, connectTimeoutInSeconds },
  });

describe('two replicas over one PostgreSQL', () => {
  test('a direct method reaches a device that is connected to the other replica', async () => {
    await aDevice('method');
    await answerMethods(await connect(a, 'method'));
    const answered = { status: 200, body: { status: 200, payload: { answered: 'ping' } } };
    expect(await call(b, 'method')).toEqual(answered);
    expect(await call(a, 'method')).toEqual(answered);
  });

  test('a call waits on one replica until the device connects to the other; without a wait it is refused', async () => {
    await aDevice('later');
    expect((await call(b, 'later')).status).toBe(404);
    const waiting = call(b, 'later', 120);
    await answerMethods(await connect(a, 'later'));
    expect((await waiting).body).toEqual({ status: 200, payload: { answered: 'ping' } });
  });

  test('desired patches of both replicas reach the device, each once and in order', async () => {
    await aDevice('patched');
    const client = await connect(a, 'patched');
    const versions: number[] = [];
    const values: unknown[] = [];
    client.on('message', (topic, payload) => {
      if (!topic.startsWith('$iothub/twin/PATCH/properties/desired/')) return;
      const patch = JSON.parse(payload.toString());
      versions.push(patch.$version);
      values.push(patch.n);
    });
    await client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#', { qos: 0 });
    for (let n = 0; n < 10; n += 1) {
      await (n % 2 === 0 ? b : a).hub('PATCH', '/twins/patched', { properties: { desired: { n } } });
    }
    await until('ten patches', async () => versions.length >= 10);
    expect(values).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(versions).toEqual(versions.toSorted((x, y) => x - y));
    expect(new Set(versions).size).toBe(10);
  });

  test('a connection at one replica ends the one of the same identity at the other', async () => {
    await aDevice('taken');
    const older = await connect(a, 'taken');
    const closed = new Promise<void>((resolve) => older.once('close', () => resolve()));
    const newer = await connect(b, 'taken');
    await closed;
    await newer.publishAsync('devices/taken/messages/events/', 'still here', { qos: 1 });
    expect((await a.hub('GET', '/devices/taken')).body.connectionState).toBe('Connected');
    newer.end(true);
    await until('disconnected, as the other replica shows it', async () => {
      return (await a.hub('GET', '/devices/taken')).body.connectionState === 'Disconnected';
    });
  });

  test('a device that is disabled at one replica loses its connection at the other', async () => {
    await aDevice('disabled');
    const client = await connect(a, 'disabled');
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    const { body } = await b.hub('GET', '/devices/disabled');
    expect((await b.hub('PUT', '/devices/disabled', { ...body, status: 'disabled' }, '*')).status).toBe(200);
    await closed;
    await expect(connect(b, 'disabled')).rejects.toThrow(/[Nn]ot authorized/);
  });

  test('nodes, prefixes, accounts and events of one replica are known to the other', async () => {
    const [seenByA, seenByB] = [a.events(), b.events()];
    await Promise.all([seenByA.opened, seenByB.opened]);
    const node = {
      name: 'edge1',
      ipAddress: '127.0.0.1',
      drives: [{ path: '/d', sizeGb: 10 }],
      cidrs: ['20.1.0.0/16'],
    };
    const { customerId } = (await a.api('GET', '/accounts')).body.accounts[0];
    expect((await b.api('PATCH', `/accounts/${customerId}`, { privatePrefixes: true })).status).toBe(200);
    await until('the account at the other replica', async () => {
      return (await a.api('GET', '/accounts')).body.accounts[0].privatePrefixes === true;
    });
    expect((await a.api('POST', '/nodes', node)).status).toBe(201);
    for (const replica of [a, b]) {
      await until('the prefix in force', async () => {
        return (await replica.api('GET', '/routing/lookup?ip=20.1.2.3')).body.steps?.length === 1;
      });
    }
    expect((await b.api('PATCH', '/nodes/edge1', { cidrs: ['20.2.0.0/16'] })).status).toBe(200);
    for (const replica of [a, b]) {
      await until('the other prefix in force, the first one gone', async () => {
        const [first, other] = await Promise.all(
          ['20.1.2.3', '20.2.2.3'].map((ip) => replica.api('GET', `/routing/lookup?ip=${ip}`)),
        );
        return first?.body.steps.length === 0 && other?.body.steps.length === 1;
      });
    }
    const timeline = (await a.api('GET', '/nodes/edge1/timeline?limit=100')).body.events.map(
      (event: { seq: number }) => event.seq,
    );
    for (const seen of [seenByA, seenByB]) {
      await until('all events', async () => timeline.every((seq: number) => seen.seqs.includes(seq)));
      expect(seen.seqs).toEqual([...new Set(seen.seqs)].sort((x, y) => x - y));
      seen.stop();
    }
  });
});

describe('a replica that is killed', () => {
  test('loses nothing that it acknowledged; its devices and its work go on at the other', async () => {
    await aDevice('survivor');
    await aDevice('orphan');
    const key = await a.keyOf('survivor');
    await connect(a, 'orphan');
    const first = await connect(a, 'survivor');
    const acknowledged: number[] = [];
    let isOver = false;
    void (async () => {
      for (let n = 0; !isOver; n += 1) {
        await first.publishAsync('devices/survivor/messages/events/', `${n}`, { qos: 1 });
        acknowledged.push(n);
      }
    })().catch(() => undefined);
    await until('messages on their way', async () => acknowledged.length >= 200);
    await a.stop('SIGKILL');
    isOver = true;
    first.end(true);
    const second = await b.connect('survivor', key);
    clients.push(second);
    await second.publishAsync('devices/survivor/messages/events/', 'after', { qos: 1 });
    const stored = new Set(await bodiesOf(b, 'survivor'));
    expect(acknowledged.filter((n) => !stored.has(`${n}`))).toEqual([]);
    expect(stored.has('after')).toBe(true);
    await until('the orphan is shown as disconnected', async () => {
      return (await b.hub('GET', '/devices/orphan')).body.connectionState === 'Disconnected';
    });
    expect((await b.hub('GET', '/devices/survivor')).body.connectionState).toBe('Connected');
    await until('the other replica leads', async () => b.output.includes('This replica leads'));
  });

  test('a new one joins, leads nothing and serves at once', async () => {
    a = await ReplicaProcess.start(databaseUrl, stateDir);
    a.useToken(await b.login());
    expect((await a.api('GET', '/routing/lookup?ip=20.2.2.3')).body.steps).toHaveLength(1);
    await answerMethods(await connect(a, 'method'));
    expect((await call(b, 'method')).body).toEqual({ status: 200, payload: { answered: 'ping' } });
    expect(a.output).not.toContain('This replica leads');
  });

  test('a replica with another state folder is refused: it would be a second cloud', async () => {
    const other = mkdtempSync(join(tmpdir(), 'wayside-replicas-other-'));
    copyFileSync(join(stateDir, 'master-key'), join(other, 'master-key'));
    await expect(ReplicaProcess.start(databaseUrl, other)).rejects.toThrow('CLOUD_STATE_NOT_SHARED');
    rmSync(other, { recursive: true, force: true });
  });

  test('behind the balancer of the compose file a device finds a replica that is up', async () => {
    const balancer = await startBalancer(stateDir, [a, b]);
    try {
      await aDevice('balanced');
      const key = await b.keyOf('balanced');
      const reach = async () => {
        expect(balancer.failure).toBeUndefined();
        const client = await b.connect('balanced', key, undefined, balancer.mqttPort).catch(() => undefined);
        if (!client) return undefined;
        clients.push(client);
        client.on('error', () => undefined);
        await client.publishAsync('devices/balanced/messages/events/', 'x', { qos: 1 });
        return client;
      };
      const first = await until('a connection through the balancer', reach);
      first.end(true);
      await until('AMQP through the balancer', () => speaksAmqp(balancer.amqpPort, b.ca));
      await a.stop('SIGKILL');
      for (let n = 0; n < 3; n += 1) (await until('a connection while one replica is away', reach)).end(true);
    } finally {
      await balancer.stop();
    }
    a = await ReplicaProcess.start(databaseUrl, stateDir);
    a.useToken(await b.login());
    await connect(a, 'method');
  });

  test('an orderly end leaves nobody connected and no secret in the log', async () => {
    await a.stop();
    await until('disconnected', async () => {
      return (await b.hub('GET', '/devices/method')).body.connectionState === 'Disconnected';
    });
    expect(`${a.output}${b.output}`).not.toContain(databaseUrl);
  });
});

async function bodiesOf(replica: ReplicaProcess, deviceId: string): Promise<string[]> {
  const bodies: string[] = [];
  for (let after = 0; ; ) {
    const page = (await replica.telemetry(deviceId, after)) as { seq: number; body: string }[];
    bodies.push(...page.map((message) => message.body));
    const last = page.at(-1);
    if (!last) return bodies;
    after = last.seq;
  }
}
