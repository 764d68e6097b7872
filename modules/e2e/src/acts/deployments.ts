// Act 3: the cloud changes what runs: by our command line, by the azure-iothub package; and refuses what is wrong.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { azureRegistry } from '../azure-registry.ts';
import { mustWayside, until, wayside } from '../commands.ts';
import { listed, monitor, untilRunning } from '../node.ts';
import { NODE, QUICKSTART_MANIFEST, SENSOR_MANIFEST } from '../settings.ts';

export const BASE_MODULES = ['MCC', 'edgeAgent', 'edgeHub'];
export const WITH_SENSOR = [...BASE_MODULES, 'sensor'];
/** Images are there: a manifest is in force within this. */
const APPLY_SECS_MAX = 60;

type Manifest = { modulesContent: { [module: string]: { 'properties.desired': { [key: string]: unknown } } } };

export async function readManifest(file: string): Promise<Manifest> {
  return JSON.parse(await readFile(file, 'utf8')) as Manifest;
}

/** Deploys a manifest object by our command line; `--wait` returns when the node runs it. */
export async function deployObject(manifest: unknown): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'wayside-e2e-'));
  const file = join(directory, 'manifest.json');
  await writeFile(file, JSON.stringify(manifest));
  await mustWayside('deploy', NODE, file, '--wait').finally(() => rm(directory, { recursive: true }));
}

export interface SensorMessage {
  seq: number;
  moduleId: string;
  body: { sequence: number; run: string; temperature: number; atUtc: string };
}

export async function sensorMessages(since: Date): Promise<SensorMessage[]> {
  const { stdout } = await mustWayside(
    'messages',
    NODE,
    '--module',
    'sensor',
    '--since',
    since.toISOString(),
    '--limit',
    '100000',
    '--json',
  );
  return stdout
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SensorMessage);
}

export function deployments(): void {
  test('with-sensor.json: the sensor runs and its messages are read back from the cloud', async () => {
    const began = new Date();
    const { stdout } = await mustWayside('deploy', NODE, SENSOR_MANIFEST, '--wait', '--timeout', `${APPLY_SECS_MAX}s`);
    expect(stdout).toMatch(/desired version \d+, modules .*sensor/);
    await untilRunning(WITH_SENSOR, APPLY_SECS_MAX);
    const { value } = await until('messages of the sensor', 30, async () => {
      const found = await sensorMessages(began);
      return found.length >= 3 && found;
    });
    expect(value[0]?.body).toMatchObject({ sequence: expect.any(Number), temperature: expect.any(Number) });
    expect(value[0]?.moduleId).toBe('sensor');
  }, 150_000);

  test('the first manifest again removes it', async () => {
    await mustWayside('deploy', NODE, QUICKSTART_MANIFEST, '--wait', '--timeout', `${APPLY_SECS_MAX}s`);
    await untilRunning(BASE_MODULES, APPLY_SECS_MAX);
    expect(Object.keys(await listed())).not.toContain('sensor');
  }, 150_000);

  test('a base deployment and a layer on it reach the node by their condition; without the layer its module goes', async () => {
    const { modulesContent } = await readManifest(SENSOR_MANIFEST);
    const { modules } = modulesContent.$edgeAgent!['properties.desired'] as { modules: { sensor: unknown } };
    const { routes } = modulesContent.$edgeHub!['properties.desired'] as { routes: { [name: string]: unknown } };
    const layer = {
      $edgeAgent: { 'properties.desired.modules.sensor': modules.sensor },
      $edgeHub: Object.fromEntries(
        Object.entries(routes).map(([n, route]) => [`properties.desired.routes.${n}`, route]),
      ),
    };
    const directory = await mkdtemp(join(tmpdir(), 'wayside-e2e-'));
    const file = join(directory, 'layer.json');
    await writeFile(file, JSON.stringify({ modulesContent: layer }));
    try {
      const target = ['--target', `deviceId = '${NODE}'`];
      await mustWayside('deployment', 'create', 'e2e-base', QUICKSTART_MANIFEST, ...target, '--priority', '1');
      const dry = await mustWayside('deployment', 'dry-run', 'e2e-layer', file, ...target, '--priority', '2');
      expect(dry.stdout).toContain('1 would change');
      expect(dry.stdout).toContain('sensor added');
      await mustWayside('deployment', 'create', 'e2e-layer', file, ...target, '--priority', '2');
      await untilRunning(WITH_SENSOR, APPLY_SECS_MAX);
      await until('the node reports success', APPLY_SECS_MAX, async () => {
        const { stdout } = await mustWayside('deployment', 'show', 'e2e-layer', '--json');
        return (JSON.parse(stdout) as { progress: { reportedSuccessful: number } }).progress.reportedSuccessful === 1;
      });
      await mustWayside('deployment', 'delete', 'e2e-layer');
      await untilRunning(BASE_MODULES, APPLY_SECS_MAX);
      expect((await mustWayside('history', NODE)).stdout).toContain('e2e-base + e2e-layer');
      await mustWayside('deployment', 'delete', 'e2e-base');
    } finally {
      await rm(directory, { recursive: true });
    }
    await mustWayside('deploy', NODE, QUICKSTART_MANIFEST, '--wait', '--timeout', `${APPLY_SECS_MAX}s`);
  }, 240_000);

  test('a wrong manifest is refused with every problem, and nothing changes', async () => {
    const manifest = await readManifest(SENSOR_MANIFEST);
    const agent = manifest.modulesContent.$edgeAgent!['properties.desired'] as {
      modules: { [name: string]: { [key: string]: unknown } };
    };
    agent.modules.sensor!.restartPolicy = 'sometimes';
    agent.modules.sensor!.status = 'asleep';
    (agent.modules.MCC!.settings as { createOptions: string }).createOptions = '{no json';
    delete (manifest.modulesContent.$edgeHub!['properties.desired'] as { schemaVersion?: string }).schemaVersion;
    const before = {
      deployed: (await mustWayside('manifest', NODE, '--deployed')).stdout,
      version: (await monitor()).deployment.desiredVersion,
    };
    const directory = await mkdtemp(join(tmpdir(), 'wayside-e2e-'));
    const file = join(directory, 'wrong.json');
    await writeFile(file, JSON.stringify(manifest));
    const { exitCode, stderr } = await wayside('deploy', NODE, file);
    await rm(directory, { recursive: true });
    expect(exitCode).toBe(1);
    for (const path of [
      'modules.sensor.restartPolicy',
      'modules.sensor.status',
      'modules.MCC.settings.createOptions',
      '$edgeHub.properties.desired.schemaVersion',
    ])
      expect(stderr).toContain(path);
    expect(stderr).toMatch(/4 problems, nothing was changed/);
    expect((await mustWayside('manifest', NODE, '--deployed')).stdout).toBe(before.deployed);
    expect((await monitor()).deployment.desiredVersion).toBe(before.version);
    await untilRunning(BASE_MODULES, 10);
  }, 60_000);

  test('the same through Registry.applyConfigurationContentOnDevice of azure-iothub', async () => {
    const registry = await azureRegistry();
    const wrong = await readManifest(SENSOR_MANIFEST);
    (wrong.modulesContent.$edgeAgent!['properties.desired'] as { runtime: unknown }).runtime = { type: 'podman' };
    await expect(registry.applyConfigurationContentOnDevice(NODE, wrong as never)).rejects.toMatchObject({
      response: { statusCode: 400 },
    });
    await untilRunning(BASE_MODULES, 10);
    await registry.applyConfigurationContentOnDevice(NODE, (await readManifest(SENSOR_MANIFEST)) as never);
    await untilRunning(WITH_SENSOR, APPLY_SECS_MAX);
    const { responseBody: twin } = await registry.getModuleTwin(NODE, '$edgeAgent');
    await until('lastDesiredStatus 200', 30, async () => {
      const current = (await registry.getModuleTwin(NODE, '$edgeAgent')).responseBody;
      const { desired, reported } = current.properties;
      return reported.lastDesiredStatus?.code === 200 && reported.lastDesiredVersion === desired.$version;
    });
    expect(JSON.stringify(twin.properties.reported)).not.toContain('password');
  }, 150_000);
}
