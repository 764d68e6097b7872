// Mosquitto's command line clients against the front end: a client that is neither ours nor the Azure SDK.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { HUB_HOST, tokenFor, until } from './memory-host.ts';
import { type ServedGateway, serveGateway } from './served-gateway.ts';

const CLIENT_TIMEOUT_MS = 15_000;
/** CONNACK "not authorised" as mosquitto's clients end with it. */
const EXIT_NOT_AUTHORISED = 5;

let served: ServedGateway;
let directory: string;
beforeEach(async () => {
  served = await serveGateway();
  directory = await mkdtemp(join(tmpdir(), 'wayside-mosquitto-'));
  await writeFile(join(directory, 'ca.pem'), served.ca.pem);
});
afterEach(async () => {
  await served.close();
  await rm(directory, { recursive: true });
});

interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
}

function mosquitto(program: string, args: string[], password = tokenFor('d1')): Promise<Ran> {
  const connection = ['-V', 'mqttv311', '-h', 'localhost', '-p', String(served.listener.port)];
  const trust = ['--cafile', join(directory, 'ca.pem')];
  const identity = ['-i', 'd1', '-u', `${HUB_HOST}/d1/?api-version=2021-04-12`, '-P', password];
  return new Promise((resolve) => {
    execFile(
      program,
      [...connection, ...trust, ...identity, ...args],
      { timeout: CLIENT_TIMEOUT_MS },
      (error, stdout, stderr) =>
        resolve({
          exitCode: error === null ? 0 : Number(error.code ?? -1),
          stdout: String(stdout),
          stderr: String(stderr),
        }),
    );
  });
}

test('mosquitto_pub: a QoS 1 message is stored with its properties before the client ends', async () => {
  const topic = 'devices/d1/messages/events/%24.ct=application%2Fjson&colour=deep%20blue';
  const ran = await mosquitto('mosquitto_pub', ['-q', '1', '-t', topic, '-m', '{"n":1}']);
  expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
  expect(served.host.messages).toHaveLength(1);
  const [message] = served.host.messages;
  expect(message!.body.toString()).toBe('{"n":1}');
  expect(message!.properties).toEqual({ system: { contentType: 'application/json' }, app: { colour: 'deep blue' } });
});

test('mosquitto_pub: a wrong key is refused with "not authorised"', async () => {
  const password = tokenFor('d1', 3600, Buffer.from('another key').toString('base64'));
  const ran = await mosquitto('mosquitto_pub', ['-q', '1', '-t', 'devices/d1/messages/events/', '-m', 'x'], password);
  expect(ran.exitCode).toBe(EXIT_NOT_AUTHORISED);
  expect(served.host.messages).toEqual([]);
});

test('mosquitto_sub: a desired patch reaches its subscription', async () => {
  const filter = '$iothub/twin/PATCH/properties/desired/#';
  const subscriber = mosquitto('mosquitto_sub', ['-t', filter, '-C', '1', '-W', '10', '-F', '%t %p']);
  await until(() => served.host.subscribedInfos.length > 0, 'the subscription');
  expect(served.gateway.desired({ deviceId: 'd1' }, { colour: 'blue' }, 4)).toBe(true);
  const ran = await subscriber;
  expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
  const [topic, body] = ran.stdout.trim().split(' ');
  expect(topic).toBe('$iothub/twin/PATCH/properties/desired/?$version=4');
  expect(JSON.parse(body!)).toEqual({ colour: 'blue', $version: 4 });
});
