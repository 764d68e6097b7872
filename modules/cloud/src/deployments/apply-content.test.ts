import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { type DeploymentBench, modulesOf, openBench, quickstartContent } from '../../test/deployment-bench.ts';
import { applyContent, readContent } from './apply-content.ts';

/** The machine may be busy with other suites. */
jest.setTimeout(30_000);

let parts: DeploymentBench;
let events: string[];
beforeEach(async () => {
  parts = await openBench();
  await parts.registry.createDevice('d', { iotEdge: true });
  events = [];
  parts.bus.on('identity', (event) => events.push(`${event.change} ${event.moduleId}`));
  parts.bus.on('desired', (event) => events.push(`desired ${event.moduleId} ${event.version}`));
});
afterEach(() => parts.db.destroy());

const manifest = quickstartContent;
const agentModules = modulesOf;
const moduleIds = async () => (await parts.registry.listModules('d')).map((module) => module.moduleId);

describe('applyContent()', () => {
  test('tells the agent last, after modules and hub are ready', async () => {
    expect(await applyContent(parts, 'd', manifest())).toEqual({
      desiredVersion: 2,
      modules: ['$edgeAgent', '$edgeHub', 'MCC'],
    });
    expect(events).toEqual(['created MCC', 'desired MCC 2', 'desired $edgeHub 2', 'desired $edgeAgent 2']);
  });

  test('equal content, whatever the order of its keys, changes and tells nothing', async () => {
    await applyContent(parts, 'd', manifest());
    events.length = 0;
    const turned = Object.fromEntries(Object.entries(manifest()).reverse());
    expect(await applyContent(parts, 'd', turned)).toMatchObject({ desiredVersion: 2 });
    expect(events).toEqual([]);
  });

  test('a changed module twin leaves the others as they are', async () => {
    await applyContent(parts, 'd', manifest());
    events.length = 0;
    const content = manifest();
    content.MCC = { 'properties.desired': { drain: true } };
    await applyContent(parts, 'd', content);
    expect(events).toEqual(['desired MCC 3']);
    expect(await readContent(parts.db, 'd')).toEqual(content);
  });

  test('the same manifest again is no new version, also when it holds nulls', async () => {
    const content = manifest();
    content.MCC = { 'properties.desired': { level: 1, unset: null } };
    await applyContent(parts, 'd', content);
    events.length = 0;
    expect(await applyContent(parts, 'd', content)).toMatchObject({ desiredVersion: 2 });
    expect(events).toEqual([]);
  });

  test('a module that only the agent names is made too; those no longer named go, others of the owner stay', async () => {
    await parts.registry.createModule('d', 'handmade', {});
    const content = manifest();
    agentModules(content).extra = { ...agentModules(content).MCC };
    await applyContent(parts, 'd', content);
    expect(await moduleIds()).toEqual(['$edgeAgent', '$edgeHub', 'MCC', 'extra', 'handmade']);
    await applyContent(parts, 'd', manifest());
    expect(await moduleIds()).toEqual(['$edgeAgent', '$edgeHub', 'MCC', 'handmade']);
  });

  test('is all or nothing: a device without room for a module keeps every module and version', async () => {
    const old = manifest();
    agentModules(old).gone = { ...agentModules(old).MCC };
    await applyContent(parts, 'd', old);
    for (let n = 0; n < 46; n += 1) await parts.registry.createModule('d', `own${n}`, {});
    const before = await moduleIds();
    expect(before).toHaveLength(50);
    events.length = 0;
    const content = manifest();
    for (const name of ['new1', 'new2']) agentModules(content)[name] = { ...agentModules(content).MCC };
    await expect(applyContent(parts, 'd', content)).rejects.toMatchObject({ code: 'CLOUD_MODULE_LIMIT' });
    expect(await moduleIds()).toEqual(before);
    expect(await readContent(parts.db, 'd')).toEqual(old);
    expect(events).toEqual([]);
  });

  test('names every problem of a faulty manifest', async () => {
    const content = manifest();
    const mcc = agentModules(content).MCC as JsonObject;
    Object.assign(mcc, { status: 'flying', restartPolicy: 'sometimes' });
    await expect(applyContent(parts, 'd', content)).rejects.toMatchObject({
      code: 'CLOUD_MANIFEST_INVALID',
      details: {
        problems: expect.arrayContaining([
          expect.objectContaining({ path: expect.stringMatching(/MCC\.status$/) }),
          expect.objectContaining({ path: expect.stringMatching(/MCC\.restartPolicy$/) }),
        ]),
      },
    });
    expect(await readContent(parts.db, 'd')).toEqual({});
  });

  test('missing and ordinary devices', async () => {
    await expect(applyContent(parts, 'nobody', manifest())).rejects.toMatchObject({ code: 'CLOUD_DEVICE_NOT_FOUND' });
    await parts.registry.createDevice('leaf', {});
    await expect(applyContent(parts, 'leaf', manifest())).rejects.toMatchObject({ code: 'CLOUD_NOT_EDGE_DEVICE' });
    await expect(readContent(parts.db, 'nobody')).rejects.toMatchObject({ code: 'CLOUD_DEVICE_NOT_FOUND' });
  });
});
