import { describe, expect, test } from '@jest/globals';
import { EdgeError } from '@wayside/kit';
import { createBench } from '../../test/node-bench.ts';
import { fieldsOf } from './node-fields.ts';
import { manifestHash } from './node-manifest.ts';

async function refused(promise: Promise<unknown>): Promise<EdgeError> {
  const error = await promise.then(
    () => new Error('was not refused'),
    (reason) => reason,
  );
  if (!(error instanceof EdgeError)) throw error;
  return error;
}

describe('NodeRegistry.create()', () => {
  test('makes the device and deploys the manifest of the fields', async () => {
    const bench = await createBench();
    const node = await bench.aNode();
    expect(bench.platform.devices.has('edge1')).toBe(true);
    expect(bench.platform.contents.get('edge1')).toEqual(bench.nodes.manifestOf(node));
    expect(await bench.nodes.get('edge1')).toEqual(node);
    expect(await bench.events()).toEqual(['Cache node created']);
  });

  test('a name that a device of the hub holds is in use; nothing is left behind', async () => {
    const bench = await createBench();
    await bench.platform.createEdgeDevice('edge1');
    const error = await refused(bench.aNode());
    expect(error).toMatchObject({
      code: 'CLOUD_NODE_CONFLICT',
      details: { problems: [{ code: 'NameInvalidOrInUse' }] },
    });
    expect(await bench.nodes.list()).toEqual([]);
    expect(bench.platform.devices.has('edge1')).toBe(true);
  });

  test('a deployment that fails takes node and device back', async () => {
    const bench = await createBench();
    bench.platform.applyFailure = new Error('disk full');
    await expect(bench.aNode()).rejects.toThrow('disk full');
    expect(await bench.nodes.list()).toEqual([]);
    expect(bench.platform.devices.size).toBe(0);
  });

  test('two at once cannot take the same address', async () => {
    const bench = await createBench();
    const results = await Promise.allSettled([bench.aNode({ name: 'a' }), bench.aNode({ name: 'b' })]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
  });
});

describe('NodeRegistry.change()', () => {
  test('a deployment made from the fields follows them', async () => {
    const bench = await createBench();
    await bench.aNode();
    const { node, followed } = await bench.nodes.change('edge1', { httpPort: 8080 });
    expect(followed).toBe(true);
    expect(bench.platform.contents.get('edge1')).toEqual(bench.nodes.manifestOf(node));
    expect(await bench.events()).toEqual(['Cache node created', 'Fields changed: httpPort']);
  });

  test('the timeline names who did it', async () => {
    const bench = await createBench();
    await bench.nodes.create({ name: 'edge1' }, 'alice');
    expect(bench.platform.appliedBy).toBe('alice');
    await bench.nodes.change('edge1', { httpPort: 8080 }, 'bob');
    expect(bench.platform.appliedBy).toBe('alice');
    await bench.nodes.change('edge1', { drives: [{ path: '/d', sizeGb: 10 }] }, 'carol');
    expect(bench.platform.appliedBy).toBe('carol');
    await bench.nodes.deploy('edge1', {}, 'dora');
    expect(bench.platform.appliedBy).toBe('dora');
    expect(await bench.events()).toEqual([
      'Cache node created by alice',
      'Fields changed by bob: httpPort',
      'Fields changed by carol: drives',
    ]);
  });

  test('a deployment that an operator wrote is left as it is', async () => {
    const bench = await createBench();
    await bench.aNode();
    const own = { $edgeAgent: { 'properties.desired': { own: true } } };
    await bench.platform.applyContent('edge1', own);
    expect(await bench.nodes.change('edge1', { httpPort: 8080 })).toMatchObject({ followed: false });
    expect(bench.platform.contents.get('edge1')).toEqual(own);
  });

  test('a deployment made by an older version follows as well', async () => {
    const bench = await createBench();
    const node = await bench.aNode();
    // What the version before made of the same fields, as its digest says.
    const old = { ...bench.nodes.manifestOf(node), older: { 'properties.desired': {} } };
    await bench.platform.applyContent('edge1', old);
    await bench.db
      .updateTable('cache_node')
      .set({ manifest_hash: manifestHash(old) })
      .execute();
    const changed = await bench.nodes.change('edge1', { httpPort: 8080 });
    expect(changed.followed).toBe(true);
    expect(bench.platform.contents.get('edge1')).toEqual(bench.nodes.manifestOf(changed.node));
  });

  test('a drained node refuses its clients also under a deployment of the operator', async () => {
    const bench = await createBench();
    const node = await bench.aNode();
    await bench.nodes.change('edge1', { isDraining: true });
    expect(bench.platform.twinPatches).toEqual([]);
    expect(bench.platform.contents.get('edge1')?.MCC).toMatchObject({ 'properties.desired': { drain: true } });
    const own = { ...bench.nodes.manifestOf(node), sensor: { 'properties.desired': {} } };
    await bench.platform.applyContent('edge1', own);
    await bench.nodes.change('edge1', { isDraining: false });
    expect(bench.platform.twinPatches).toEqual([
      { deviceId: 'edge1', moduleId: 'MCC', patch: { desired: { drain: null } } },
    ]);
    expect(bench.platform.contents.get('edge1')).toEqual(own);
  });

  test('a password is a change of the form, and goes to the module alone', async () => {
    const bench = await createBench();
    await bench.aNode({ prefixSource: 'bgp' });
    const neighbor = { neighborAddress: '192.0.2.1', neighborAsn: 64510 };
    await bench.nodes.change('edge1', { bgp: { sessions: [neighbor] } });
    const sessions = [{ ...neighbor, password: 's3cret' }];
    const { node, followed } = await bench.nodes.change('edge1', { bgp: { sessions } });
    expect(followed).toBe(true);
    expect(JSON.stringify(bench.platform.contents.get('edge1')?.bgp)).toContain('"password":"s3cret"');
    expect(JSON.stringify(fieldsOf(node))).not.toContain('s3cret');
    expect(await bench.nodes.get('edge1')).toEqual(node);
    expect((await bench.events()).at(-1)).toBe('Fields changed: bgp');
    await bench.nodes.change('edge1', { prefixSource: 'manual' });
    expect(bench.platform.contents.get('edge1')?.bgp).toBeUndefined();
  });

  test('a server that registers is named in the manifest where a module needs its name', async () => {
    const bench = await createBench();
    const sessions = [{ neighborAddress: '192.0.2.1', neighborAsn: 64510 }];
    const before = await bench.aNode({ prefixSource: 'bgp', bgp: { sessions } });
    await bench.db.updateTable('cache_node').set({ provisioned_host: 'edge-host' }).execute();
    await bench.nodes.registered(before);
    expect(JSON.stringify(bench.platform.contents.get('edge1'))).toContain('edge-host:127.0.0.1');
  });

  test('fields that do not touch the manifest do not touch the deployment', async () => {
    const bench = await createBench();
    await bench.aNode();
    const version = bench.platform.desiredVersion;
    await bench.nodes.change('edge1', { isEnabled: false, cidrs: ['10.0.0.0/8'] });
    expect(bench.platform.desiredVersion).toBe(version);
  });

  test('a deployment that fails takes the fields back', async () => {
    const bench = await createBench();
    await bench.aNode();
    bench.platform.applyFailure = new Error('disk full');
    await expect(bench.nodes.change('edge1', { httpPort: 8080 })).rejects.toThrow('disk full');
    expect((await bench.nodes.get('edge1')).httpPort).toBe(80);
  });

  test('a node is no conflict with itself', async () => {
    const bench = await createBench();
    await bench.aNode({ cidrs: ['10.0.0.0/8'] });
    await bench.nodes.change('edge1', { cidrs: ['10.0.0.0/8', '11.0.0.0/8'] });
    expect((await bench.nodes.get('edge1')).cidrs).toHaveLength(2);
  });
});

describe('NodeRegistry.rotateCustomerKey()', () => {
  test('the cache gets the new key with the deployment that follows the fields', async () => {
    const bench = await createBench();
    const before = await bench.aNode();
    const after = await bench.nodes.rotateCustomerKey('edge1', 'alice');
    expect(after.customerKey).not.toBe(before.customerKey);
    expect(after.cacheNodeId).toBe(before.cacheNodeId);
    expect(await bench.nodes.get('edge1')).toEqual(after);
    expect(bench.platform.contents.get('edge1')).toEqual(bench.nodes.manifestOf(after));
    expect((await bench.events()).at(-1)).toBe('Customer key rotated by alice');
  });

  test('in a deployment of the operator the key is replaced wherever a module has it', async () => {
    const bench = await createBench();
    const before = await bench.aNode();
    const own = { ...bench.nodes.manifestOf(before), sensor: { 'properties.desired': { a: 1 } } };
    await bench.platform.applyContent('edge1', own);
    const { customerKey } = await bench.nodes.rotateCustomerKey('edge1');
    const text = JSON.stringify(bench.platform.contents.get('edge1'));
    expect(text).toBe(JSON.stringify(own).replaceAll(before.customerKey, customerKey));
  });

  test('a deployment that fails takes the key back', async () => {
    const bench = await createBench();
    const before = await bench.aNode();
    bench.platform.applyFailure = new Error('disk full');
    await expect(bench.nodes.rotateCustomerKey('edge1')).rejects.toThrow('disk full');
    expect((await bench.nodes.get('edge1')).customerKey).toBe(before.customerKey);
  });
});

describe('NodeRegistry.remove() and repair()', () => {
  test('device and history go with the node, also when the device is gone already', async () => {
    const bench = await createBench();
    await bench.aNode();
    await bench.platform.deleteDevice('edge1');
    await bench.nodes.remove('edge1');
    expect((await refused(bench.nodes.get('edge1'))).code).toBe('CLOUD_NODE_NOT_FOUND');
    expect(await bench.events()).toEqual([]);
  });

  test('a start makes the device that a crash left out', async () => {
    const bench = await createBench();
    const node = await bench.aNode();
    await bench.platform.deleteDevice('edge1');
    await bench.nodes.repair();
    expect(bench.platform.contents.get('edge1')).toEqual(bench.nodes.manifestOf(node));
  });

  test('a start makes the first deployment that a crash left out, and leaves a deployment as it is', async () => {
    const bench = await createBench();
    const node = await bench.aNode();
    bench.platform.contents.delete('edge1');
    await bench.nodes.repair();
    expect(bench.platform.contents.get('edge1')).toEqual(bench.nodes.manifestOf(node));
    const own = { $edgeAgent: { 'properties.desired': { own: true } } };
    bench.platform.contents.set('edge1', own);
    await bench.nodes.repair();
    expect(bench.platform.contents.get('edge1')).toEqual(own);
  });
});
