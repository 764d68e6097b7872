import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '@wayside/kit';
import { cloudNames, loadCloudConfig } from './config.ts';

function problemsOf(env: { [name: string]: string }): string[] {
  try {
    loadCloudConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.path);
    throw error;
  }
}

describe('loadCloudConfig()', () => {
  test('has a default for everything', () => {
    const config = loadCloudConfig({});
    expect(config).toMatchObject({ hostname: 'wayside-cloud', httpsPort: 8443, mqttPort: 8883, publicHttpsPort: 443 });
    expect(config.imageTag).toMatch(/^\d+\.\d+\.\d+/);
    expect(readFileSync(config.installScript, 'utf8')).toMatch(/^#!/);
  });

  test('reads the environment', () => {
    const config = loadCloudConfig({
      WAYSIDE_CLOUD_HOSTNAME: 'Cloud.example',
      WAYSIDE_CLOUD_ALT_NAMES: 'node7, 192.0.2.1,localhost',
      WAYSIDE_CLOUD_PUBLIC_HTTPS_PORT: '8443',
      WAYSIDE_VERSION: '9.9.9',
    });
    expect(config).toMatchObject({ publicHttpsPort: 8443, imageTag: '9.9.9' });
    expect(cloudNames(config)).toEqual(['cloud.example', 'node7', '192.0.2.1', 'localhost', '127.0.0.1']);
  });

  test('takes the URL of a database, itself or from a file, as a secret', () => {
    const url = 'postgres://wayside:hush@db:5432/wayside';
    const folder = mkdtempSync(join(tmpdir(), 'wayside-config-'));
    const file = join(folder, 'url');
    writeFileSync(file, `${url}\n`);
    const good: { [name: string]: string }[] = [
      { WAYSIDE_CLOUD_DATABASE_URL: url },
      { WAYSIDE_CLOUD_DATABASE_URL_FILE: file },
    ];
    for (const env of good) {
      const { databaseUrl } = loadCloudConfig(env);
      expect([databaseUrl?.reveal(), String(databaseUrl)]).toEqual([url, '[secret]']);
    }
    writeFileSync(file, 'mysql://wayside:hush@db/wayside');
    const bad: { [name: string]: string }[] = [
      { WAYSIDE_CLOUD_DATABASE_URL: 'mysql://wayside:hush@db/wayside' },
      { WAYSIDE_CLOUD_DATABASE_URL_FILE: file },
      { WAYSIDE_CLOUD_DATABASE_URL_FILE: join(folder, 'missing') },
    ];
    for (const env of bad) {
      expect(problemsOf(env)).toEqual([expect.stringContaining('databaseUrl')]);
      expect(() => loadCloudConfig(env)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('hush') }),
      );
    }
    expect(loadCloudConfig({}).databaseUrl).toBeUndefined();
    rmSync(folder, { recursive: true });
  });

  test('names every problem at once', () => {
    const problems = problemsOf({
      WAYSIDE_CLOUD_HOSTNAME: 'not a host',
      WAYSIDE_CLOUD_ALT_NAMES: 'good,bad name',
      WAYSIDE_CLOUD_PUBLIC_MQTT_PORT: '70000',
      WAYSIDE_CLOUD_LISTEN_HTTPS_PORT: 'https',
      WAYSIDE_IMAGE_PREFIX: 'no-slash',
      WAYSIDE_CLOUD_LOG_LEVEL: 'loud',
    });
    const wanted = [
      'hostname',
      'altNames',
      'publicMqttPort',
      'WAYSIDE_CLOUD_LISTEN_HTTPS_PORT',
      'imagePrefix',
      'logLevel',
    ];
    for (const name of wanted) expect([name, problems.some((path) => path.includes(name))]).toEqual([name, true]);
  });
});
