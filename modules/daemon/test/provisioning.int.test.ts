// Provisioning by registration key over real HTTPS, and configurations that are wrong.

import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import Docker from 'dockerode';
import { CloudDouble } from './cloud-double.ts';
import { DaemonProcess, until } from './daemon-process.ts';

jest.setTimeout(40_000);

const INSTANCE = `dp-${randomBytes(4).toString('hex')}`;
const docker = new Docker({ socketPath: '/var/run/docker.sock' });
let cloud: CloudDouble;
let daemon: DaemonProcess;

beforeEach(async () => {
  cloud = new CloudDouble();
  // No such image: edgeAgent itself is another test's matter.
  cloud.agentImage = 'wayside-none:1';
  await cloud.start();
  daemon = await DaemonProcess.prepare();
  await daemon.file('upstream-ca.pem', cloud.caPem);
});
afterEach(async () => {
  await daemon.remove();
  await cloud.stop();
  const networks = await docker.listNetworks({ filters: { label: [`io.wayside.instance=${INSTANCE}`] } });
  await Promise.all(networks.map(({ Id }) => docker.getNetwork(Id).remove()));
});

const registration = (key = 'once') => `
hostname = "node1"
instance = "${INSTANCE}"
cloud_timeout_sec = 2
[provisioning]
source = "registration"
cloud_url = "https://localhost:${cloud.port}"
customer_id = "customer"
cache_node_id = "cache-node"
customer_key = "customer-key-secret"
registration_key = "${key}"
[upstream]
ca_cert = "file://${join(daemon.directory, 'etc', 'upstream-ca.pem')}"
[agent]
imagePullPolicy = "never"
`;
const identityFile = () => join(daemon.directory, 'var', 'daemon', 'identity.json');

describe('registration', () => {
  test('asks until the cloud answers, saves the identity, never asks again', async () => {
    cloud.failWith = 503;
    await daemon.configure(registration());
    daemon.spawn();
    await until('two tries were made', async () => cloud.calls.length >= 2);
    await expect(stat(identityFile())).rejects.toThrow(/ENOENT/);
    cloud.failWith = undefined;
    await until('the management API is up', async () => (await daemon.manage('GET', '/systeminfo')).status === 200);
    expect(cloud.registrations).toHaveLength(1);
    expect(cloud.registrations[0]).toMatchObject({
      customerId: 'customer',
      cacheNodeId: 'cache-node',
      hostname: 'node1',
    });
    expect(Buffer.from(cloud.registrations[0]?.nonce ?? '', 'base64')).toHaveLength(32);
    expect((await stat(identityFile())).mode & 0o777).toBe(0o600);
    await until(
      'edgeAgent has its identity',
      async () => cloud.modules.get('$edgeAgent')?.authentication.type === 'sas',
    );

    await daemon.stop();
    await cloud.stop();
    await daemon.start();
    const info = (await daemon.manage('GET', '/systeminfo')).json;
    expect(info.additional_info).toMatchObject({ deviceId: 'node1', iothubHostname: 'localhost' });
    expect(info.provisioning.type).toBe('registration');
    expect(daemon.log).not.toMatch(/customer-key-secret|registrationKey|AwMDAwMD/);
  });

  test('an answer that got lost is asked for again with the same nonce', async () => {
    await daemon.configure(registration());
    await daemon.start();
    await daemon.stop();
    const { rm } = await import('node:fs/promises');
    await rm(identityFile());
    await daemon.start();
    expect(cloud.registrations).toHaveLength(2);
    expect(cloud.registrations[1]?.nonce).toBe(cloud.registrations[0]?.nonce);
  });

  test.each(['wrong', 'used'])('a key that is %s ends with 153 after one call and one clear line', async (how) => {
    if (how === 'used') {
      const other = await DaemonProcess.prepare();
      await other.file('upstream-ca.pem', cloud.caPem);
      await other.configure(registration());
      await other.start();
      await other.remove();
    }
    const before = cloud.registrations.length;
    await daemon.configure(registration(how === 'wrong' ? 'not-it' : 'once'));
    daemon.spawn();
    expect(await daemon.ended()).toBe(153);
    expect(cloud.registrations.length - before).toBe(1);
    expect(daemon.log).toMatch(/provisioning\.registration_key: was refused by https:\/\/localhost:\d+/);
    expect(daemon.log).toContain(how === 'wrong' ? 'CLOUD_REGISTRATION_KEY_WRONG' : 'CLOUD_REGISTRATION_KEY_USED');
    await expect(stat(identityFile())).rejects.toThrow(/ENOENT/);
  });

  test('a cloud with another CA is not talked to', async () => {
    const stranger = new CloudDouble();
    await stranger.start();
    await daemon.file('upstream-ca.pem', stranger.caPem);
    await daemon.configure(registration());
    daemon.spawn();
    await until('the failure is told', async () => daemon.log.includes('Registration failed'));
    expect(cloud.registrations).toHaveLength(0);
    expect(daemon.log).toMatch(/certificate/i);
    await stranger.stop();
  });
});

describe('reprovisioning', () => {
  test('with the same identity registers the module keys again and stops nothing', async () => {
    await daemon.configure(registration());
    await daemon.start();
    await daemon.manage('POST', '/identities', { moduleId: 'm' });
    const keys = structuredClone(cloud.modules.get('m')?.authentication);
    const row = cloud.modules.get('m');
    if (row) row.authentication = { type: 'none' };
    expect((await daemon.manage('POST', '/device/reprovision')).status).toBe(204);
    await until(
      'the keys are back',
      async () => JSON.stringify(cloud.modules.get('m')?.authentication) === JSON.stringify(keys),
    );
    expect(cloud.registrations).toHaveLength(2);
    expect((await daemon.manage('POST', '/device/reprovision')).status).toBe(204);
    expect((await daemon.manage('GET', '/systeminfo')).status).toBe(200);
    expect(cloud.registrations).toHaveLength(2);
  });
});

test('a wrong configuration names every problem and ends with 153', async () => {
  await daemon.configure('hostname = "a b"\nunknown = 1\n[provisioning]\nsource = "dps"\n');
  daemon.spawn();
  expect(await daemon.ended()).toBe(153);
  expect(daemon.log).toMatch(/hostname: is "a b"/);
  expect(daemon.log).toMatch(/unknown: is no known setting/);
  expect(await readFile(join(daemon.directory, 'etc', 'config.toml'), 'utf8')).toContain('dps');
});

test('a missing configuration ends with 153', async () => {
  daemon.spawn();
  expect(await daemon.ended()).toBe(153);
  expect(daemon.log).toMatch(/config\.toml: cannot be read \(ENOENT\)/);
});
