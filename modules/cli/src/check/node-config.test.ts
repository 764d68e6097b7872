import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError } from '@wayside/kit';
import { hostNameOf, networkName, readNodeConfig } from './node-config.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-cli-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function read(text: string): ReturnType<typeof readNodeConfig> {
  const file = join(directory, 'config.toml');
  await writeFile(file, text);
  return readNodeConfig(file);
}

const MANUAL =
  'hostname = "n"\n[provisioning]\nsource = "manual"\nconnection_string = "HostName=h;DeviceId=d;SharedAccessKey=a2V5"\n';

describe('readNodeConfig()', () => {
  test('fills in the defaults and leaves foreign keys to the daemon', async () => {
    const config = await read(`${MANUAL}[watchdog]\nmax_retries = "infinite"\n`);
    expect(config.upstream).toEqual({ mqtt_port: 8883, https_port: 443 });
    expect(config.dns).toEqual({ servers: [], hosts: [] });
    expect(networkName(config)).toBe('azure-iot-edge');
    expect(JSON.stringify(config)).not.toContain('a2V5');
    expect(hostNameOf(config.provisioning.connection_string!.reveal())).toBe('h');
  });

  test('names the network by instance, or as the file says', async () => {
    expect(networkName(await read(`instance = "x"\n${MANUAL}`))).toBe('azure-iot-edge-x');
    expect(networkName(await read(`${MANUAL}[moby_runtime]\nnetwork = "n1"\n`))).toBe('n1');
    expect(networkName(await read(`${MANUAL}[moby_runtime.network]\nname = "n2"\n`))).toBe('n2');
  });

  test('names every problem at once', async () => {
    const text =
      '[provisioning]\nsource = "registration"\ncloud_url = "ftp://x"\n[upstream]\nmqtt_port = 0\n[dns]\nservers = ["no"]\n';
    const error = await read(text).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    const paths = (error as ConfigError).problems.map((p) => p.path);
    for (const path of [
      'hostname',
      'provisioning.cloud_url',
      'provisioning.customer_id',
      'upstream.mqtt_port',
      'dns.servers.0',
    ])
      expect(paths).toContain(path);
  });

  test('manual provisioning needs a connection string or host and device', async () => {
    await expect(read('hostname = "n"\n[provisioning]\nsource = "manual"\n')).rejects.toThrow(
      /iothub_hostname: is missing/,
    );
  });

  test('bad TOML is told with its line', async () => {
    await expect(read('hostname = \n')).rejects.toThrow(/line 1/);
  });
});
