// Configurations through the unmodified azure-iothub Registry against the cloud's own process, its death by kill -9 included.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { CloudProcess } from './cloud-process.ts';
import { until } from './cloud-under-test.ts';
import { modulesOf, quickstartContent } from './deployment-bench.ts';
import { failureOf } from './hub-under-test.ts';

/** The suite shares its machine with others. */
jest.setTimeout(180_000);

const cloud = new CloudProcess();
type Registry = Awaited<ReturnType<CloudProcess['registry']>>;
let registry: Registry;
beforeAll(async () => {
  await cloud.start();
  registry = await cloud.registry();
});
afterAll(() => cloud.close());

const content = (version: string) => {
  const modulesContent = quickstartContent();
  Object.assign(modulesOf(modulesContent).MCC!, { version });
  return { modulesContent };
};

const configuration = (id: string, rest: JsonObject) =>
  ({ id, schemaVersion: '1.0', labels: {}, ...rest }) as unknown as Parameters<Registry['addConfiguration']>[0];

async function createEdge(deviceId: string, tags: JsonObject): Promise<void> {
  await registry.create({ deviceId, capabilities: { iotEdge: true } });
  await registry.updateTwin(deviceId, { tags } as never, '*');
}

const twinOf = async (deviceId: string, moduleId?: string) =>
  (moduleId === undefined ? await registry.getTwin(deviceId) : await registry.getModuleTwin(deviceId, moduleId))
    .responseBody as unknown as { configurations?: JsonObject; properties: { desired: JsonObject } };

async function versionOfMcc(deviceId: string): Promise<string | undefined> {
  const { modules } = (await twinOf(deviceId, '$edgeAgent')).properties.desired as {
    modules?: { MCC?: { version: string } };
  };
  return modules?.MCC?.version;
}

describe('configurations of azure-iothub', () => {
  test('addConfiguration, getConfiguration, getConfigurations: the JSON of the service', async () => {
    await createEdge('one', { ring: 'a' });
    const wanted = configuration('base-1', {
      content: content('1'),
      targetCondition: "tags.ring = 'a' OR tags.ring = 'b'",
      priority: 5,
      labels: { team: 'cdn' },
      metrics: {
        queries: { ringA: "SELECT deviceId FROM devices WHERE tags.ring = 'a'", all: 'SELECT COUNT() FROM devices' },
      },
    } as unknown as JsonObject);
    const { responseBody: made } = await registry.addConfiguration(wanted);
    expect(made).toMatchObject({
      id: 'base-1',
      schemaVersion: '1.0',
      labels: { team: 'cdn' },
      contentType: 'assignment',
      priority: 5,
      createdTimeUtc: expect.stringMatching(/^\d{4}-.*Z$/),
      lastUpdatedTimeUtc: expect.stringMatching(/^\d{4}-.*Z$/),
      etag: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/),
      systemMetrics: {
        results: { targetedCount: 0, appliedCount: 0, reportedSuccessfulCount: 0, reportedFailedCount: 0 },
        queries: {
          targetedCount:
            "select deviceId from devices where capabilities.iotEdge = true and (tags.ring = 'a' OR tags.ring = 'b')",
          appliedCount:
            "select deviceId from devices.modules where moduleId = '$edgeAgent' and configurations.[[base-1]].status = 'Applied'",
          reportedSuccessfulCount: expect.stringContaining(
            'and properties.desired.$version = properties.reported.lastDesiredVersion and properties.reported.lastDesiredStatus.code = 200',
          ),
        },
      },
    });
    // Only the key that is meant, or az lists it twice.
    expect(Object.keys(made.content!)).toEqual(['modulesContent']);
    await until('the node has it', async () => (await versionOfMcc('one')) === '1');
    expect((await twinOf('one')).configurations).toEqual({ 'base-1': { status: 'Applied' } });
    const read = await until('metrics', async () => {
      const { responseBody } = await registry.getConfiguration('base-1');
      return responseBody.metrics?.results?.all === undefined ? undefined : responseBody;
    });
    expect(read.metrics).toMatchObject({ results: { ringA: 1, all: 1 } });
    expect(read.systemMetrics?.results).toMatchObject({ targetedCount: 1, appliedCount: 1 });
    const { responseBody: list } = await registry.getConfigurations();
    expect((list as unknown as { id: string }[]).map(({ id }) => id)).toEqual(['base-1']);
  });

  test('the same id again, faulty conditions and content, wrong etags are refused', async () => {
    const twice = await failureOf(
      registry.addConfiguration(configuration('base-1', { content: content('1') as never })),
    );
    expect(twice).toMatchObject({ name: 'DeviceAlreadyExistsError' });
    const faulty = configuration('faulty', { content: content('1') as never, targetCondition: 'tags.a =' });
    expect(await failureOf(registry.addConfiguration(faulty))).toMatchObject({ name: 'ArgumentError' });
    const upper = configuration('Upper', { content: content('1') as never });
    expect(await failureOf(registry.addConfiguration(upper))).toMatchObject({ name: 'ArgumentError' });
    const { responseBody: stored } = await registry.getConfiguration('base-1');
    const stale = { ...stored, etag: 'MQ==' } as typeof stored;
    expect(await failureOf(registry.updateConfiguration(stale))).toMatchObject({ name: 'InvalidEtagError' });
    const other = { ...stored, content: content('2') } as unknown as typeof stored;
    const changed = await failureOf(registry.updateConfiguration(other));
    expect(changed).toMatchObject({ name: 'ArgumentError' });
    expect(changed.message).toContain('content never changes');
    expect(await failureOf(registry.getConfiguration('nothing'))).toMatchObject({ message: 'Not found' });
  });

  test('updateConfiguration by etag and by force: a new condition takes effect at once', async () => {
    const { responseBody: stored } = await registry.getConfiguration('base-1');
    await createEdge('two', { ring: 'c' });
    const wider = { ...stored, targetCondition: '*' } as typeof stored;
    const { responseBody: updated } = await registry.updateConfiguration(wider);
    expect(updated.etag).not.toBe(stored.etag);
    await until('the second node has it', async () => (await versionOfMcc('two')) === '1');
    await registry.updateConfiguration({ ...stored, priority: 7, targetCondition: '*' } as typeof stored, true);
    expect((await registry.getConfiguration('base-1')).responseBody.priority).toBe(7);
  });

  test('testQueries names what is wrong with each', async () => {
    // This version of the SDK has no call for it: the request of az, through the SDK's own HTTP client.
    const client = (registry as unknown as { _restApiClient: { executeApiCall(...call: unknown[]): void } })
      ._restApiClient;
    const body = {
      targetCondition: 'tags.a = ',
      customMetricQueries: { good: 'SELECT deviceId FROM devices', bad: 'SELECT nothing' },
    };
    const answer = await new Promise<{ targetConditionError: string; customMetricQueryErrors: JsonObject }>(
      (resolve, reject) => {
        const path = '/configurations/testQueries?api-version=2021-04-12';
        const headers = { 'Content-Type': 'application/json; charset=utf-8' };
        client.executeApiCall('POST', path, headers, body, (error: unknown, result: never) =>
          error ? reject(error) : resolve(result),
        );
      },
    );
    expect(answer.targetConditionError).toContain('position');
    expect(Object.keys(answer.customMetricQueryErrors)).toEqual(['bad']);
  });

  test('applyConfigurationContentOnDevice is a write: a configuration that targets the device takes over again', async () => {
    await registry.applyConfigurationContentOnDevice('one', content('own'));
    await until('the configuration is back', async () => (await versionOfMcc('one')) === '1');
    await createEdge('three', {});
    const { responseBody: stored } = await registry.getConfiguration('base-1');
    await registry.updateConfiguration({ ...stored, targetCondition: "deviceId != 'three'" } as typeof stored, true);
    await until('three is out', async () => (await twinOf('three')).configurations === undefined);
    await registry.applyConfigurationContentOnDevice('three', content('own'));
    expect(await versionOfMcc('three')).toBe('own');
  });

  test('settings of devices and modules come and go with their configurations', async () => {
    await registry.create({ deviceId: 'plain' });
    await registry.updateTwin('plain', { properties: { desired: { own: 1 } } } as never, '*');
    const settings = { 'properties.desired.climate.max': 30 };
    await registry.addConfiguration(
      configuration('dev-1', { content: { deviceContent: settings }, targetCondition: "deviceId = 'plain'" }),
    );
    await until('the setting', async () => (await twinOf('plain')).properties.desired.climate !== undefined);
    await registry.addConfiguration(
      configuration('mod-1', {
        content: { moduleContent: { 'properties.desired.level': 'high' } },
        targetCondition: "FROM devices.modules WHERE moduleId = 'MCC'",
      }),
    );
    await until('the module setting', async () => (await twinOf('one', 'MCC')).properties.desired.level === 'high');
    expect((await twinOf('one', 'MCC')).configurations).toEqual({ 'mod-1': { status: 'Applied' } });
    const { responseBody: list } = await registry.getConfigurations();
    const kinds = (list as unknown as { content: object }[]).map((each) => Object.keys(each.content)[0]);
    expect(kinds.sort()).toEqual(['deviceContent', 'moduleContent', 'modulesContent']);
    await registry.removeConfiguration('dev-1');
    await registry.removeConfiguration('mod-1');
    await until('both are gone', async () => {
      const device = (await twinOf('plain')).properties.desired;
      const module = (await twinOf('one', 'MCC')).properties.desired;
      return device.climate === undefined && module.level === undefined && device.own === 1;
    });
  });

  test('a cloud killed in the middle of a deployment to many finishes it after its start', async () => {
    const fleet = Array.from({ length: 80 }, (_, n) => `fleet-${String(n).padStart(3, '0')}`);
    for (const deviceId of fleet) await registry.create({ deviceId, capabilities: { iotEdge: true } });
    await registry.addConfiguration(
      configuration('base-2', { content: content('2') as never, targetCondition: '*', priority: 50 }),
    );
    await cloud.kill('SIGKILL');
    await cloud.start();
    registry = await cloud.registry();
    const counts = await until('all have it', async () => {
      const { systemMetrics } = (await registry.getConfiguration('base-2')).responseBody;
      const results = systemMetrics?.results as { appliedCount: number } | undefined;
      return results && results.appliedCount >= fleet.length + 3 ? results : undefined;
    });
    // The plain device is none of the edge.
    expect(counts).toMatchObject({ targetedCount: fleet.length + 3, appliedCount: fleet.length + 3 });
    for (const deviceId of [fleet[0]!, fleet.at(-1)!, 'one']) expect(await versionOfMcc(deviceId)).toBe('2');
    await registry.removeConfiguration('base-2');
    await until('the lower base is back', async () => (await versionOfMcc('one')) === '1');
  });
});
