import { readFileSync } from 'node:fs';
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
