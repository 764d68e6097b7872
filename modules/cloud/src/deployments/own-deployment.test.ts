// Deployments of one device beside configurations: who has the say, what follows the fields of a node, the history and the way back.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { JsonObject, ModulesContent } from '@wayside/protocol';
import { type DeploymentBench, modulesOf, openBench, quickstartContent } from '../../test/deployment-bench.ts';
import { applyContent, readContent, restoreDeployment } from './apply-content.ts';
import { addDeployment, DEPLOYMENTS_PER_DEVICE_MAX } from './deployment-history.ts';
import { Deployments } from './deployments.ts';

/** The machine may be busy with other suites. */
jest.setTimeout(30_000);

let bench: DeploymentBench;
let deployments: Deployments;
beforeEach(async () => {
  bench = await openBench();
  deployments = new Deployments(bench);
  await bench.registry.createDevice('d', { iotEdge: true });
});
afterEach(() => bench.db.destroy());

const version = (text: string): ModulesContent => {
  const content = quickstartContent();
  Object.assign(modulesOf(content).MCC!, { version: text });
  return content;
};
const deployed = async () =>
  modulesOf(await readContent(bench.db, 'd')).MCC as { version: string; settings: JsonObject };
const base = (text: string) => ({
  content: { modulesContent: version(text) } as JsonObject,
  targetCondition: '*',
  priority: 1,
});
const imageLayer = {
  content: { modulesContent: { $edgeAgent: { 'properties.desired.modules.MCC.settings.image': 'cache:next' } } },
  targetCondition: '*',
};
const history = async () =>
  (await deployments.history('d')).map(({ by, origin, baseId, layers, content }) => [
    ...[by, origin, baseId, layers.join()],
    modulesOf(content).MCC?.version,
  ]);

describe('a deployment to one device', () => {
  test('is overridden at the next evaluation while a base configuration targets the device, and stays when none does', async () => {
    await bench.configurations.create('base', base('fleet'), 'ann');
    await bench.settle();
    await applyContent(bench, 'd', version('own'), { by: 'bob' });
    expect((await deployed()).version).toBe('own');
    expect(await deployments.baseOf('d')).toBe('base');
    await bench.settle();
    expect((await deployed()).version).toBe('fleet');
    await bench.configurations.update('base', { targetCondition: '' }, '*');
    await bench.settle();
    await applyContent(bench, 'd', version('own'));
    await bench.settle();
    expect((await deployed()).version).toBe('own');
    expect(await deployments.baseOf('d')).toBeUndefined();
  });

  test('takes no layers: they need a base', async () => {
    await applyContent(bench, 'd', version('own'));
    await bench.configurations.create('layer', imageLayer);
    await bench.settle();
    expect((await deployed()).settings.image).toBe('wayside/cache:0.1.0');
  });
});

describe('a deployment made from the fields of a node', () => {
  const apply = (text: string) => applyContent(bench, 'd', version(text), { followsFields: true });

  test('is the lowest base: layers lie on it, a base configuration takes its place and gives it back', async () => {
    await apply('1');
    await bench.configurations.create('layer', imageLayer);
    await bench.settle();
    expect(await deployed()).toMatchObject({ version: '1', settings: { image: 'cache:next' } });
    expect((await bench.twins.get('d', '$edgeAgent'))!.configurations).toEqual({ layer: { status: 'Applied' } });
    await bench.configurations.create('base', { ...base('fleet'), priority: 5 });
    await bench.settle();
    // The layer (0) is not above this base (5).
    expect(await deployed()).toMatchObject({ version: 'fleet', settings: { image: 'wayside/cache:0.1.0' } });
    await bench.configurations.remove('base', '*');
    await bench.settle();
    expect(await deployed()).toMatchObject({ version: '1', settings: { image: 'cache:next' } });
  });

  test('changed fields reach the device in one version, layers on them at once', async () => {
    await apply('1');
    await bench.configurations.create('layer', imageLayer);
    await bench.settle();
    const before = (await bench.twins.get('d', '$edgeAgent'))!.desiredVersion;
    await apply('2');
    await bench.settle();
    expect(await deployed()).toMatchObject({ version: '2', settings: { image: 'cache:next' } });
    expect((await bench.twins.get('d', '$edgeAgent'))!.desiredVersion).toBe(before + 1);
    expect(await deployments.own('d')).toEqual({ content: version('2'), followsFields: true });
  });

  test('changed while a base configuration has the say, it waits and comes back changed', async () => {
    await apply('1');
    await bench.configurations.create('base', base('fleet'));
    await bench.settle();
    const before = (await bench.twins.get('d', '$edgeAgent'))!.desiredVersion;
    await apply('2');
    await bench.settle();
    expect((await deployed()).version).toBe('fleet');
    expect((await bench.twins.get('d', '$edgeAgent'))!.desiredVersion).toBe(before);
    await bench.configurations.remove('base', '*');
    await bench.settle();
    expect((await deployed()).version).toBe('2');
  });

  test('a merge that is no deployment changes nothing and says why', async () => {
    await apply('1');
    const settings = {
      content: { modulesContent: { $edgeAgent: { 'properties.desired.modules.ghost.settings.image': 'x' } } },
    };
    await bench.configurations.create('layer', { ...settings, targetCondition: '*' });
    await bench.settle();
    const [row] = await deployments.targets('layer', { after: '', limit: 10 });
    expect(row).toMatchObject({ deviceId: 'd', status: 'Targeted', problem: expect.stringContaining('modules.ghost') });
    expect((await deployed()).settings.image).toBe('wayside/cache:0.1.0');
    await bench.configurations.remove('layer', '*');
    await bench.settle();
    const left = await bench.db.selectFrom('device_deployment').select('problem').executeTakeFirst();
    expect(left).toEqual({ problem: null });
  });
});

describe('history', () => {
  test('every effective content with its author and origin, newest first, nothing twice', async () => {
    await applyContent(bench, 'd', version('1'), { by: 'ann', followsFields: true });
    await applyContent(bench, 'd', version('own'), { by: 'bob' });
    await applyContent(bench, 'd', version('own'), { by: 'bob' });
    await bench.configurations.create('base', base('fleet'), 'carl');
    await bench.settle();
    await bench.configurations.create('layer', { ...imageLayer, priority: 2 }, 'dora');
    await bench.settle();
    expect(await history()).toEqual([
      ['dora', 'configuration', 'base', 'layer', 'fleet'],
      ['carl', 'configuration', 'base', '', 'fleet'],
      ['bob', 'device', null, '', 'own'],
      ['ann', 'fields', null, '', '1'],
    ]);
    const newest = (await deployments.history('d'))[0]!.seq;
    expect((await deployments.past('d', newest)).changes).toEqual([
      { module: 'MCC', change: 'changed', paths: ['definition.settings.image'] },
    ]);
  });

  test('back to any of them; refused while a configuration would take over', async () => {
    await applyContent(bench, 'd', version('1'), { by: 'ann' });
    const { MCC: _left, ...agentModules } = modulesOf(version('2'));
    const second = version('2');
    (second.$edgeAgent!['properties.desired'] as JsonObject).modules = agentModules;
    delete second.MCC;
    await applyContent(bench, 'd', second, { by: 'ann' });
    expect((await bench.registry.listModules('d')).map(({ moduleId }) => moduleId)).not.toContain('MCC');
    const [, first] = await deployments.history('d');
    await restoreDeployment(bench, 'd', first!.seq, 'bob');
    expect(await readContent(bench.db, 'd')).toEqual(version('1'));
    expect((await history())[0]).toEqual(['bob', 'restore', null, '', '1']);
    await bench.configurations.create('base', base('fleet'));
    await bench.settle();
    await expect(restoreDeployment(bench, 'd', first!.seq, 'bob')).rejects.toMatchObject({
      code: 'CLOUD_DEPLOYMENT_TARGETED',
      message: expect.stringContaining('"base"'),
    });
    await expect(restoreDeployment(bench, 'd', 9_999, 'bob')).rejects.toMatchObject({
      code: 'CLOUD_DEPLOYMENT_NOT_FOUND',
    });
  });

  test('is bounded, and gone with the device', async () => {
    const past = {
      deviceId: 'd',
      atMs: 0,
      by: '',
      origin: 'device',
      baseId: null,
      layers: [],
      desiredVersion: 1,
    } as const;
    for (let n = 0; n < DEPLOYMENTS_PER_DEVICE_MAX + 3; n += 1) {
      await addDeployment(bench.db, { ...past, layers: [], content: version(String(n)) });
    }
    const kept = await deployments.history('d');
    expect(kept).toHaveLength(DEPLOYMENTS_PER_DEVICE_MAX);
    expect(modulesOf(kept.at(-1)!.content).MCC!.version).toBe('3');
    await bench.registry.deleteDevice('d', '*');
    await bench.registry.createDevice('d', { iotEdge: true });
    expect(await deployments.history('d')).toEqual([]);
    await expect(deployments.history('nobody')).rejects.toMatchObject({ code: 'CLOUD_DEVICE_NOT_FOUND' });
  });
});

describe('dry run', () => {
  test('says which devices would change and how, and changes nothing', async () => {
    await bench.registry.createDevice('e', { iotEdge: true });
    await bench.registry.createDevice('leaf', {});
    await bench.configurations.create('base', base('1'));
    await bench.settle();
    const events: string[] = [];
    bench.bus.on('desired', ({ deviceId }) => events.push(deviceId));
    const put = (body: JsonObject, id = 'layer') => deployments.dryRun({ put: { id, body } });
    const sensor = { type: 'docker', status: 'running', restartPolicy: 'always', settings: { image: 's:1' } };
    const content = {
      modulesContent: {
        $edgeAgent: { 'properties.desired.modules.sensor': sensor, 'properties.desired.modules.MCC.version': '9' },
        sensor: { 'properties.desired': { rate: 1 } },
      },
    };
    expect(await put({ content, targetCondition: "deviceId = 'd'", priority: 2 })).toEqual({
      ...{ devices: 3, targeted: 1, changed: 1, problems: 0 },
      forecasts: [
        {
          deviceId: 'd',
          before: { base: 'base', layers: [] },
          after: { base: 'base', layers: ['layer'] },
          changes: [
            { module: 'MCC', change: 'changed', paths: ['definition.version'] },
            { module: 'sensor', change: 'added', paths: ['definition', 'properties.desired.rate'] },
          ],
          problem: null,
        },
      ],
    });
    // A change of one that is there; its deletion; what cannot be.
    expect(await put({ targetCondition: "deviceId = 'e'" }, 'base')).toMatchObject({ targeted: 1, changed: 0 });
    expect(await deployments.dryRun({ remove: 'base' })).toMatchObject({ targeted: 0, changed: 0 });
    await expect(deployments.dryRun({ remove: 'nothing' })).rejects.toMatchObject({
      code: 'CLOUD_CONFIGURATION_NOT_FOUND',
    });
    await expect(put({ content, targetCondition: 'tags.' })).rejects.toMatchObject({
      code: 'CLOUD_CONFIGURATION_INVALID',
    });
    const ghost = { modulesContent: { $edgeAgent: { 'properties.desired.modules.ghost.version': '1' } } };
    expect(await put({ content: ghost, targetCondition: '*', priority: 2 })).toMatchObject({
      targeted: 2,
      changed: 0,
      problems: 2,
    });
    await bench.settle();
    expect(events).toEqual([]);
    expect(await bench.configurations.list()).toHaveLength(1);
  });
});
